"""Remotes of two authors in one world, and an oracle that asks them from outside.

The first author wrote syncd, CTGO's simulator and the CRM fakes, and so all of them share one set of beliefs. The second
author wrote a CTGO and three CRMs from the vendors' documents alone, in `tests/opponent`. A world draws each remote from
one author or the other.

`remote.py` is the protocol of both. `first.py` and `second.py` bring each author's remotes under it, and `authors.py` draws.
`oracle.py` asks at the end of a world, after a quiet day, from outside alone. `liveness.py` measures how long healthy leads
wait behind poisoned ones.
"""
