"""The program with a profiler in it. Usage: profiled.py time|memory OUT ARGUMENTS…, which are syncd's.

`time`: processor time of every thread by cProfile, in the order of what a function costs itself and with all it calls. From
Python 3.12 on one thread only can be watched: the main one. `memory`: by tracemalloc, the largest holders when it held most.
"""

import cProfile
import io
import pstats
import sys
import sysconfig
import threading
import time
import tracemalloc
from pathlib import Path

from syncd.__main__ import main as syncd

LINES = 40
EVERY = 0.2
"""Seconds between two looks at how much is held."""
GROWN = 1.05
"""Times the last picture's size at which another one is taken."""


def timed(out: Path) -> None:
    """Run it and write the text."""
    profiles = [cProfile.Profile(time.thread_time)]
    plain = threading.Thread.run

    def run(thread: threading.Thread) -> None:
        own = cProfile.Profile(time.thread_time)
        try:
            own.enable()
        except ValueError:  # another one is active
            plain(thread)
            return
        profiles.append(own)
        try:
            plain(thread)
        finally:
            own.disable()

    threading.Thread.run = run  # type: ignore[method-assign,assignment]
    profiles[0].enable()
    try:
        syncd()
    finally:
        profiles[0].disable()
        out.write_text(_text([profile for profile in profiles if _has_any(profile)]))


def _has_any(profile: cProfile.Profile) -> bool:
    profile.create_stats()
    return bool(profile.stats)


def _text(profiles: list[cProfile.Profile]) -> str:
    said = io.StringIO()
    stats = pstats.Stats(*profiles, stream=said)
    said.write(f"{len(profiles)} threads; processor time in seconds, the profiler's own included\n")
    for order in ("tottime", "cumtime"):
        stats.sort_stats(order).print_stats(LINES)
    return _short(said.getvalue())


def remembered(out: Path) -> None:
    """Run it and write the text."""
    tracemalloc.start()
    over, most = threading.Event(), 0

    def look() -> None:
        nonlocal most
        while not over.wait(EVERY):
            held, _ = tracemalloc.get_traced_memory()
            if held > most * GROWN:  # written at once: a daemon does not always come to its end
                most = held
                out.write_text(_held(held, tracemalloc.take_snapshot()))

    watch = threading.Thread(target=look, daemon=True)
    watch.start()
    try:
        syncd()
    finally:
        over.set()
        watch.join()


def _held(held: int, snapshot: tracemalloc.Snapshot) -> str:
    lines = [f"Python's own objects when they were most: {held / 2**20:.1f} MiB", ""]
    for order, title in (("filename", "by file"), ("lineno", "by line")):
        lines.append(title)
        lines += [f"{it.size / 2**10:10.0f} KiB {it.count:8} {it.traceback}" for it in snapshot.statistics(order)[:LINES]]  # fmt: skip
        lines.append("")
    return _short("\n".join(lines))


def _short(text: str) -> str:
    """Without the folders that differ from machine to machine."""
    for folder in (
        sysconfig.get_path("purelib"),
        sysconfig.get_path("stdlib"),
        str(Path(__file__).parents[2]),
    ):
        text = text.replace(f"{folder}/", "")
    return text


def main(what: str, out: Path, arguments: list[str]) -> None:
    """Run `syncd` with these arguments."""
    act = {"time": timed, "memory": remembered}[what]
    sys.argv = ["syncd", *arguments]
    act(out)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
