"""What an operator sees of a daemon that is left alone."""

from collections.abc import Sequence

from syncd.core.delivery import Delivery, Outcome
from syncd.core.failure import Halt, Pause
from syncd.daemon.calendar import spread
from syncd.ledger import sources
from syncd.ledger.admin.actions import pause_lanes, resume_lanes
from syncd.settings import Schedule
from tests.support import Remote
from tests.support.running import Running


def requests(run: Running, name: str = "main", path: str = "/leads") -> list[float]:
    """When CTGO was asked for leads, in seconds since the start."""
    world = run.accounts[name].world
    return [r.arrival - run.clock._start for r in world.requests if r.path.endswith(path)]


def halts(_: Remote, __: Sequence[Delivery]) -> Sequence[Outcome]:
    raise Halt("token_expired", "The token has expired.")


def is_busy(_: Remote, __: Sequence[Delivery]) -> Sequence[Outcome]:
    raise Pause("busy", "Come back.", after=90.0)


def test_the_first_pull_is_at_once_and_the_next_ones_one_poll_apart(run: Running) -> None:
    run.ctgo(leads=3)
    run.place()
    run.serve()
    run.pass_(300)
    at = [round(it, 3) for it in requests(run)]
    assert at[0] == 0
    first = spread("main", 60.0)
    assert at[1:] == [round(first + 60 * n, 3) for n in range(5) if first + 60 * n <= 300]
    assert run.leads() == {"exported": 3}


def test_a_lead_is_delivered_and_exported_within_one_poll_of_its_discovery(run: Running) -> None:
    world = run.ctgo(leads=0)
    far = run.place()
    run.serve()
    run.pass_(100)
    world.add_leads(5)
    run.pass_(61)
    assert len(far.things) == 5
    assert run.exports() == {"delivered": 5}


def test_an_idle_daemon_gets_up_for_its_polls_and_nothing_else(run: Running) -> None:
    run.ctgo(leads=3)
    run.place("crm")
    run.place("sheet")
    run.serve()
    run.pass_(120)
    run.wakes.clear()
    run.pass_(600)
    assert len(run.wakes) <= 10


def test_polls_of_many_sources_are_spread(run: Running) -> None:
    for n in range(20):
        run.ctgo(f"s{n}", key=f"ctgo_{n}", leads=0)
    run.place()
    run.serve()
    run.pass_(60)
    run.wakes.clear()
    run.pass_(59.9)
    assert len({round(at) for at in run.wakes}) >= 12


def test_a_cron_line_polls_on_the_minute(run: Running) -> None:
    run.ctgo(leads=0)
    run.polls["main"] = {"poll": Schedule("*/5 * * * *")}
    run.place()
    run.serve()
    run.pass_(1200)
    at = [run.clock._start + it for it in requests(run)]
    assert at[0] == run.clock._start
    assert [it % 300 < 0.01 for it in at[1:]] == [True] * 4


def test_a_source_is_reconciled_on_its_own_schedule(run: Running) -> None:
    run.ctgo(leads=2)
    run.place()
    run.serve()
    run.pass_(3 * 3600 + 10)
    asked = [r.query for r in run.accounts["main"].world.requests if "lifecycle=new" in r.query]
    assert 3 <= len([query for query in asked if "limit=1&" not in query]) <= 5


def test_a_halted_lane_is_tried_with_one_delivery_an_hour(run: Running) -> None:
    run.ctgo(leads=5)
    far = run.place()
    far.rule = halts
    run.serve()
    run.pass_(60)
    before = len(far.calls)
    run.pass_(3 * 3600)
    assert len(far.calls) - before == 3
    far.rule = None
    run.pass_(3600)
    assert len(far.things) == 5
    assert len(run.log.named("lane_halted")) == 1
    assert len(run.log.named("lane_recovered")) == 1


def test_a_halted_lane_delays_no_other(run: Running) -> None:
    run.ctgo(leads=5)
    bad = run.place("bad")
    good = run.place("good")
    bad.rule = halts
    run.serve()
    run.pass_(5)
    assert len(good.things) == 5
    assert len(requests(run)) == 1


def test_what_another_command_wrote_is_noticed_with_the_next_poll(run: Running) -> None:
    run.ctgo(leads=4)
    far = run.place()
    run.serve()
    run.clock.advance(0)
    run.write_elsewhere(
        lambda c: pause_lanes(c, [("deliver", "crm")], run.clock.now(), who="me", until=None, reason="")
    )
    run.pass_(200)
    assert far.things == []
    run.write_elsewhere(lambda c: resume_lanes(c, [("deliver", "crm")], run.clock.now(), who="me"))
    run.pass_(60)
    assert len(far.things) == 4


def test_an_order_to_look_notices_it_at_once(run: Running) -> None:
    run.ctgo(leads=4)
    far = run.place()
    daemon = run.serve()
    until = run.clock.now() + 7200
    run.write_elsewhere(
        lambda c: pause_lanes(c, [("deliver", "crm")], run.clock.now(), who="me", until=until, reason="")
    )
    run.pass_(70)
    run.write_elsewhere(lambda c: resume_lanes(c, [("deliver", "crm")], run.clock.now(), who="me"))
    asked = len(requests(run))
    daemon.order("look")
    run.pass_(0.1)
    assert len(far.things) == 4
    assert len(requests(run)) == asked


def test_an_order_to_pull_pulls_now(run: Running) -> None:
    world = run.ctgo(leads=0)
    far = run.place()
    daemon = run.serve()
    run.pass_(70)
    world.add_leads(2)
    daemon.order("pull")
    run.pass_(0.1)
    assert len(far.things) == 2


def test_a_window_that_was_asked_for_is_pulled_behind_live_work(run: Running) -> None:
    world = run.ctgo(leads=1500, spacing=60.0, rate_limit=10)
    run.polls["main"] = {"start": "now"}
    run.accounts["main"].context["start"] = "now"
    run.accounts["main"].limit = 10
    run.place()
    run.serve()
    run.pass_(30)
    assert run.leads() == {}
    number: list[int] = []
    run.write_elsewhere(
        lambda c: number.append(
            sources.ask_window(c, "main", run.clock.now(), since=0.0, until=None, limit=None, who="me")
        )
    )
    world.add_leads(1)
    run.pass_(3600)
    with run.ledger.read() as connection:
        (window,) = sources.windows_of(connection, number)
    assert (window.state, window.new) == ("done", 1500)
    assert len(requests(run)) >= 59, "live pulls went on meanwhile"


def test_a_paused_source_is_pulled_when_its_pause_is_over(run: Running) -> None:
    run.ctgo(leads=1)
    far = run.place()
    far.rule = is_busy
    run.serve()
    run.pass_(30)
    far.rule = None
    run.pass_(59)
    assert far.things == []
    run.pass_(3)
    assert len(far.things) == 1
