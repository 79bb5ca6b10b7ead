"""Push: one subscription, kept in step with what is configured."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from syncd.engine.push import REFRESH, SPACING, Act, Goal, Wanted, due_act, spacing
from syncd.ledger import subscriptions
from syncd.ledger.subscriptions import Subscription
from syncd.simulator import Fault
from tests.support.pushing import NOWHERE, Pushing
from tests.support.virtual import Crash, Seams

HOUR = 3600.0
LEADS = "/leads"


NEW = Subscription("main", "t")
THERE = replace(NEW, remote_id=1, digest="d", subscribed_at=1000.0)


@pytest.mark.parametrize(
    ("it", "digest", "now", "expected"),
    [
        (NEW, "d", 1000, Act("subscribe")),
        (NEW, None, 1000, None),
        (THERE, "d", 1000, REFRESH),
        (THERE, "d", 1000 + REFRESH - 1, 1.0),
        (THERE, "d", 1000 + REFRESH, Act("subscribe")),
        (THERE, "d", 900, Act("subscribe")),  # the clock was set back: nobody knows how long it was quiet
        (replace(THERE, heard_at=1000 + REFRESH), "d", 1000 + REFRESH, REFRESH),
        (THERE, "another", 1000, Act("subscribe")),
        (replace(THERE, leaving=(7, 8)), "another", 1000, Act("subscribe")),  # the new one first
        (replace(THERE, leaving=(7, 8)), "d", 1000, Act("remove", 7)),
        (replace(NEW, leaving=(7,)), None, 1000, Act("remove", 7)),
        (replace(NEW, asked="target"), "d", 1000, Act("subscribe")),
        (replace(NEW, asked="target"), None, 1000, Act("find")),
        (replace(THERE, asked="other", leaving=(7,)), "another", 1000, Act("find")),
    ],
)
def test_what_is_due(it: Subscription, digest: str | None, now: float, expected: object) -> None:
    assert due_act(it, None if digest is None else Goal("target", digest), now) == expected


@pytest.mark.parametrize(
    ("requests", "per_minute", "seconds"), [(1, 60, SPACING), (1, 6, 20), (10, 60, 20), (51, 60, 102)]
)
def test_extra_pulls_leave_half_of_the_budget(requests: int, per_minute: int, seconds: float) -> None:
    assert spacing(requests, per_minute) == seconds


def test_an_id_that_is_subscribed_again_is_not_one_that_leaves() -> None:
    moved = THERE.subscribed(2, "e", 2000.0)
    assert (moved.remote_id, moved.leaving) == (2, (1,))
    assert moved.subscribed(1, "d", 3000.0).leaving == (2,)
    assert THERE.subscribed(1, "d", 2000.0).leaving == ()
    assert moved.unwanted().leaving == (1, 2)
    assert moved.unwanted().left(1).left(2).is_there is False


def test_what_is_subscribed_is_told_by_its_address_its_filter_its_key_and_its_ctgo() -> None:
    plain = Wanted("https://a", "https://b")
    others = [
        Wanted("https://x", "https://b"),
        Wanted("https://a", "https://x"),
        Wanted("https://a", "https://b", {"streamId": 14}),
    ]
    digests = {it.digest("token", "key") for it in (plain, *others)}
    digests |= {plain.digest("other", "key"), plain.digest("token", "other")}
    assert len(digests) == 6
    assert plain.digest("token", "key") == Wanted("https://a", "https://b").digest("token", "key")


def test_it_subscribes_once_behind_the_first_pull_and_looks_again_for_what_came_between(
    bench: Pushing,
) -> None:
    bench.serve()
    bench.pass_(60)
    assert bench.targets() == ["one"]
    (subscribed,) = bench.asked("POST")
    pulls = bench.asked("GET", LEADS)
    assert pulls[0] <= subscribed <= pulls[1] < 10
    assert len(pulls) == 2
    assert len(bench.log.named("push_subscribed")) == 1


def test_the_token_cannot_be_guessed_and_is_another_for_each_source(bench: Pushing) -> None:
    bench.ctgo("other", key="ctgo_other", leads=0)
    bench.wanted["other"] = "one"
    bench.serve()
    tokens = {bench.push(name).token for name in ("main", "other")}
    assert len(tokens) == 2
    assert all(len(token) == 43 for token in tokens), "32 random bytes"


def test_a_later_start_uses_the_same_without_a_word(bench: Pushing) -> None:
    bench.serve()
    bench.pass_(60)
    token = bench.push().token
    bench.boot()
    bench.once(60)
    assert len(bench.asked("POST")) == 1
    assert bench.push().token == token
    assert bench.push().on


def test_an_address_that_changed_is_subscribed_before_the_old_one_goes(bench: Pushing) -> None:
    bench.serve()
    bench.pass_(60)
    bench.wanted["main"] = "two"
    bench.boot()
    bench.once(60)
    assert bench.targets() == ["two"]
    assert len(bench.asked("POST")) == 2
    assert bench.asked("DELETE") >= bench.asked("POST")[1:]


@pytest.mark.parametrize(
    ("before", "while_", "after"),
    [
        (None, "one", "one"),
        (None, "one", None),
        (None, "one", "two"),
        ("one", "two", "two"),
        ("one", "two", "three"),
        ("one", None, None),
    ],
)
def test_whenever_it_is_killed_there_is_what_is_wanted_then_and_nothing_else(
    tmp_path: Path, before: str | None, while_: str | None, after: str | None
) -> None:
    at = 0
    while True:
        at += 1
        (tmp_path / str(at)).mkdir()
        bench = Pushing(tmp_path / str(at))
        bench.ctgo(leads=0)
        if before is not None:
            bench.wanted["main"] = before
            bench.once(60)
            bench.stop()
        bench.wanted["main"] = while_
        bench.seams = Seams(at)
        try:
            bench.once(60)
            survived = True
        except Crash:
            bench.crash()
            survived = False
        bench.stop()
        bench.seams = Seams()
        bench.clock.advance(60)
        bench.wanted["main"] = after
        bench.once(60)
        assert bench.targets() == ([] if after is None else [after]), at
        known = bench.subscription()
        ids = [it.id for it in bench.accounts["main"].world.subscriptions.all()]
        assert ([] if known is None else [known.remote_id]) == ids
        bench.check()
        bench.close()
        if survived:
            break
    assert at > 6, "it was killed at every seam"


def test_a_table_that_is_gone_ends_it_and_leaves_nothing_behind(bench: Pushing) -> None:
    bench.once(60)
    bench.wanted["main"] = None
    bench.boot()
    bench.once(60)
    assert bench.targets() == []
    assert bench.subscription() is None
    assert not bench.push().on
    bench.boot()
    assert bench.life.others == []


def test_one_that_ctgo_does_not_know_is_gone(bench: Pushing) -> None:
    bench.once(60)
    bench.accounts["main"].world.subscriptions.unsubscribe(1)
    bench.wanted["main"] = None
    bench.boot()
    bench.once(60)
    assert bench.subscription() is None
    assert bench.lane("push", "main").code == ""


def test_off_ends_it_and_holds_until_on(bench: Pushing) -> None:
    def switch(*, off: bool) -> None:
        with bench.ledger.write() as connection:
            it = subscriptions.load(connection, "main")
            assert it is not None
            subscriptions.save(connection, it.switched(off=off))

    bench.once(60)
    switch(off=True)
    bench.once(60)
    assert bench.targets() == []
    assert not bench.push().on
    bench.boot()
    assert not bench.push().on, "from the first moment on"
    bench.once(60)
    assert bench.targets() == []
    switch(off=False)
    bench.once(60)
    assert bench.targets() == ["one"]


REFUSALS = {
    "401": Fault("subscribe", 99, 401, b'{"error": "Invalid or revoked API key."}'),
    "403": Fault("subscribe", 99, 403, b'{"error": "subscription_required"}'),
    "404": Fault("subscribe", 99, 404, b'{"error": "Not found"}'),
    "a login page": Fault("subscribe", 99, 200, b"<html>"),
    "no id": Fault("subscribe", 99, 200, b"{}"),
    "409": Fault("subscribe", 99, 409),
    "500": Fault("subscribe", 99, 500),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_trouble_is_said_once_tried_again_ever_more_slowly_and_nobody_elses(
    bench: Pushing, refusal: Fault
) -> None:
    world = bench.accounts["main"].world
    world.fail(refusal)
    bench.serve()
    bench.pass_(12 * HOUR)
    lane = bench.lane("push", "main")
    assert (lane.status, lane.code) == ("paused", "push_failed")
    assert len(bench.log.named("push_failed")) == 1
    tries = bench.asked("POST")
    gaps = [later - earlier for earlier, later in pairwise(tries)]
    assert gaps[0] < gaps[2] < gaps[4] <= max(gaps) <= HOUR * 1.6
    assert len(tries) > 12
    assert {bench.lane(kind, "main").status for kind in ("pull", "export")} == {"open"}
    assert len(bench.asked("GET", LEADS)) >= 12, "polling goes on"
    world.gateway.clear_faults()
    bench.pass_(2 * HOUR)
    assert bench.targets() == ["one"]
    assert bench.lane("push", "main").code == ""


def test_a_lost_answer_makes_no_second_subscription(bench: Pushing) -> None:
    bench.accounts["main"].world.fail(Fault("subscribe", 1, 502, after_applying=True))
    bench.once(HOUR)
    assert bench.targets() == ["one"]
    assert len(bench.asked("POST")) == 2


@pytest.mark.parametrize("after", [None, "two"])
def test_what_a_lost_answer_may_have_left_is_found_and_removed_when_it_is_not_wanted_any_more(
    bench: Pushing, after: str | None
) -> None:
    bench.accounts["main"].world.fail(Fault("subscribe", 1, 502, after_applying=True))
    bench.once(1)
    assert bench.targets() == ["one"]
    known = bench.subscription()
    assert known is not None
    assert known.remote_id is None
    bench.wanted["main"] = after
    bench.boot()
    bench.once(HOUR)
    assert bench.targets() == ([] if after is None else [after])


def test_of_a_refusal_nothing_needs_to_be_found(bench: Pushing) -> None:
    bench.accounts["main"].world.fail(REFUSALS["403"])
    bench.once(1)
    bench.wanted["main"] = None
    bench.boot()
    bench.once(HOUR)
    assert len(bench.asked("POST")) == 1
    assert bench.subscription() is None


def test_a_refused_key_is_the_pulls_to_say(bench: Pushing) -> None:
    bench.serve()
    bench.pass_(60)
    bench.accounts["main"].world.revoke()
    bench.push().came()
    bench.pass_(10 * HOUR)
    assert bench.lane("pull", "main").code == "key_refused"
    assert bench.lane("push", "main").code == ""
    assert len(bench.asked("POST")) == 1


def test_a_silent_day_asks_again_and_heals_what_ctgo_forgot(bench: Pushing) -> None:
    bench.serve()
    bench.pass_(60)
    world = bench.accounts["main"].world
    bench.pass_(REFRESH + HOUR)
    assert len(bench.asked("POST")) == 2
    assert bench.targets() == ["one"]
    world.subscriptions.unsubscribe(1)
    bench.pass_(REFRESH + HOUR)
    assert bench.targets() == ["one"]
    bench.push().came()
    bench.pass_(REFRESH - HOUR)
    assert len(bench.asked("POST")) == 3, "a push is a word"


def test_a_single_campaign_is_filtered_for(bench: Pushing) -> None:
    seen: list[object] = []

    def look(request: httpx.Request, go: object) -> httpx.Response:
        if request.method == "POST" and request.url.path.endswith("subscribe"):
            seen.append(json.loads(request.content))
        answer: httpx.Response = go()  # type: ignore[operator]
        return answer

    bench.boot()
    bench.push()._wanted = Wanted("http://127.0.0.1/api/v2", f"{NOWHERE}/one", {"streamId": 14})
    bench.life.wires["main"].answering = look
    bench.once(60)
    token = bench.push().token
    assert seen == [{"targetUrl": f"{NOWHERE}/one/{token}", "filterConfig": {"streamId": 14}}]


@pytest.mark.parametrize("trouble", [0, 3])
def test_whatever_the_first_pull_takes_comes_before_the_subscription(tmp_path: Path, trouble: int) -> None:
    bench = Pushing(tmp_path)
    world = bench.ctgo(leads=1200, limit=2, rate_limit=2, context={"exports": False})
    bench.place(batch_size=200)
    world.fail(Fault("leads", trouble, 500))
    bench.serve()
    bench.pass_(HOUR)
    pulls = bench.asked("GET", LEADS)
    assert bench.asked("POST")[0] >= pulls[2 + trouble], "three pages"
    assert bench.targets() == ["one"]
    bench.check()
    bench.close()
