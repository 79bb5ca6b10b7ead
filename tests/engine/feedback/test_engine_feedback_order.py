"""Feedback goes behind pulls and exports, holds up nobody, and survives pauses, changes and restarts."""

from typing import Any

import pytest

from syncd.connector import Statuses
from syncd.core.failure import Halt, Pause, Refused
from syncd.core.feedback import Judgement, Judging
from syncd.engine.feedback import BEHIND
from syncd.engine.lane import AGAIN, Next
from syncd.ledger.admin import actions, forgotten
from syncd.ledger.admin.forgotten import PersonQuery
from tests.engine.feedback.judged import JUDGING, OFTEN, arrange, feedback, told
from tests.support import Bench, lead_ids, pause


def test_feedback_takes_no_slot_while_an_export_could_go(bench: Bench) -> None:
    world, far = arrange(bench)
    pause(bench, ("feedback", "main"))
    far.mark("unqualified", *lead_ids(bench))
    bench.daemon(1800, poll=300)
    new = world.add_leads(2)
    pull, deliver = bench.life.pulls["main"], bench.life.delivers["crm"]
    pull.ask_live()
    pull.step()
    deliver.step()
    with bench.ledger.write() as connection:
        actions.resume_lanes(connection, [("feedback", "main")], bench.clock.now(), who="ana")
    back = next(lane for lane in bench.life.others if lane.kind == "feedback")
    assert (back.step(), world.feedback.posts) == (Next(BEHIND), 0)
    bench.life.exports["main"].step()
    assert set(new) <= set(world.exported)
    pull.ask_live()
    assert (back.step(), world.feedback.posts) == (Next(BEHIND), 0)
    pull.step()
    assert (back.step(), world.feedback.posts) == (AGAIN, 3)


def test_all_exports_are_there_before_the_first_word(bench: Bench) -> None:
    world = bench.ctgo(leads=150)
    far = bench.place(people=True, judging=OFTEN)
    bench.once(5)
    assert 0 < len(world.exported) < 150
    far.mark("unqualified", *lead_ids(bench)[:20])
    bench.daemon(600)
    bench.check()
    paths = [r.path.rpartition("/")[2] for r in world.requests if r.status == 200]
    assert (len(world.exported), paths.count("feedback")) == (150, 20)
    assert paths.index("feedback") > max(n for n, path in enumerate(paths) if path == "export")


def test_a_backlog_of_feedback_holds_up_no_new_lead(bench: Bench) -> None:
    world, far = arrange(bench, leads=300)
    bench.daemon(600)
    far.page = 100
    far.mark("unqualified", *lead_ids(bench))
    bench.daemon(300)
    assert 0 < world.feedback.posts < 300
    before = bench.clock.true()
    new = world.add_leads(5)
    bench.daemon(300)
    assert all(world.exported[lead].instant - before < 125 for lead in new)
    bench.daemon(900)
    bench.check()
    assert world.feedback.posts == 300


def test_exports_that_cannot_go_do_not_hold_up_feedback(bench: Bench) -> None:
    world, far = arrange(bench)
    pause(bench, ("export", "main"))
    world.add_leads(2)
    far.mark("unqualified", lead_ids(bench)[0])
    bench.daemon(1800, poll=300)
    assert world.feedback.posts == 1


def test_a_source_that_is_paused_or_down_is_told_nothing(bench: Bench) -> None:
    world, far = arrange(bench)
    pause(bench, ("pull", "main"))
    far.mark("unqualified", lead_ids(bench)[0])
    bench.daemon(3600, poll=300)
    back = next(lane for lane in bench.life.others if lane.kind == "feedback")
    assert (world.feedback.posts, feedback(bench)) == (0, {"pending": 1})
    assert back.step().trouble == "paused_by_hand"


def test_whoever_is_forgotten_is_neither_told_of_nor_kept(bench: Bench) -> None:
    world, far = arrange(bench)
    first, second, _ = lead_ids(bench)
    far.mark("unqualified", first)
    bench.daemon(1800, poll=300)
    pause(bench, ("feedback", "main"))
    far.mark("customer", first, second)
    bench.daemon(1800, poll=300)
    with bench.ledger.write() as connection:
        for lead_id in (first, second):
            found = forgotten.find(connection, PersonQuery(lead_id=lead_id))
            forgotten.forget(connection, found, bench.clock.now(), who="ana")
    bench.check()
    assert bench.rows("SELECT * FROM feedback") == bench.rows("SELECT * FROM heard") == []
    far.mark("later", first, second)
    with bench.ledger.write() as connection:
        actions.resume_lanes(connection, [("feedback", "main")], bench.clock.now(), who="ana")
    bench.daemon(3600, poll=300)
    bench.check()
    assert world.feedback.posts == 1
    assert bench.rows("SELECT * FROM feedback") == bench.rows("SELECT * FROM heard") == []


def test_another_table_is_asked_for_from_the_beginning_and_tells_nothing_twice(bench: Bench) -> None:
    world, far = arrange(bench)
    first, second, _ = lead_ids(bench)
    far.mark("unqualified", first)
    far.mark("bounced", second)
    bench.daemon(1800, poll=300)
    far.asked.clear()
    bench.places["crm"].judging = Judging(
        "hs_lead_status", {**JUDGING.judgements, "bounced": Judgement("bad", "bot")}
    )
    bench.boot()
    bench.daemon(600)
    assert far.asked[0] == ""
    assert told(world) == {first: "bad wrong_job", second: "bad bot"}
    assert world.feedback.posts == 2


def test_a_restart_goes_on_where_it_was(bench: Bench) -> None:
    _, far = arrange(bench, leads=8)
    far.mark("unqualified", *lead_ids(bench))
    bench.daemon(1800, poll=300)
    far.asked.clear()
    bench.boot()
    bench.run(60)
    assert far.asked == ["6"]


@pytest.mark.parametrize(
    ("why", "status"),
    [
        (Pause("crm_busy", "Later.", after=60.0), "paused"),
        (Pause("crm_silent", "It failed.", unexplained=True), "paused"),
        (Halt("crm_token", "The token is refused.", fix="Give another."), "halted"),
        (Refused("crm_refused", "It cannot be asked so."), "halted"),
        (ZeroDivisionError("mara@example.com"), "paused"),
        (None, "paused"),
        (Statuses((), "0", more=True), "paused"),
        ((), "paused"),
    ],
    ids=repr,
)
def test_a_crm_that_cannot_be_asked_stops_this_lane_alone_and_loses_nothing(
    bench: Bench, why: Any, status: str
) -> None:
    world, far = arrange(bench)
    bench.tolerant = False
    far.mark("unqualified", lead_ids(bench)[0])
    far.hearing.append(why)
    bench.boot()
    bench.run(0.5)
    lane = bench.lane("hear", "crm")
    assert (lane.status, bench.lane("deliver", "crm").status) == (status, "open")
    assert world.feedback.posts == 0
    assert "mara" not in repr(bench.log.events) + repr(lane)
    bench.boot()
    bench.daemon(3600, poll=300)
    bench.check()
    assert world.feedback.posts == 1
    assert bench.lane("hear", "crm").code == ""
