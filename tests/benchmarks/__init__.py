"""`make bench`: syncd against its peers, which live in `.venv-bench`. It fails if a bar is missed.

`cases/` has one module per theme. `contestants.py`, `peers.py` and `peer/` define who does the same work. `upstream.py`,
`polled.py` and `remotes.py` are the other side. `measuring.py`, `table.py` and `running.py` measure and report.
`docs/performance.md` explains the method.
"""
