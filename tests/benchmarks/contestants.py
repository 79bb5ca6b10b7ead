"""Who does the same work, leads from CTGO into CSV: syncd, the floor, and its peers, and what each leaves behind.

A peer is set up as its own documentation recommends and is given the same upstream, page size and columns' worth of data.
Where it does less (no ledger, no export, no limit) it is not slowed down for it: the table says so.
"""

import csv
import gzip
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.benchmarks.measuring import PYTHON, SYNCD, Command, Run, timed
from tests.benchmarks.peers import Peer, binary, installed

HERE = Path(__file__).parent
CONFIG = """\
[sources.main]
api_key = "ctgo_x"
base_url = "{base}"
export = {export}
requests_per_minute = {requests}

[connectors.sheet]
type = "csv"
path = "leads.csv"

[log]
level = "warning"
"""
UNLIMITED = 10_000_000
QUIET = {"RUNTIME__DLTHUB_TELEMETRY": "false"}
"""dlt sends nothing home."""
PLAIN = {"NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true"}
"""dlt compresses its CSV unless it is told not to."""


def emptied(folder: Path) -> Path:
    """The folder, with nothing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def configured(folder: Path, base: str, *, export: bool = False, requests: int = UNLIMITED) -> Path:
    """A folder with a configuration in it, empty otherwise."""
    text = CONFIG.format(base=base, export=str(export).lower(), requests=requests)
    (emptied(folder) / "config.toml").write_text(text)
    return folder


def once(folder: Path, *, sampled: bool = False) -> Run:
    """`syncd --once` in a folder."""
    return timed([SYNCD, "--config", folder / "config.toml", "--once"], sampled=sampled)


@dataclass(frozen=True)
class Contestant:
    """`prepare` an empty folder, the `commands` of one run in it (a pipe), and the `rows` that are there after."""

    name: str
    prepare: Callable[[Path, str], object]
    commands: Callable[[Path, str], list[Command]]
    rows: Callable[[Path], Iterator[str]]
    """The lead ids, one for each row."""
    environ: Mapping[str, str] = field(default_factory=lambda: QUIET)
    said: str = ""
    """The file that keeps what the last command says: the state of the next run."""

    def run(self, folder: Path, base: str) -> Run:
        """One run, watched."""
        said = folder / self.said if self.said else None
        noisy = self.name != "syncd"
        commands = self.commands(folder, base)
        return timed(*commands, sampled=True, environ=self.environ, said=said, cwd=folder, noisy=noisy)


def _of_csv(*patterns: str) -> Callable[[Path], Iterator[str]]:
    def rows(folder: Path) -> Iterator[str]:
        for pattern in patterns:
            for path in sorted(folder.glob(pattern)):
                with gzip.open(path, "rt") if path.suffix == ".gz" else path.open(newline="") as file:
                    yield from (row["id"] for row in csv.DictReader(file) if row["id"])

    return rows


def _tap_config(folder: Path, base: str) -> None:
    emptied(folder)
    tap = {
        "api_url": base,
        "auth_method": "bearer_token",
        "bearer_token": "ctgo_x",
        "pagination_request_style": "simple_offset_paginator",
        "pagination_response_style": "offset",
        "pagination_page_size": 500,
        "pagination_initial_offset": 0,
        "offset_records_jsonpath": "$.leads",
        "streams": [
            {
                "name": "leads",
                "path": "/leads",
                "records_path": "$.leads[*]",
                "primary_keys": ["id", "streamId", "segmentId"],
                "replication_key": "discoveredAt",
                "source_search_field": "since",
                "source_search_query": "$last_run_date",
            }
        ],
    }
    (folder / "tap.json").write_text(json.dumps(tap))
    # Or a second run would put what is new in the place of what was there
    target = {"output_path": str(folder), "overwrite_behavior": "append_records"}
    (folder / "target.json").write_text(json.dumps(target))


def _tap_and_target(folder: Path, _: str) -> list[Command]:
    """The state that the target said last is the tap's, as Singer's specification has it."""
    said = folder / "said.jsonl"
    kept = folder / "state.json"
    if said.exists() and (lines := said.read_text().splitlines()):
        kept.write_text(lines[-1])
    tap: list[str | Path] = [binary(Peer.TAP, "tap-rest-api-msdk"), "--config", folder / "tap.json"]
    state: list[str | Path] = ["--state", kept] if kept.exists() else []
    return [[*tap, *state], [binary(Peer.TARGET, "target-csv"), "--config", folder / "target.json"]]


SYNCD_ = Contestant(
    "syncd", configured, lambda f, _: [[SYNCD, "--config", f / "config.toml", "--once"]], _of_csv("leads.csv")
)
FLOOR = Contestant(
    "floor", lambda f, _: emptied(f), lambda f, base: [[PYTHON, HERE / "floor.py", base, f]], _of_csv("floor.csv")
)  # fmt: skip
DLT = Contestant(
    "dlt",
    lambda f, _: emptied(f),
    lambda f, base: [[binary(Peer.DLT, "python"), HERE / "peer" / "dlt_leads.py", base, f]],
    _of_csv("out/ctgo/leads/*.csv*"),
)
DLT_PLAIN = replace(DLT, name="dlt, not compressing", environ=QUIET | PLAIN)
SINGER = Contestant("Singer", _tap_config, _tap_and_target, _of_csv("leads.csv"), said="said.jsonl")


def contestants() -> list[Contestant]:
    """Those that are installed here."""
    peers = [DLT, DLT_PLAIN] if installed(Peer.DLT) else []
    peers += [SINGER] if installed(Peer.TAP) and installed(Peer.TARGET) else []
    return [FLOOR, SYNCD_, *peers]
