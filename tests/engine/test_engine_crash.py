"""Killed at any seam, started again: nothing lost, nothing twice, nothing exported early, and the books are right.

A seam is every place where the outside or the disk changes: before and after each commit, each request, each delivery.
The crash leaves the file as it was that instant; memory is gone; the run is finished by a new life.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import Bench, Crash, Seams

Arrange = Callable[[Bench], None]


def _leads(bench: Bench) -> None:
    bench.ctgo(leads=3)
    bench.place(batch_size=2)


def _unsafe(bench: Bench) -> None:
    """No upsert: a re-sent person is looked for first."""
    bench.ctgo(leads=3)
    bench.place(people=True, upsert=False, batch_size=2)


def _two_places(bench: Bench) -> None:
    bench.ctgo(leads=3, repeats=1.0, export_scope="row")
    bench.place("one", upsert=False)
    bench.place("two", batch_size=2)


def _campaigns(bench: Bench) -> None:
    bench.ctgo(leads=3, leads_route="missing")
    bench.place()


def _named(bench: Bench) -> None:
    """Fields and a `where` that need names: CTGO's lists are asked for on the way."""
    bench.ctgo(leads=3)
    bench.place(where="stream_name != 'Nobody'", fields={"campaign": "{{ stream_name }}"})


def _nothing_to_fall_back_on(bench: Bench) -> None:
    """Neither `lookback` nor a reconcile pass would list a lead again that the watermark has passed."""
    bench.ctgo(leads=3, context={"lookback": 0.0})
    bench.place()


ARRANGEMENTS = (_leads, _unsafe, _two_places, _campaigns, _named, _nothing_to_fall_back_on)


def _finish(bench: Bench) -> None:
    for _ in range(3):
        bench.once()
        bench.clock.advance(60)


def _run(folder: Path, arrange: Arrange, *crashes: int) -> tuple[Bench, int]:
    """One run with these crashes, finished; and how many seams its last life before the finish had passed."""
    folder.mkdir()
    bench = Bench(folder)
    arrange(bench)
    passed = 0
    for at in crashes:
        bench.seams = Seams(at)
        try:
            bench.boot()
            bench.once()
        except Crash:
            pass
        passed, bench.seams.at = bench.seams.count, None
        if not bench.seams.dead:
            break
        bench.crash()
    _finish(bench)
    return bench, passed


def _assert_whole(bench: Bench) -> None:
    bench.check()
    world = bench.accounts["main"].world
    keys = {(row.id, row.stream_id, row.segment_id) for row in world.listed()}
    for place in bench.places.values():
        assert len(place.far.things) == (3 if place.far.objects == "people" else len(keys))
    assert bench.leads() == {"exported": len(keys)}
    assert set(world.exported) == {row.id for row in world.listed()}


@pytest.mark.parametrize("arrange", ARRANGEMENTS)
def test_killed_at_any_seam_a_run_ends_well(tmp_path: Path, arrange: Arrange) -> None:
    at = 0
    while True:
        at += 1
        bench, passed = _run(tmp_path / str(at), arrange, at)
        try:
            _assert_whole(bench)
        except AssertionError as error:
            raise AssertionError(f"killed at seam {at} of {arrange.__name__}") from error
        finally:
            bench.close()
        if passed < at:
            break
    assert at > 20, "a sweep over next to nothing proves nothing"


@pytest.mark.parametrize("first", range(1, 26, 4))
def test_killed_twice_in_a_row_a_run_ends_well(tmp_path: Path, first: int) -> None:
    for second in range(1, 24, 3):
        bench, _ = _run(tmp_path / f"{first}-{second}", _unsafe, first, second)
        try:
            _assert_whole(bench)
        except AssertionError as error:
            raise AssertionError(f"killed at seams {first} and {second}") from error
        finally:
            bench.close()


def test_the_oracle_sees_an_export_without_evidence(tmp_path: Path) -> None:
    """Negative control: a ledger that owes an export before the delivery makes the oracle object."""
    bench = Bench(tmp_path)
    _leads(bench)
    pull = bench.life.pulls["main"]
    pull.ask_live()
    pull.step()
    bench.sql("UPDATE lead SET state = 'exporting'")
    bench.sql(
        "INSERT INTO export (source, lead_id, state, attempts, due_at, suspect, maybe_sent, code, detail)"
        " SELECT source, lead_id, 'pending', 0, 0, 0, 0, '', '' FROM lead"
    )
    bench.sql("INSERT INTO tally VALUES ('export', 'main', 'pending', 3), ('lead', 'main', 'exporting', 3)")
    bench.life.exports["main"].step()
    assert len(bench.objections) == 6
    bench.close()
