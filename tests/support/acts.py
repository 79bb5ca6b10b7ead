"""Acts that many tests of the engine begin with."""

from syncd.ledger.admin.actions import pause_lanes
from tests.support.bench import Bench


def lead_ids(bench: Bench, source: str = "main") -> list[int]:
    """Lead ids in the order of their deliveries, once they are in the ledger."""
    return [row[0] for row in bench.rows("SELECT lead_id FROM lead WHERE source = ? ORDER BY seq", source)]


def pulled(bench: Bench) -> list[int]:
    """One live pull of the source, and nothing else; the ids of its leads."""
    pull = bench.life.pulls["main"]
    pull.ask_live()
    pull.step()
    bench.due["pull", "main"] = None
    return lead_ids(bench)


def pause(bench: Bench, *lanes: tuple[str, str], seconds: float | None = None, who: str = "ana") -> None:
    """A person's pause of these lanes."""
    now = bench.clock.now()
    until = None if seconds is None else now + seconds
    with bench.ledger.write() as connection:
        pause_lanes(connection, lanes, now, who=who, until=until, reason="")
