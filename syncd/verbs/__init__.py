"""The verbs: acts and readings of a person, without a terminal, a page or an exit code.

The command line parses, asks and prints; the console reads forms and makes pages. Both come here for the rest, so that one
act is the same by either way.
"""
