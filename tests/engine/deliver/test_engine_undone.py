"""A person undoes a retry or a release while the engine is in the middle of it: what is there counts, and once."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from syncd.connector import Delivery, Outcome
from syncd.engine import deliver
from syncd.ledger import history
from syncd.ledger.admin import actions, rejections
from syncd.ledger.admin.rejections import Chosen
from syncd.ledger.deliveries import due
from tests.support import Bench, Remote, rejects

LANE = ("deliver", "crm")


def retried(bench: Bench, far: Remote) -> None:
    """Five rejected leads that are sent again, two in a call."""
    far.rule = rejects()
    bench.once()
    far.rule = None
    bench.clock.advance(60)
    with bench.ledger.write() as connection:
        assert (
            rejections.retry(connection, Chosen(), bench.clock.now(), who="ana", exports={"main": True}) == 5
        )
        actions.resume_lanes(connection, [LANE], bench.clock.now(), who="ana")
    bench.wake(*LANE)


def take_back(bench: Bench) -> int:
    with bench.ledger.write() as connection:
        parts = history.parts_of(connection, history.newest_touching(connection, "retry") or 0)
        now = bench.clock.now()
        return sum(
            rejections.take_back(connection, it, now, who="ana", exports={"main": True}) for it in parts
        )


def in_the_call(act: Callable[[], int], counted: list[int]) -> Any:
    """A remote during whose first call a person acts."""

    def rule(far: Remote, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        if not counted:
            counted.append(act())
        return far.accept(batch)

    return rule


@pytest.mark.parametrize(("upsert", "back"), [(True, 5), (False, 3)])
def test_what_is_in_a_call_when_it_is_taken_back_is_delivered(bench: Bench, upsert: bool, back: int) -> None:  # noqa: FBT001
    """What is no upsert is maybe sent, and stays; of an upsert the answer tells."""
    bench.ctgo(leads=5, rate_limit=10_000)
    far = bench.place(upsert=upsert, batch_size=2)
    retried(bench, far)
    counted: list[int] = []
    far.rule = in_the_call(lambda: take_back(bench), counted)
    bench.run()
    bench.check()
    assert counted == [back]
    assert bench.deliveries() == {"delivered": 2, "rejected": 3}
    assert bench.leads() == {"exported": 2, "rejected": 3}
    assert len(far.things) == 2
    with bench.ledger.write() as connection:
        rejections.retry(connection, Chosen(), bench.clock.now(), who="ana", exports={"main": True})
    bench.wake(*LANE)
    bench.run()
    bench.check()
    assert (bench.leads(), len(far.things)) == ({"exported": 5}, 5)


def test_what_is_taken_back_before_it_is_marked_is_delivered_nevertheless(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.ctgo(leads=5, rate_limit=10_000)
    far = bench.place(upsert=False, batch_size=2)
    retried(bench, far)
    counted: list[int] = []

    def late(connection: Any, ids: Any, *, people: bool) -> None:
        if not counted:
            part = history.parts_of(connection, history.newest_touching(connection, "retry") or 0)[0]
            exports = {"main": True}
            counted.append(
                rejections.take_back(connection, part, bench.clock.now(), who="ana", exports=exports)
            )
        plain(connection, ids, people=people)

    plain = due.mark_maybe_sent
    monkeypatch.setattr(deliver, "mark_maybe_sent", late)
    bench.run()
    bench.check()
    assert counted == [5]
    assert (bench.leads(), len(far.things)) == ({"exported": 2, "rejected": 3}, 2)


def test_what_is_in_a_call_when_it_is_held_again_is_delivered(bench: Bench) -> None:
    bench.ctgo(leads=20, rate_limit=10_000)
    far = bench.place(people=True, gate=10, batch_size=3)
    bench.once()
    with bench.ledger.write() as connection:
        assert actions.release(connection, "crm", bench.clock.now(), who="ana") == 15
    bench.wake(*LANE)

    def hold_again() -> int:
        with bench.ledger.write() as connection:
            part = history.parts_of(connection, history.newest_touching(connection, "release") or 0)[0]
            return actions.hold_again(connection, part, bench.clock.now(), who="ana")

    counted: list[int] = []
    far.rule = in_the_call(hold_again, counted)
    bench.run()
    bench.check()
    assert counted == [15]
    assert bench.deliveries() == {"delivered": 17, "pending": 3}, "the lane had chosen four calls"
    assert len(far.things) == 17
    with bench.ledger.write() as connection:
        assert actions.release(connection, "crm", bench.clock.now(), who="ana") == 3
    bench.wake(*LANE)
    bench.run()
    bench.check()
    assert (bench.leads(), len(far.things)) == ({"exported": 20}, 20)
