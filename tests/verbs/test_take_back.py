"""What a retry sent again comes back as it was, as long as nobody tried it; what somebody tried stays."""

import json

import pytest

from syncd.core.delivery import Change
from syncd.ledger import LedgerError, overview
from syncd.ledger.admin import rejections
from syncd.ledger.admin.rejections import Chosen
from syncd.ledger.deliveries.due import mark_maybe_sent
from syncd.verbs import rejected
from syncd.verbs.actor import Actor
from syncd.verbs.operator_log import entries, undoable
from syncd.verbs.seen import GroupChangedError, Seen
from syncd.verbs.targets import MistakeError
from tests.ledger.rows import admission, ids, malformed, put, settle
from tests.verbs.conftest import audit

ROWS = "SELECT id, state, code, detail FROM delivery ORDER BY id"


def refuse(actor: Actor, first: int, last: int, code: str = "invalid") -> None:
    """Leads, all of which the connector rejected."""
    put(actor.ledger, *(admission(n) for n in range(first, last + 1)))
    of = [
        Change(n, "rejected", 3, code=code, detail=f"bad {n}", mark=2)
        for n in ids(actor.ledger, "SELECT id FROM delivery WHERE state = 'pending' AND code = ''")
    ]
    settle(actor.ledger, *of)


def state(actor: Actor) -> dict[str, int]:
    with actor.ledger.read() as connection:
        return overview.counts(connection)["delivery"].get("crm", {})


def later(actor: Actor) -> Actor:
    actor.clock.advance(60)  # type: ignore[attr-defined]
    return actor


def test_what_nobody_tried_is_rejected_again_for_the_same_reason(actor: Actor) -> None:
    refuse(actor, 1, 3)
    before = ids(actor.ledger, ROWS)
    assert rejected.retry(actor, Chosen("crm", "invalid")).n == 3
    assert state(actor) == {"pending": 3}
    audit(actor.ledger)
    (entry,) = entries(actor.ledger, 5)
    assert (entry.who, entry.via, entry.verb, json.loads(entry.touched)) == (
        "mara",
        "console",
        "retry",
        [1, 2, 3],
    )
    assert undoable(actor.ledger, entry) == 3
    assert rejected.take_back(later(actor), entry.id) == 3
    assert ids(actor.ledger, ROWS) == before
    assert ids(actor.ledger, "SELECT state FROM lead") == ["rejected"] * 3
    assert [(it.verb, it.via, it.detail) for it in entries(actor.ledger, 1)] == [
        ("take back", "console", "3 taken back")
    ]
    assert undoable(actor.ledger, entry) == 0
    assert rejected.take_back(actor, entry.id) == 0, "once"


@pytest.mark.parametrize(
    "change",
    [
        Change(2, "delivered", 1, remote_id="r2"),
        Change(2, "rejected", 1, code="other"),
        Change(2, "pending", 1, due_at=1_790_000_100.0, code="busy", failing_since=1_790_000_000.0),
        Change(2, "pending", 0, code="paused"),
        Change(2, "pending", 0, code="halting", suspect=True),
        Change(2, "dropped", 0, code="unwanted"),
    ],
    ids=["delivered", "rejected", "tried", "in a call that was paused", "suspect", "unwanted"],
)
def test_what_was_tried_meanwhile_stays_as_it_is(actor: Actor, change: Change) -> None:
    refuse(actor, 1, 3)
    rejected.retry(actor, Chosen("crm"))
    settle(actor.ledger, change)
    tried = "SELECT * FROM delivery WHERE id = 2"
    before = ids(actor.ledger, tried)
    assert rejected.take_back(later(actor)) == 2
    assert ids(actor.ledger, tried) == before


def test_what_is_maybe_sent_stays(actor: Actor) -> None:
    refuse(actor, 1, 2)
    rejected.retry(actor, Chosen("crm"))
    with actor.ledger.write() as connection:
        mark_maybe_sent(connection, [1], people=True)
    assert rejected.take_back(later(actor)) == 1
    assert [row[1] for row in ids(actor.ledger, ROWS)] == ["pending", "rejected"]


def test_what_arrives_although_it_was_taken_back_is_delivered(actor: Actor) -> None:
    """A call of an upsert is in flight, which no row says."""
    refuse(actor, 1, 2)
    rejected.retry(actor, Chosen("crm"))
    assert rejected.take_back(later(actor)) == 2
    settle(
        actor.ledger,
        Change(1, "delivered", 1, remote_id="r1", created=True),
        Change(2, "rejected", 1, code="x"),
    )
    assert ids(actor.ledger, "SELECT state, remote_id, created, code FROM delivery") == [
        ("delivered", "r1", 1, ""), ("rejected", None, 0, "invalid"),
    ]  # fmt: skip
    assert ids(actor.ledger, "SELECT state FROM lead") == ["exporting", "rejected"]


def test_what_somebody_else_retried_since_is_theirs(actor: Actor) -> None:
    refuse(actor, 1, 2)
    first = rejected.retry(actor, Chosen("crm")).number
    settle(actor.ledger, Change(1, "rejected", 1, code="again"))
    second = rejected.retry(later(actor), Chosen("crm", "again")).number
    assert rejected.take_back(actor, first) == 1
    assert [row[1] for row in ids(actor.ledger, ROWS)] == ["pending", "rejected"]
    assert rejected.take_back(actor, second) == 1


def test_what_waited_before_the_retry_is_not_rejected_by_its_undoing(actor: Actor) -> None:
    """With a code, a retry also makes due what is pending and bears it."""
    put(actor.ledger, admission(1), admission(2))
    settle(
        actor.ledger,
        Change(1, "pending", 0, code="invalid", suspect=True),
        Change(2, "rejected", 1, code="invalid"),
    )
    assert rejected.retry(actor, Chosen("crm", "invalid")).n == 2
    assert rejected.take_back(later(actor)) == 1
    assert [row[1] for row in ids(actor.ledger, ROWS)] == ["pending", "rejected"]


def test_one_is_tried_and_the_rest_waits_for_how_it_goes(actor: Actor) -> None:
    refuse(actor, 1, 5)
    rejected.retry(actor, Chosen("crm", "invalid"), first=1)
    assert state(actor) == {"pending": 1, "rejected": 4}
    rejected.retry(actor, Chosen("crm", "invalid"), first=1)
    assert ids(actor.ledger, "SELECT id FROM delivery WHERE state = 'pending'") == [1, 2]


def test_many_go_in_parts_and_come_back_by_any_of_their_entries(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejected, "MOST_TOUCHED", 4)
    refuse(actor, 1, 10)
    assert rejected.retry(actor, Chosen("crm")) == (10, 3)
    assert [json.loads(it.touched) for it in entries(actor.ledger, 9)[::-1]] == [
        [1, 2, 3, 4], [5, 6, 7, 8], [9, 10],
    ]  # fmt: skip
    assert rejected.take_back(later(actor), 2) == 10
    assert state(actor) == {"rejected": 10}


def test_a_first_of_many_ends_where_it_was_asked_to(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejected, "MOST_TOUCHED", 4)
    refuse(actor, 1, 10)
    assert rejected.retry(actor, Chosen("crm"), first=6).n == 6
    assert ids(actor.ledger, "SELECT id FROM delivery WHERE state = 'pending'") == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("part", [1, 2, 3])
def test_a_death_between_two_parts_leaves_whole_parts(
    actor: Actor, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setattr(rejected, "MOST_TOUCHED", 4)
    refuse(actor, 1, 10)
    parts = 0

    def dies(*rest: object, **more: object) -> rejections.Part:
        nonlocal parts
        found = rejections.retry_part(*rest, **more)  # type: ignore[arg-type]
        parts += 1
        if parts == part:  # its transaction is not committed
            raise LedgerError("ledger_full", "no room")
        return found

    monkeypatch.setattr(rejected, "retry_part", dies)
    with pytest.raises(LedgerError):
        rejected.retry(actor, Chosen("crm"))
    audit(actor.ledger)
    assert len(entries(actor.ledger, 9)) == part - 1
    assert state(actor).get("pending", 0) == 4 * (part - 1)
    monkeypatch.setattr(rejected, "retry_part", rejections.retry_part)
    rejected.retry(later(actor), Chosen("crm"))
    assert state(actor) == {"pending": 10}


def test_a_group_that_grew_or_that_somebody_acted_on_is_asked_about_again(actor: Actor) -> None:
    refuse(actor, 1, 20)
    group = rejected.members_of("delivery", "crm", "invalid")
    rejected.retry(actor, group, first=1, seen=Seen(19, 0))  # 20 are no tenth more than 19
    with pytest.raises(GroupChangedError) as acted:
        rejected.retry(actor, group, seen=Seen(19, 0))
    assert acted.value.now == Seen(19, 1)
    refuse(actor, 21, 23)
    with pytest.raises(GroupChangedError) as grown:
        rejected.drop(actor, group, seen=Seen(19, 1))
    assert grown.value.now == Seen(22, 1)
    assert state(actor) == {"pending": 1, "rejected": 22}
    with actor.ledger.write() as connection:  # of others: neither their names nor their verbs
        connection.exec_driver_sql(
            "INSERT INTO action (at, who, verb, name, detail) VALUES (1, 'ben', 'retry', 'sheet', ''), "
            "(1, 'ben', 'pause', 'crm', '')"
        )
    assert rejected.drop(actor, group, seen=Seen(22, 1)) == 22
    assert state(actor) == {"dropped": 22, "pending": 1}, "the one that is tried is none of them"


def test_a_group_of_one_kind_and_source_leaves_the_others(actor: Actor) -> None:
    refuse(actor, 1, 2, code="lead_malformed")
    put(actor.ledger, malformed=[malformed(9)])
    assert rejected.drop(actor, rejected.members_of("lead", "second", "lead_malformed")) == 0
    assert rejected.drop(actor, rejected.members_of("lead", "main", "lead_malformed")) == 1
    assert state(actor) == {"rejected": 2}
    assert rejected.retry(actor, Chosen(kind="export")).n == 0


@pytest.mark.parametrize("number", [None, 1, 77])
def test_what_is_no_retry_cannot_be_taken_back(actor: Actor, number: int | None) -> None:
    refuse(actor, 1, 2)
    rejected.drop(actor, Chosen("crm"))
    with pytest.raises(MistakeError, match="no retry"):
        rejected.take_back(actor, number)
