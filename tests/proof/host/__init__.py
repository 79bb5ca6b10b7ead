"""The real program on a host that fails: disks, clocks, limits, streams, files and signals.

`faults.c` is preloaded beside the shim of `tests/proof/crash`. It makes calls on files of one folder fail, and moves the wall
clock, as a shared page of memory says (`faults.py`). `living.py` is a daemon that runs meanwhile. After each fault the ledger
must be sound and agree with the remotes, and a plain run must finish the work.

Not tried: a wrong owner without root, and a failing `mmap` of SQLite's index (SIGBUS).
"""
