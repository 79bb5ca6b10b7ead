"""What a release let through goes behind the gate again, as long as nobody tried it."""

import json

import pytest

from syncd.core.delivery import Change
from syncd.core.flood_gate import Gates
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.deliveries.due import mark_maybe_sent
from syncd.ledger.leads.ingest import ingest
from syncd.verbs import gate
from syncd.verbs.actor import Actor
from syncd.verbs.operator_log import entries, undoable
from syncd.verbs.seen import GroupChangedError, Seen
from syncd.verbs.targets import MistakeError
from tests.ledger.rows import NOW, admission, ids, settle

FREE = "SELECT id FROM delivery WHERE state = 'pending' AND held = '' ORDER BY id"
TEN = Gates({"crm": 10})


def burst(actor: Actor, first: int, last: int) -> None:
    """A pass of new leads, the first of which closes the gate."""
    with actor.ledger.write() as connection:
        page = flood_gate.page(connection, TEN, "main", "live")
        ingest(connection, (), [admission(n) for n in range(first, last + 1)], (), NOW)
        flood_gate.take_in(connection, TEN, page, NOW, over=True)


def gate_of(actor: Actor) -> flood_gate.GateState | None:
    return gate.gate_of(actor.settings, actor.ledger, "crm")


def test_a_gate_knows_the_five_that_it_let_through(actor: Actor) -> None:
    burst(actor, 1, 20)
    found = gate_of(actor)
    assert found is not None
    assert (found.held, list(found.first)) == (15, ids(actor.ledger, FREE))


def test_what_nobody_tried_is_held_again_and_the_gate_is_closed(actor: Actor) -> None:
    burst(actor, 1, 20)
    assert gate.release(actor, "crm") == (15, None)
    (entry,) = entries(actor.ledger, 5)
    assert (entry.via, json.loads(entry.touched)) == ("console", list(range(6, 21)))
    settle(
        actor.ledger,
        Change(6, "delivered", 1, remote_id="r"),
        Change(7, "pending", 1, due_at=NOW + 60, code="busy"),
        Change(8, "pending", 0, code="paused"),
        Change(9, "rejected", 1, code="bad"),
    )
    with actor.ledger.write() as connection:
        mark_maybe_sent(connection, [10], people=True)
    assert undoable(actor.ledger, entry) == 10
    n, left = gate.hold_again(actor, "crm")
    assert (n, left and left.held, left and left.since) == (10, 10, actor.clock.now())
    assert ids(actor.ledger, FREE) == [1, 2, 3, 4, 5, 7, 8, 10]
    burst(actor, 21, 22)
    assert ids(actor.ledger, FREE)[-1] == 10, "the gate is closed for those who come"
    assert gate.release(actor, "crm") == (12, None)


def test_of_some_that_were_released_the_rest_stayed_held(actor: Actor) -> None:
    burst(actor, 1, 20)
    assert gate.release(actor, "crm", 5)[0] == 5
    n, left = gate.hold_again(actor, "crm")
    assert (n, left and left.held) == (5, 15)
    assert gate.hold_again(actor, "crm")[0] == 0, "once"


def test_many_are_released_in_parts_and_held_again_by_any_of_their_entries(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "MOST_TOUCHED", 4)
    burst(actor, 1, 20)
    assert gate.release(actor, "crm", 10)[0] == 10
    assert [len(json.loads(it.touched)) for it in entries(actor.ledger, 9)] == [2, 4, 4]
    assert gate.hold_again(actor, "crm", 1)[0] == 10
    assert gate.release(actor, "crm") == (15, None)
    assert gate.hold_again(actor, "crm")[0] == 15


def test_a_gate_that_holds_more_than_was_seen_is_asked_about_again(actor: Actor) -> None:
    burst(actor, 1, 20)
    with pytest.raises(GroupChangedError):
        gate.release(actor, "crm", seen=Seen(10, 0))
    with pytest.raises(GroupChangedError):
        gate.drop_held(actor, "crm", seen=Seen(10, 0))
    assert gate.release(actor, "crm", 3, seen=Seen(15, 0))[0] == 3
    with pytest.raises(GroupChangedError, match="15 when you looked, 12 now"):
        gate.drop_held(actor, "crm", seen=Seen(15, 0))
    assert gate.drop_held(actor, "crm", seen=Seen(15, 1)) == (12, None)


@pytest.mark.parametrize("name", ["crm", "sheet"])
def test_without_a_release_there_is_nothing_to_hold_again(actor: Actor, name: str) -> None:
    burst(actor, 1, 20)
    with pytest.raises(MistakeError, match="no release"):
        gate.hold_again(actor, name)
    gate.drop_held(actor, "crm")
    with pytest.raises(MistakeError, match="no release"):
        gate.hold_again(actor, name)
