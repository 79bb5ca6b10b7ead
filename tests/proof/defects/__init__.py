"""Faults that a programmer might make, each of which some test must notice.

A defect is a small function that changes the program in memory; nothing of it is in the program itself. The environment
variable `SYNCD_DEFECT` names the one to plant, and `tests/conftest.py` plants it. `python -m tests.proof.defects` writes the
table of them all into `build/proof/defects.md`.
"""
