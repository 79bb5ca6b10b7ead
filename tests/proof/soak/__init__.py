"""A long run of the real daemon on loopback: `make soak SECONDS=3600`.

Two accounts, four connectors and two leads a second meet all kinds of trouble, reloads, pulls on demand, stops, and kills in the
first fifth of the time. Each export is judged when it comes in. At the end the weather clears and everything must settle. The
verdict covers the promises, and the growth of memory, descriptors, threads, WAL and bytes per lead.
"""
