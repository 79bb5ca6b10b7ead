"""The peers' environments: one each, for what they depend on clashes and weighs. All versions are pinned in `peer/*.txt`.

`python -m tests.benchmarks.peers` makes those that are missing; `make bench` calls it. Without them the benchmark runs, and
says whom it did not meet.
"""

import subprocess
import sys
from enum import StrEnum
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / ".venv-bench" / "peers"


class Peer(StrEnum):
    """An environment, and the list of what is in it."""

    DLT = "dlt"
    TAP = "tap"
    TARGET = "target"


SHOWN = {Peer.DLT: "dlt", Peer.TAP: "tap-rest-api-msdk", Peer.TARGET: "meltanolabs-target-csv"}
"""The package that is the peer."""
SDK = "singer-sdk"


def binary(peer: Peer, name: str) -> Path:
    """A program of a peer."""
    return ENVIRONMENTS / peer / "bin" / name


def installed(peer: Peer) -> bool:
    """Whether it is here, as pinned."""
    done = ENVIRONMENTS / peer / ".ready"
    return done.exists() and done.read_text() == _pinned(peer)


def install(peer: Peer) -> None:
    """Make its environment. Raises CalledProcessError when that fails."""
    folder = ENVIRONMENTS / peer
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    pip: list[str | Path] = [
        binary(peer, "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    subprocess.run([*pip, "--no-deps", "-r", HERE / "peer" / f"{peer}.txt"], check=True)
    (folder / ".ready").write_text(_pinned(peer))


def versions() -> dict[str, str]:
    """Of each peer, by package."""
    found = {}
    for peer, package in SHOWN.items():
        pinned = dict(line.split("==") for line in _pinned(peer).splitlines() if "==" in line)
        told = pinned[package] + (f" ({SDK} {pinned[SDK]})" if SDK in pinned else "")
        found[package] = told if installed(peer) else "not installed: `make bench` does that"
    return found


def _pinned(peer: Peer) -> str:
    return (HERE / "peer" / f"{peer}.txt").read_text()


if __name__ == "__main__":
    for each in Peer:
        if not installed(each):
            print(f"making .venv-bench/peers/{each}", file=sys.stderr)
            install(each)
