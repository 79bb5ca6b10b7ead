"""Where time and memory go in each case, as text beside the results: `build/bench/profile-*.txt`.

Runs of their own, for a profiler costs more than it watches: shares, not seconds, can be read off. Smaller than the cases.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.benchmarks.cases import crms, daemons
from tests.benchmarks.contestants import configured
from tests.benchmarks.measuring import PYTHON, SYNCD
from tests.benchmarks.polled import polled
from tests.benchmarks.remotes import remote
from tests.benchmarks.running import Stage
from tests.benchmarks.upstream import served

LEADS, FEWER = 20_000, 3_000
SOURCES, LASTS = 100, 16.0


def write(stage: Stage, cases: list[str]) -> None:
    """Those of the cases that ran."""
    for old in stage.out.glob("profile-*.txt"):
        old.unlink()
    for case in cases:
        if (act := PROFILES.get(case)) is not None:
            print(f"profile of {case} …", file=sys.stderr, flush=True)
            act(stage)


def _profiled(stage: Stage, name: str, what: str, *arguments: str | Path) -> list[str]:
    out = stage.out / f"profile-{name}.txt"
    return [PYTHON, "-m", "tests.benchmarks.profiled", what, str(out), *map(str, arguments)]


def _run(command: list[str]) -> None:
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)  # its exit code is syncd's


def _csv(stage: Stage) -> None:
    for what, leads in (("time", LEADS), ("memory", LEADS // 4)):
        with served(stage.size(leads, 500)) as base:
            folder = configured(stage.scratch / "profile", base)
            _run(_profiled(stage, f"csv-{what}", what, "--config", folder / "config.toml", "--once"))


def _export(stage: Stage) -> None:
    with served(stage.size(FEWER, 300)) as base:
        folder = configured(stage.scratch / "profile", base, export=True)
        _run(_profiled(stage, "export-time", "time", "--config", folder / "config.toml", "--once"))


def _crms(stage: Stage) -> None:
    with served(stage.size(FEWER, 300), contacts=True) as base:
        for vendor in crms.MAPPINGS:
            with remote(vendor) as end:
                config = crms.configured_for(vendor, stage.scratch / "profile", base, end.url)
                _run(_profiled(stage, f"{vendor}-time", "time", "--config", config, "--once", "--yes"))


def _sizes(stage: Stage) -> None:
    with served(500) as base:
        folder = configured(stage.scratch / "profile", base)
        config = folder / "config.toml"
        _run([SYNCD, "--config", str(config), "--once"])
        _run(_profiled(stage, "nothing-new-time", "time", "--config", config, "--once"))
        _run(_profiled(stage, "status-time", "time", "--config", config, "status"))


def _daemons(stage: Stage) -> None:
    """Polls that find nothing, many times as often as they would be."""
    for what in ("time", "memory"):
        with polled() as ctgo:
            keys = [f"ctgo_profile_{n}" for n in range(SOURCES)]
            config = daemons.written(stage.scratch / "profile", ctgo, keys, poll=LASTS / 4)
            process = subprocess.Popen(_profiled(stage, f"daemon-{what}", what, "--config", config))
            time.sleep(LASTS)
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _imports(stage: Stage) -> None:
    """By -X importtime: what each start imports, the dearest first."""
    with served(0) as base:
        folder = configured(stage.scratch / "profile", base)
        for name, arguments in (("version", ["--version"]), ("once", ["--config", str(folder / "config.toml"), "--once"])):  # fmt: skip
            done = subprocess.run(
                [PYTHON, "-X", "importtime", "-m", "syncd", *arguments],
                capture_output=True, text=True, check=False, env=os.environ,
            )  # fmt: skip
            (stage.out / f"profile-imports-{name}.txt").write_text(_dearest(done.stderr))


def _dearest(said: str) -> str:
    found = re.findall(r"import time: +(\d+) \| +(\d+) \| *(\S+)", said)
    total = sum(int(own) for own, _, _ in found)
    lines = [
        f"{len(found)} modules, {total / 1e3:.1f} ms in all",
        "",
        f"{'own ms':>8} {'with its own':>12}  module",
    ]
    dearest = sorted(found, key=lambda each: -int(each[0]))[:60]
    lines += [f"{int(own) / 1e3:8.2f} {int(whole) / 1e3:12.2f}  {name}" for own, whole, name in dearest]
    return "\n".join(lines) + "\n"


PROFILES: Mapping[str, Callable[[Stage], None]] = {
    "csv": _csv,
    "export": _export,
    "crms": _crms,
    "sizes": _sizes,
    "daemons": _daemons,
    "start": _imports,
}
