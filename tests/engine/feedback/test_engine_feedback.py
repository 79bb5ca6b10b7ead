"""What a CRM says of people comes back to CTGO: of the right leads, once a change, and never lost."""

from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from syncd.connector import Status
from syncd.ledger.admin import actions, rejections
from syncd.simulator import Fault
from tests.engine.feedback.judged import JUDGING, OFTEN, arrange, feedback, told
from tests.support import Bench, lead_ids, lost_answer, pause, rejects, unreachable


def test_a_word_reaches_ctgo_once_for_the_lead_and_its_segment(bench: Bench) -> None:
    world, far = arrange(bench)
    first, second, _ = lead_ids(bench)
    far.mark("Unqualified", first)
    far.mark("customer", second)
    bench.daemon(7200, poll=300)
    bench.check()
    assert told(world) == {first: "bad wrong_job", second: "good"}
    assert world.feedback.posts == 2
    segments = {(row.id, row.segment_id) for row in world.listed()}
    assert set(world.feedback.stored) <= segments
    assert feedback(bench) == {"delivered": 2}


def test_a_changed_word_is_told_anew_with_its_note_and_the_same_never_twice(bench: Bench) -> None:
    world, far = arrange(bench)
    first = lead_ids(bench)[0]
    for value in (
        "unqualified",
        "UNQUALIFIED ",
        "in progress",
        "unqualified",
        "later",
        "later",
        "customer",
        "unqualified",
    ):
        far.mark(value, first)
        bench.daemon(1800, poll=300)
    assert told(world) == {first: "bad wrong_job"}
    assert world.feedback.posts == 4
    bench.check()


def test_a_value_that_says_nothing_is_ignored(bench: Bench) -> None:
    world, far = arrange(bench)
    far.mark("in progress", *lead_ids(bench))
    bench.daemon(1800, poll=300)
    assert (world.feedback.posts, feedback(bench)) == (0, {})
    assert bench.rows("SELECT * FROM heard") == []


def test_strangers_and_people_of_another_connector_are_nobody(bench: Bench) -> None:
    world = bench.ctgo(leads=4)
    far = bench.place("crm", people=True, judging=JUDGING, where="follower_count < 0")
    bench.place("sheet")
    bench.once(120)
    persons = [row.person.x_user_id for row in world.listed()]
    far.marks += [Status("unqualified", bench.clock.now(), person=who) for who in (*persons, "77", "")]
    bench.daemon(1800, poll=300)
    bench.check()
    assert (world.feedback.posts, bench.rows("SELECT * FROM heard")) == (0, [])


def test_only_leads_that_this_connector_delivered_are_judged(bench: Bench) -> None:
    world = bench.ctgo(leads=2, repeats=1.0, repeat_ids="own")
    far = bench.place("crm", people=True, judging=JUDGING, where="stream_id == 14")
    bench.place("sheet")
    bench.once(120)
    ours = {row.id for row in world.listed() if row.stream_id == 14}
    assert ours != {row.id for row in world.listed()}
    far.mark("unqualified", *ours)
    bench.daemon(1800, poll=300)
    assert set(told(world)) == ours


def test_a_lead_that_the_crm_refused_is_not_judged_with_its_person(bench: Bench) -> None:
    world = bench.ctgo(leads=1, repeats=1.0, repeat_ids="own")
    old, new = sorted(world.listed(), key=lambda row: row.key)
    far = bench.place(people=True, judging=JUDGING)
    far.rule = rejects(new.id)
    bench.once(120)
    assert bench.deliveries() == {"delivered": 1, "rejected": 1}
    far.mark("unqualified", old.id)
    bench.daemon(1800, poll=300)
    assert set(told(world)) == {old.id}


def test_somebody_whose_delivery_was_never_answered_is_judged_all_the_same(bench: Bench) -> None:
    """The CRM has them, and the ledger does not know it yet: by the time it does, the change would have been passed over."""
    world = bench.ctgo(leads=1)
    far = bench.place(people=True, judging=OFTEN)
    far.script.extend([lost_answer])
    far.rule = unreachable
    bench.once(30)
    (first,) = lead_ids(bench)
    assert bench.deliveries() == {"pending": 1}
    far.mark("unqualified", first)
    bench.daemon(120)
    far.marks.clear()
    far.rule = None
    bench.daemon(1800, poll=300)
    bench.check()
    assert (told(world), bench.deliveries()) == ({first: "bad wrong_job"}, {"delivered": 1})


def test_a_person_is_found_by_the_remote_id_also_when_several_share_it(bench: Bench) -> None:
    world, far = arrange(bench)
    first, second, _ = lead_ids(bench)
    far.mark("unqualified", first, by_id=True)
    bench.daemon(1800, poll=300)
    assert told(world) == {first: "bad wrong_job"}
    persons = dict(bench.rows("SELECT lead_id, person FROM lead"))
    bench.sql(
        "UPDATE person SET remote_id = (SELECT remote_id FROM person WHERE person = ?) WHERE person = ?",
        persons[first], persons[second],
    )  # fmt: skip
    far.mark("customer", first)
    bench.daemon(1800, poll=300)
    assert told(world) == {first: "good", second: "good"}


def test_a_lead_without_a_segment_cannot_be_told_and_is_counted(bench: Bench) -> None:
    world = bench.ctgo(leads=2)
    first = world.listed()[0].id
    world.amend_lead(first, {"segmentId": None})
    far = bench.place(people=True, judging=JUDGING)
    bench.once(120)
    far.mark("unqualified", *lead_ids(bench))
    bench.daemon(1800, poll=300)
    bench.check()
    assert feedback(bench) == {"no_segment": 1, "delivered": 1}
    assert first not in told(world)
    assert bench.log.named("feedback_without_segment") == [{"connector": "crm", "leads": 1}]
    far.mark("customer", first)
    bench.daemon(1800, poll=300)
    assert bench.rows("SELECT word FROM feedback WHERE state = 'no_segment'") == [("good",)]


def test_a_lead_that_ctgo_no_longer_knows_is_gone_whatever_is_said_then(bench: Bench) -> None:
    world, far = arrange(bench)
    first = lead_ids(bench)[0]
    world.remove_lead(first)
    far.mark("unqualified", first)
    bench.daemon(1800, poll=300)
    far.mark("customer", first)
    bench.daemon(1800, poll=300)
    bench.check()
    assert feedback(bench) == {"gone": 1}
    assert len([r for r in world.requests if r.path.endswith("/feedback")]) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault("feedback", times=3, status=500),
        Fault("feedback", times=3, status=500, after_applying=True),
        Fault("feedback", times=2, status=409, body=b'{"error":"conflict"}'),
        Fault(
            "feedback", times=3, status=429, headers={"Retry-After": "17"}, body=b'{"error":"rate_limited"}'
        ),
        Fault("feedback", times=2, status=200, body=b"<html>Sign in</html>"),
        Fault("feedback", times=2, status=404, body=b"404 page not found"),
    ],
    ids=str,
)
def test_a_word_is_repeated_until_it_is_heard(bench: Bench, fault: Fault) -> None:
    world, far = arrange(bench)
    world.fail(fault)
    far.mark("unqualified", *lead_ids(bench))
    bench.daemon(7200, poll=300)
    bench.check()
    assert feedback(bench) == {"delivered": 3}
    assert set(told(world).values()) == {"bad wrong_job"}


def test_a_refused_word_is_set_aside_visibly_and_a_person_decides(bench: Bench) -> None:
    world, far = arrange(bench)
    world.fail(Fault("feedback", times=2, status=400, body=b'{"error":"bad_request"}'))
    far.mark("unqualified", *lead_ids(bench))
    bench.daemon(1800, poll=300)
    assert feedback(bench) == {"rejected": 2, "delivered": 1}
    bench.check()
    chosen = rejections.Chosen(
        lead_id=bench.rows("SELECT lead_id FROM feedback WHERE state = 'rejected'")[0][0]
    )
    with bench.ledger.write() as connection:
        assert rejections.retry(connection, chosen, bench.clock.now(), who="ana", exports={}) == 1
    bench.daemon(120)
    with bench.ledger.write() as connection:
        assert rejections.drop(connection, rejections.Chosen(), bench.clock.now(), who="ana", exports={}) == 1
    bench.check()
    assert feedback(bench) == {"delivered": 2, "dropped": 1}


def test_ten_alike_refusals_halt_the_lane_and_lose_nothing(bench: Bench) -> None:
    world, far = arrange(bench, leads=12)
    world.fail(Fault("feedback", times=1000, status=400, body=b'{"error":"bad_request"}'))
    far.mark("unqualified", *lead_ids(bench))
    bench.daemon(1800, poll=300)
    bench.check()
    assert bench.lane("feedback", "main").status == "halted"
    assert feedback(bench) == {"pending": 12}


def test_a_feedback_route_that_is_away_settles_nobody(bench: Bench) -> None:
    world, far = arrange(bench, leads=12)
    world.fail(Fault("feedback", times=12, status=404, body=b'{"error":"Not Found"}'))
    far.mark("unqualified", *lead_ids(bench))
    bench.daemon(1800, poll=300)
    bench.check()
    lane = bench.lane("feedback", "main")
    assert (lane.status, lane.code) == ("halted", "feedback_route_missing")
    assert feedback(bench) == {"pending": 12}
    bench.stop()
    bench.daemon(1800, poll=300)
    bench.check()
    assert feedback(bench) == {"delivered": 12}


def test_a_refused_key_halts_the_source_and_a_forbidden_feedback_only_itself(bench: Bench) -> None:
    world, far = arrange(bench)
    world.fail(Fault("feedback", status=403, body=b'{"error":"subscription_required"}'))
    far.mark("unqualified", lead_ids(bench)[0])
    bench.daemon(1800, poll=300)
    assert [bench.lane(kind, "main").status for kind in ("feedback", "pull", "export")] == [
        "halted",
        "open",
        "open",
    ]
    bench.boot()
    world.fail(Fault("feedback", status=401, body=b'{"error":"Invalid or revoked API key."}'))
    bench.run(60)
    assert [bench.lane(kind, "main").status for kind in ("feedback", "pull", "export")] == ["halted"] * 3


def test_what_was_said_back_before_it_was_told_is_not_told(bench: Bench) -> None:
    world, far = arrange(bench)
    first = lead_ids(bench)[0]
    far.mark("unqualified", first)
    bench.daemon(1800, poll=300)
    pause(bench, ("feedback", "main"))
    for value in ("customer", "unqualified"):
        far.mark(value, first)
        bench.daemon(1800, poll=300)
    assert feedback(bench) == {"delivered": 1}
    with bench.ledger.write() as connection:
        actions.resume_lanes(connection, [("feedback", "main")], bench.clock.now(), who="ana")
    bench.daemon(1800, poll=300)
    assert world.feedback.posts == 1
    bench.check()


def test_what_was_said_back_after_an_answer_was_lost_is_told(bench: Bench) -> None:
    """CTGO has the other word, and nobody here knows."""
    world, far = arrange(bench)
    first = lead_ids(bench)[0]
    far.mark("unqualified", first)
    bench.daemon(1800, poll=300)
    world.fail(Fault("feedback", status=500, after_applying=True))
    far.mark("customer", first)
    wire = bench.life.wires["main"]

    def once(request: httpx.Request, go: Callable[[], httpx.Response]) -> httpx.Response:
        answer = go()
        if request.url.path.endswith("/feedback"):
            wire.answering = None
            far.mark("unqualified", first)
            pause(bench, ("feedback", "main"), seconds=3000)
        return answer

    wire.answering = once
    bench.daemon(7200, poll=300)
    bench.check()
    assert told(world) == {first: "bad wrong_job"}


def test_a_word_that_changes_while_it_is_told_is_told_next(bench: Bench) -> None:
    world, far = arrange(bench, judging=OFTEN)
    first = lead_ids(bench)[0]
    far.mark("unqualified", first)
    hear = next(lane for lane in bench.life.others if lane.kind == "hear")
    wire, heard = bench.life.wires["main"], []

    def meanwhile(request: httpx.Request, go: Callable[[], httpx.Response]) -> httpx.Response:
        if request.url.path.endswith("/feedback"):
            wire.answering = None
            far.mark("customer", first)
            bench.clock.advance(6)
            hear.step()
            heard.extend(bench.rows("SELECT word, state FROM feedback"))
        return go()

    wire.answering = meanwhile
    bench.daemon(120)
    bench.check()
    assert heard == [("good", "pending")]
    assert told(world) == {first: "good"}
    assert (world.feedback.posts, feedback(bench)) == (2, {"delivered": 1})


def test_of_two_crms_the_one_that_changed_last_is_believed(bench: Bench) -> None:
    world = bench.ctgo(leads=1)
    crm = bench.place("crm", people=True, judging=JUDGING)
    org = bench.place("org", people=True, judging=replace(JUDGING, poll=700.0))
    bench.once(120)
    (first,) = lead_ids(bench)
    said = []
    for far, value in ((crm, "unqualified"), (org, "customer"), (crm, "unqualified"), (org, "unqualified")):
        far.mark(value, first)
        bench.daemon(4000, poll=300)
        said.append(told(world)[first])
    assert said == ["bad wrong_job", "good", "good", "bad wrong_job"]
    assert world.feedback.posts == 3
    bench.check()
