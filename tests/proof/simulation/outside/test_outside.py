"""Worlds with remotes of the second author, and planted defects that the oracle from outside alone must notice."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

import connectors.csv.connector
import connectors.hubspot.connector
import syncd.engine.pull.lane
import syncd.engine.pull.pages
import tests.proof.simulation.running
from syncd.connector import Delivered
from tests.proof.simulation.oracle import Oracle
from tests.proof.simulation.outside.authors import AUTHORS, Author, drawn
from tests.proof.simulation.outside.liveness import BOUND, HOUR, bucket_of, measure
from tests.proof.simulation.running import simulate
from tests.proof.simulation.script import Event
from tests.proof.simulation.test_simulation import write_down
from tests.proof.simulation.world import Simulation

WORLDS: list[tuple[int, float, Author]] = [(1, 0.1, "second"), (1, 0.1, "mixed"), (3, 0.1, "mixed")]


@pytest.mark.parametrize(("seed", "days", "author"), WORLDS)
def test_nothing_is_lost_doubled_or_early_with_remotes_of_another_author(
    seed: int, days: float, author: Author
) -> None:
    came = simulate(seed, days, author=author)
    assert came.readings
    assert max(it.seconds for it in came.waits) <= BOUND
    write_down(came)


def test_such_a_seed_is_a_run_to_the_byte() -> None:
    once = simulate(1, 0.02, [], author="mixed")
    assert once == simulate(1, 0.02, [], author="mixed")
    assert once.digest != simulate(3, 0.02, [], author="mixed").digest


@pytest.mark.parametrize("author", AUTHORS)
def test_the_seed_draws_the_author_of_each_remote(author: Author) -> None:
    theirs = [drawn(author, Simulation.chance_of(seed, "authors")) for seed in range(20)]
    sizes = {len(it) for it in theirs}
    assert sizes == {"first": {0}, "second": {5}}.get(author, sizes & {1, 2, 3, 4})
    assert theirs == [drawn(author, Simulation.chance_of(seed, "authors")) for seed in range(20)]


# The oracle, without the one that knows the simulator's insides

FINDS = [Event(3600.0 * n, "find", n) for n in range(1, 12)]
KILLS = [Event(1800.0 * n, "kill", n) for n in range(1, 48)]


def believes_a_date_of_2099(patch: pytest.MonkeyPatch) -> None:
    """The watermark goes wherever a lead says; whatever is found then is never listed again."""
    patch.setattr(syncd.engine.pull.pages, "watermark_after", lambda _newest, _date, now, _since: now + 1e9)
    patch.setattr(syncd.engine.pull.lane.Pull, "ask_reconcile", lambda _: None)


def never_looks_before_it_writes(patch: pytest.MonkeyPatch) -> None:
    """A row whose answer was lost is written again."""
    plain = connectors.csv.connector.CsvConnector._rows

    def rows(self: Any, batch: Any) -> Any:
        return [row._replace(sought=False) for row in plain(self, batch)]

    patch.setattr(connectors.csv.connector.CsvConnector, "_rows", rows)


def says_that_it_delivered(patch: pytest.MonkeyPatch) -> None:
    """HubSpot is not asked at all."""

    def deliver(_: Any, batch: Sequence[Any]) -> list[Delivered]:
        return [Delivered("1") for _ in batch]

    patch.setattr(connectors.hubspot.connector.HubSpotConnector, "deliver", deliver)


PLANTS: list[tuple[Callable[[pytest.MonkeyPatch], None], list[Event], str]] = [
    (believes_a_date_of_2099, FINDS, "outside: .* is lost: CTGO lists it as new"),
    (never_looks_before_it_writes, KILLS, "outside: twice: sheet"),
    (says_that_it_delivered, FINDS, "outside: .* is exported early: crm does not have it"),
]


def _some_worlds(script: list[Event]) -> None:
    for seed in range(6):
        simulate(seed, 1.0, script)


@pytest.mark.parametrize(("plant", "script", "says"), PLANTS)
def test_a_planted_defect_is_noticed_from_outside(
    monkeypatch: pytest.MonkeyPatch,
    plant: Callable[[pytest.MonkeyPatch], None],
    script: list[Event],
    says: str,
) -> None:
    for name, blind in (("look", None), ("exporting", None), ("lost", [])):
        monkeypatch.setattr(Oracle, name, lambda *_, blind=blind: blind)
    monkeypatch.setattr(tests.proof.simulation.running, "_measure", lambda *_: None)
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=says):
        _some_worlds(script)


# The measure of waits


def test_a_lead_that_waits_too_long_is_told_and_a_quick_one_measured() -> None:
    now, ids = [0.0], iter(range(1, 100))

    def wait(seconds: float) -> float:
        now[0] += seconds
        return now[0]

    waits = list(measure(lambda: [("main", next(ids))], lambda _, lead: lead != 2 and now[0] >= 90.0, wait))
    found = {it.lead: it for it in waits}
    assert (found[1].seconds, found[1].done) == (90.0, True)
    assert not found[2].done
    assert found[2].seconds > BOUND
    assert len(found) == 4
    assert [bucket_of(it) for it in (0.0, 61.0, HOUR, BOUND, BOUND + 1)] == [
        "1_min",
        "10_min",
        "1_h",
        "the_bound",
        "longer",
    ]
