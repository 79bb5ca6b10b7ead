"""A simulation that has never failed proves little: with a defect planted, some world must end badly."""

from collections.abc import Callable
from typing import Any

import pytest

import connectors.csv.connector
import syncd.engine.budget
import syncd.engine.feedback
import syncd.engine.pull.lane
import syncd.engine.pull.pages
from tests.proof.simulation.running import simulate
from tests.proof.simulation.script import Event

FINDS = [Event(3600.0 * n, "find", n) for n in range(1, 20)]
FLOODS = [Event(600.0 + n, "flood", n) for n in range(1, 8)]
KILLS = [Event(1800.0 * n, "kill", n) for n in range(1, 48)]

MARKS = [*FINDS[:4], *(Event(1800.0 + 3600.0 * n, "mark", n) for n in range(2, 8))]

Plant = Callable[[pytest.MonkeyPatch], None]


def never_looks_before_it_writes(patch: pytest.MonkeyPatch) -> None:
    """A row whose answer was lost is written again."""
    plain = connectors.csv.connector.CsvConnector._rows

    def rows(self: Any, batch: Any) -> Any:
        return [row._replace(sought=False) for row in plain(self, batch)]

    patch.setattr(connectors.csv.connector.CsvConnector, "_rows", rows)


def frees_slots_too_soon(patch: pytest.MonkeyPatch) -> None:
    """A slot counts from long before its answer."""
    patch.setattr(syncd.engine.budget, "freed", lambda at: at - 50.0)


def believes_a_date_of_2099(patch: pytest.MonkeyPatch) -> None:
    """The watermark goes wherever a lead says; whatever is found then is never listed again."""
    patch.setattr(syncd.engine.pull.pages, "watermark_after", lambda _newest, _date, now, _since: now + 1e9)
    patch.setattr(syncd.engine.pull.lane.Pull, "ask_reconcile", lambda _: None)


def hears_one_of_each_page(patch: pytest.MonkeyPatch) -> None:
    """Of what salespeople said meanwhile, all but the first is missed."""
    plain = syncd.engine.feedback.judgements_in
    patch.setattr(syncd.engine.feedback, "judgements_in", lambda found, judging: plain(found[:1], judging))


def some_worlds(script: list[Event]) -> None:
    for seed in range(6):
        simulate(seed, 1.0, script)


PLANTS: list[tuple[Plant, list[Event], str]] = [
    (never_looks_before_it_writes, KILLS, "twice: sheet"),
    (frees_slots_too_soon, FLOODS, "requests within a minute|asks too often"),
    (believes_a_date_of_2099, FINDS, "lost"),
    (hears_one_of_each_page, MARKS, "not told"),
]


@pytest.mark.parametrize(("plant", "script", "says"), PLANTS)
def test_a_planted_defect_is_noticed(
    monkeypatch: pytest.MonkeyPatch, plant: Plant, script: list[Event], says: str
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=says):
        some_worlds(script)
