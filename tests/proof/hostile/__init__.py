"""Answers that no honest server gives, over real sockets, to every client of the product.

`server.py` asks CTGO's simulator or a CRM fake for the good answer and lets a script spoil it. `wire.py` has broken banners,
heads, lengths, chunks, statuses, redirects, charsets, bombs and drips. `bodies.py` has bodies that answer nothing, and breaks a
good answer by its structure.

Each answer must end within seconds as one failure of ours, in one line and without the key. It leaves no descriptor, thread or
memory behind, leads to no other host, and is never believed. The health listener meets hostile peers in the same way.
Hypothesis fuzzes whatever parses.

Known limits: a second answer in the packet of a good one is taken for the answer to the next request, as in any client that
keeps connections. A webhook's 2xx is believed whatever its body. `http.client` reads an invalid length as none.
"""
