"""One id in several campaigns and segments is exported once, after the last row's deliveries."""

from collections.abc import Callable

import httpx
import pytest

from syncd.simulator import Fault
from tests.support import Bench, Remote, unreachable
from tests.support.virtual import Crash


def _second_row(bench: Bench, lead_id: int, *, stream: int = 777, exported: str | None = None) -> None:
    """Another person's row is listed under this id, in another campaign."""
    world = bench.accounts["main"].world
    other = world.add_leads(1)[0]
    world.amend_lead(other, {"id": lead_id, "streamId": stream, "exportedAt": exported})


def test_rows_of_one_id_share_one_export(bench: Bench) -> None:
    world = bench.ctgo(leads=60, repeats=1.0, rate_limit=1000, limit=1000)
    far = bench.place(batch_size=1)
    bench.once()
    bench.check()
    assert len(far.things) == len({(row.id, row.stream_id, row.segment_id) for row in world.listed()}) > 60
    assert bench.exports() == {"delivered": 60}
    assert set(world.export_counts.values()) == {1}


def test_a_row_that_comes_while_the_export_is_owed_holds_it(bench: Bench) -> None:
    world = bench.ctgo(leads=1)
    bench.place()
    lead_id = world.listed()[0].id
    world.fail(Fault("export", times=3, status=500))
    bench.once(seconds=0)
    assert bench.exports() == {"pending": 1}
    _second_row(bench, lead_id)
    bench.places["crm"].far.rule = unreachable
    bench.once(seconds=600)
    assert not world.exported
    bench.check()
    bench.places["crm"].far.rule = None
    bench.run()
    bench.check()
    assert list(world.exported) == [lead_id]
    assert bench.leads() == {"exported": 2}


def test_a_row_that_comes_after_the_export_is_delivered_and_not_exported_again(bench: Bench) -> None:
    world = bench.ctgo(leads=1)
    far = bench.place()
    lead_id = world.listed()[0].id
    bench.once()
    _second_row(bench, lead_id, exported="2026-09-21T00:00:00Z")
    bench.clock.advance(60)
    bench.once()
    bench.check()
    assert len(far.things) == 2
    assert bench.leads() == {"exported": 2}
    assert world.export_counts == {lead_id: 1}


def test_a_row_marked_by_our_own_export_whose_answer_was_lost_is_delivered(bench: Bench) -> None:
    world = bench.ctgo(leads=1)
    far = bench.place()
    lead_id = world.listed()[0].id
    world.fail(Fault("export", times=50, status=500, after_applying=True))
    bench.once(seconds=0)
    assert list(world.exported) == [lead_id]
    assert bench.exports() == {"pending": 1}
    _second_row(bench, lead_id, exported="2026-09-21T00:00:00Z")
    bench.once(seconds=3600)
    assert len(far.things) == 2


def test_a_row_marked_by_an_export_that_ctgo_refused_afterwards_is_delivered(bench: Bench) -> None:
    """An error may come after the mark was made, also one that nobody repeats: the export is set aside then."""
    world = bench.ctgo(leads=1)
    far = bench.place()
    lead_id = world.listed()[0].id

    def refused(request: httpx.Request, through: Callable[[], httpx.Response]) -> httpx.Response:
        answer = through()
        return httpx.Response(406) if request.url.path.endswith("/export") else answer

    bench.life.wires["main"].answering = refused
    bench.once()
    assert bench.exports() == {"rejected": 1}
    assert list(world.exported) == [lead_id]
    _second_row(bench, lead_id, exported="2026-09-21T00:00:00Z")
    bench.clock.advance(60)
    bench.once()
    bench.check()
    assert len(far.things) == 2


def test_a_mark_whose_sender_was_killed_stays_ours_whatever_comes(bench: Bench) -> None:
    world = bench.ctgo(leads=1)
    far = bench.place()
    lead_id = world.listed()[0].id

    def kill(request: httpx.Request, let_through: Callable[[], httpx.Response]) -> httpx.Response:
        response = let_through()
        if request.method == "POST":
            raise Crash
        return response

    bench.boot()
    bench.life.wires["main"].answering = kill
    with pytest.raises(Crash):
        bench.once()
    bench.crash()
    assert list(world.exported) == [lead_id]
    far.rule = unreachable
    bench.boot()
    del bench.life.exports["main"], bench.due["export", "main"]  # as if it waited for slots
    for stream in (777, 888):
        _second_row(bench, lead_id, stream=stream, exported="2026-09-21T00:00:00Z")
        bench.clock.advance(60)
        bench.once(seconds=0)
    assert bench.leads() == {"exporting": 1, "delivering": 2}
    far.rule = None
    bench.boot()
    bench.run()
    bench.check()
    assert bench.leads() == {"exported": 3}
    assert len(far.things) == 3


def test_a_row_that_is_listed_while_its_ids_export_is_on_its_way_waits(bench: Bench) -> None:
    world = bench.ctgo(leads=1)
    far: Remote = bench.place()
    lead_id = world.listed()[0].id
    witness = world.on_export
    known: list[int] = []

    def meanwhile(exported: int) -> None:
        if witness:
            witness(exported)
        if not known:
            _second_row(bench, lead_id)
            pull = bench.life.pulls["main"]
            pull.ask_live()
            bench.clock.advance(60)
            known.append(-1)
            assert pull.step().wait == 0.05
            known[0] = bench.rows("SELECT count(*) FROM lead")[0][0]

    world.on_export = meanwhile
    bench.once()
    bench.wake("pull", "main")
    bench.run()
    bench.check()
    assert known == [1]
    assert len(far.things) == 2
    assert bench.leads() == {"exported": 2}


def test_a_lead_exported_by_somebody_else_is_elsewhere(bench: Bench) -> None:
    world = bench.ctgo(leads=3)
    far = bench.place()
    bench.once()
    theirs = world.add_leads(1)[0]
    world.export(theirs)
    bench.clock.advance(60)
    bench.once()
    bench.check()
    assert bench.leads() == {"exported": 3, "elsewhere": 1}
    assert theirs not in far.lead_ids()
