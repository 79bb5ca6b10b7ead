"""Leads, a connector and a clock for the tests of the CSV connector."""

import csv
import threading
from pathlib import Path

from connectors.csv.connector import CsvConnector, CsvOptions
from syncd.connector import Context, Delivery, Field
from syncd.core.lead import parse_lead

NOON = 1781179200.0  # 2026-06-11T12:00:00Z
COLUMNS = ("id", "stream_id", "segment_id", "name", "bio")


class StillClock:
    """A clock that stands at noon."""

    stopping = False

    def now(self) -> float:
        return NOON

    def monotonic(self) -> float:
        return 0.0

    def boot(self) -> str:
        return "test"

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        return event.is_set() or seconds is None

    def stop(self) -> None:
        self.stopping = True


class Journal:
    """A logger that remembers."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def debug(self, event: str, **ids: object) -> None:
        self.events.append((event, ids))

    info = warning = debug

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]


def connector(
    path: Path,
    columns: tuple[str, ...] = COLUMNS,
    *,
    journal: Journal | None = None,
    key: tuple[str, ...] = ("id", "stream_id", "segment_id"),
    bom: bool = False,
) -> CsvConnector:
    fields = {name: Field(value=f"{{{{ {name} }}}}") for name in columns}
    options = CsvOptions(path=path, key=list(key), bom=bom)
    return CsvConnector(options, Context("sheet", StillClock(), journal or Journal(), fields))


def delivery(
    number: int, *, maybe_sent: bool = False, found: str = "2026-06-11T07:15:00Z", **fields: object
) -> Delivery:
    parsed = parse_lead(
        "main", {"id": number, "streamId": 7, "segmentId": 0, "discoveredAt": found, "profile": {}}
    )
    assert isinstance(parsed, tuple)
    mapped = {
        "id": number,
        "stream_id": 7,
        "segment_id": 0,
        "name": f"name {number}",
        "bio": "plain",
        **fields,
    }
    return Delivery(number, parsed[0], mapped, f"lead-{number}", maybe_sent=maybe_sent)


def rows(path: Path) -> list[list[str]]:
    """The rows below the header, as Python's reader sees them."""
    with path.open(encoding="utf-8-sig", newline="") as text:
        return list(csv.reader(text, strict=True))[1:]


def ids(*paths: Path) -> list[int]:
    return sorted(int(row[0]) for path in paths for row in rows(path))
