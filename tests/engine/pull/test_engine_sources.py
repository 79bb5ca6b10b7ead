"""A source's own settings: where it starts, what a window and a limit do, two of them, and one that never exports."""

from collections.abc import Callable

import httpx
import pytest

from syncd.engine.pull.lane import Pull
from syncd.ledger import sources
from syncd.ledger.admin.actions import pause_lanes
from syncd.simulator import Fault
from tests.support import DAY, START, Bench, iso


def _watermark(bench: Bench, name: str = "main") -> float | None:
    rows = bench.rows("SELECT watermark FROM source WHERE name = ?", name)
    return rows[0][0] if rows else None


def test_start_new_takes_what_nobody_exported(bench: Bench) -> None:
    world = bench.ctgo(leads=5, spacing=DAY)
    theirs = world.listed()[0].id
    world.export(theirs)
    far = bench.place()
    bench.once()
    bench.check()
    assert far.lead_ids() == sorted(row.id for row in world.listed() if row.id != theirs)


def test_start_all_takes_what_others_exported_and_does_not_mark_it_again(bench: Bench) -> None:
    world = bench.ctgo(leads=5, spacing=DAY, context={"start": "all"})
    theirs = world.listed()[0].id
    world.export(theirs)
    far = bench.place()
    bench.once()
    bench.check()
    assert len(far.things) == 5
    assert world.export_counts[theirs] == 1
    assert bench.leads() == {"exported": 4, "elsewhere": 1}


@pytest.mark.parametrize("spacing", [600.0, DAY])
@pytest.mark.parametrize("instant", [False, True])
def test_a_start_takes_nothing_from_before_it(bench: Bench, *, spacing: float, instant: bool) -> None:
    world = bench.ctgo(leads=5, spacing=spacing, context={"start": START if instant else "now"})
    far = bench.place()
    bench.daemon(4 * 3600, reconcile=None)
    new = world.add_leads(2)
    bench.daemon(600, reconcile=None)
    bench.check()
    assert far.lead_ids() == sorted(new)


@pytest.mark.parametrize("instant", [False, True])
def test_a_reconcile_pass_takes_nothing_from_before_the_start(bench: Bench, *, instant: bool) -> None:
    world = bench.ctgo(leads=5, spacing=DAY, context={"start": START if instant else "now", "lookback": 0.0})
    far = bench.place()
    bench.daemon(2 * 3600)
    new = world.add_leads(2)
    bench.daemon(600)
    bench.check()
    assert far.lead_ids() == sorted(new)


def test_start_at_an_instant_takes_what_came_since(bench: Bench) -> None:
    world = bench.ctgo(leads=10, spacing=DAY, context={"start": START - 3.5 * DAY})
    far = bench.place()
    bench.once()
    bench.check()
    assert far.lead_ids() == sorted(row.id for row in world.listed()[-3:])


def test_an_explicit_window_takes_its_leads_and_never_moves_the_watermark(bench: Bench) -> None:
    world = bench.ctgo(leads=10, spacing=DAY, context={"start": "now"})
    far = bench.place()
    bench.once()
    before = _watermark(bench)
    bench.life.pulls["main"].ask_window(START - 6.5 * DAY, START - 3.5 * DAY)
    bench.wake("pull", "main")
    bench.run()
    bench.check()
    assert far.lead_ids() == sorted(row.id for row in world.listed()[4:7])
    assert _watermark(bench) == before


def test_a_window_that_leaves_new_leads_out_leaves_them_to_the_next_pull(bench: Bench) -> None:
    """It sees leads behind its end, and takes none of them: the watermark must not pass them."""
    world = bench.ctgo(leads=10, spacing=DAY, context={"lookback": 0.0})
    far = bench.place()
    bench.once()
    bench.clock.advance(DAY)
    new = world.add_leads(3)
    bench.life.pulls["main"].ask_window(START - 6.5 * DAY, START - 3.5 * DAY)
    bench.wake("pull", "main")
    bench.run()
    assert set(new).isdisjoint(far.lead_ids())
    bench.clock.advance(DAY)
    world.add_leads(1)
    bench.once()
    bench.check()
    assert set(new) <= set(far.lead_ids())


@pytest.mark.parametrize("death", ["killed", "an error"])
def test_the_limit_of_a_window_holds_across_a_death_half_way(bench: Bench, death: str) -> None:
    world = bench.ctgo(leads=20, context={"start": "now"})
    bench.place()
    bench.once()
    with bench.ledger.write() as connection:
        sources.ask_window(connection, "main", bench.clock.now(), since=0.0, until=None, limit=6, who="me")

    def short(request: httpx.Request, through: Callable[[], httpx.Response]) -> httpx.Response:
        request.url = request.url.copy_set_param("limit", 4)
        return through()

    def ask() -> Pull:
        pull = bench.life.pulls["main"]
        with bench.ledger.read() as connection:
            for row in sources.pending_windows(connection):
                pull.ask_window(row.since, row.until, row.most, window=row.id)
        bench.wake("pull", "main")
        return pull

    bench.life.wires["main"].answering = short
    assert ask().step().wait == 0
    assert bench.rows("SELECT count(*) FROM lead") == [(4,)]
    ask()
    if death == "killed":
        bench.crash()
        ask()
    else:
        world.fail(Fault("leads", body=b"{}", status=200))
    bench.run()
    assert bench.rows("SELECT count(*) FROM lead") == [(6,)]
    assert bench.rows("SELECT state, new FROM window") == [("done", 6)]


def test_a_limit_stops_ingesting_and_leaves_the_watermark(bench: Bench) -> None:
    bench.ctgo(leads=20)
    far = bench.place()
    bench.once(limit=7)
    assert len(far.things) == 7
    assert _watermark(bench) is None
    bench.once(limit=7)
    assert len(far.things) == 14
    bench.once()
    bench.check()
    assert len(far.things) == 20
    assert _watermark(bench) is not None


def test_a_source_that_never_exports_settles_its_leads_unexported(bench: Bench) -> None:
    world = bench.ctgo(leads=5, context={"exports": False})
    far = bench.place()
    bench.once()
    bench.check()
    assert len(far.things) == 5
    assert bench.leads() == {"unexported": 5}
    assert not world.exported


def test_of_two_sources_one_halted_holds_up_nothing_of_the_other(bench: Bench) -> None:
    first = bench.ctgo("first", leads=5, key="ctgo_first")
    bench.ctgo("second", leads=5, key="ctgo_second")
    first.revoke("ctgo_first")
    far = bench.place()
    bench.once()
    bench.check()
    assert bench.leads("second") == {"exported": 5}
    assert bench.lane("pull", "first").code == "key_refused"
    assert len(far.things) == 5


def test_the_same_ids_of_two_sources_are_two_leads(bench: Bench) -> None:
    worlds = [bench.ctgo(name, leads=5, key=f"ctgo_{name}") for name in ("first", "second")]
    far = bench.place()
    bench.once()
    bench.check()
    assert len(far.things) == 10
    assert [len(world.exported) for world in worlds] == [5, 5]


def test_two_sources_on_one_key_share_its_allowance(bench: Bench) -> None:
    world = bench.ctgo("first", leads=100)
    bench.accounts["second"] = bench.accounts["first"]
    bench.place()
    bench.once()
    assert world.stats()["tooManyRequests"] == 0
    assert bench.leads("first") == bench.leads("second") == {"exported": 100}


def test_a_restart_breaks_no_limit(bench: Bench) -> None:
    world = bench.ctgo(leads=200)
    bench.place()
    for _ in range(8):
        bench.once(seconds=10)
        bench.stop()
    bench.once()
    bench.check()
    assert world.stats()["tooManyRequests"] == 0
    assert bench.leads() == {"exported": 200}


def test_a_reboot_breaks_no_limit(bench: Bench) -> None:
    world = bench.ctgo(leads=200, window="sliding")
    bench.place()
    for n in range(4):
        bench.once(seconds=10)
        bench.stop()
        bench.clock.booted = f"boot-{n + 2}"
    bench.once()
    bench.check()
    assert world.stats()["tooManyRequests"] == 0


def test_polls_that_were_asked_for_while_the_source_was_halted_come_to_one(bench: Bench) -> None:
    world = bench.ctgo(leads=5)
    bench.place()
    bench.once()
    with bench.ledger.write() as connection:
        now = bench.clock.now()
        pause_lanes(connection, [("pull", "main")], now, who="ana", until=now + DAY, reason="")
    for _ in range(100):
        bench.life.pulls["main"].ask_live()
    bench.clock.advance(DAY + 1)
    asked = len(world.requests)
    bench.wake("pull", "main")
    bench.run()
    assert len(world.requests) - asked < 5


def test_a_window_refills_a_payload_that_retention_dropped(bench: Bench) -> None:
    world = bench.ctgo(leads=3)
    bench.place()
    bench.once()
    bench.sql("DELETE FROM payload")
    bench.life.pulls["main"].ask_window(0.0, None)
    bench.wake("pull", "main")
    bench.run()
    assert world.listed()
    assert bench.rows("SELECT count(*) FROM payload") == [(3,)]


def test_an_idle_source_asks_once_a_poll_and_writes_little(bench: Bench) -> None:
    world = bench.ctgo(leads=5)
    bench.place()
    bench.once()
    asked = len(world.requests)
    events = len(bench.log.events)
    bench.daemon(3600, reconcile=None)
    assert len(world.requests) - asked == 60
    assert len(bench.log.events) == events, "an idle tick logs nothing"


def test_a_lead_whose_content_changed_is_not_a_new_one(bench: Bench) -> None:
    world = bench.ctgo(leads=3)
    far = bench.place()
    bench.once()
    world.amend_lead(world.listed()[0].id, {"profile": {"bio": "another"}, "discoveredAt": iso(START)})
    bench.daemon(600)
    bench.check()
    assert sum(len(thing.writes) for thing in far.things) == 3
