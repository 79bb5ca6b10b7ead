"""The real program, on real files and sockets, killed at each call and cut off from power at each moment.

`shim/` is preloaded into the program. It counts the program's system calls, and kills it at a given call or logs the call.
`forking.py` has imported syncd and forks one child per run, so that the start is paid once. `remotes.py` serves CTGO's
simulator and a CRM that creates an object for each request. `scene.py` is one run over a folder, and what must hold: at once
after a death, at each export, and at the end.

Kill sweep: SIGKILL comes before, inside and after each write, sync, rename, connection, send and receive. One kill of twelve is
followed by another during recovery. After each death the ledger is sound and agrees with the remotes; then a second start
finishes the work.

Power cut: `images.py` rebuilds what a cut may leave, by a strict reading of POSIX. A write without sync is lost, kept or torn
between sectors, in any order. A name is not durable before its folder is synced. What was sent has happened. Each image is
started and judged as above. The negative controls run with `synchronous=NORMAL`, and without *maybe sent*: both must be seen.

A failure names its plan and its calls. A bad image stays in `build/crash`.
"""
