"""Whole worlds from a seed: days, weeks and months of the real daemon in seconds of virtual time.

The daemon's lanes run on a real SQLite file, with the five connectors over their real libraries, against CTGO's simulator and
the CRM fakes.

`scheduler.py` runs one thread at a time. A thread yields at a wait, a transaction or a request, and a seeded draw picks the
next; time moves when all wait. `libraries.py` and `network.py` lead httpx, urllib3 and requests to WSGI apps. `weather.py` has
the kinds of trouble on the way. `script.py`, `acts.py` and `people.py` decide what happens and when: leads, deaths, restores,
clock jumps, and every command of an operator. `oracle.py` judges each commit, each export, each death and each day.

A process dies at a seam, without any `finally`, and the next life finds the files as they were. At the end the weather clears,
and everything must settle. The same seed gives the same run to the byte. A run of all worlds fails if some kind of trouble,
act or change of state never occurred in it.
"""
