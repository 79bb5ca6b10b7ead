"""What a person does, each act with its row in the log, and the books right after it."""

import pytest

from syncd.core.delivery import Change
from syncd.core.lane_state import LaneState
from syncd.ledger import Ledger, overview
from syncd.ledger.admin.actions import accept, pause_lanes, resume_lanes
from syncd.ledger.admin.rejections import Chosen, drop, retry
from syncd.ledger.deliveries.queue import EXPORT_QUEUE
from syncd.ledger.lanes import lift_halts, load_lane, load_lanes, save_lane
from syncd.ledger.leads.settlement import apply_exporting
from tests.ledger.rows import EXPORTS, NOW, admission, ids, malformed, put, settle
from tests.support.books import assert_books


def _reject(ledger: Ledger, *numbers: int, code: str = "invalid") -> None:
    settle(ledger, *(Change(n, "rejected", 3, code=code, mark=2, failing_since=NOW) for n in numbers))


def _drop(ledger: Ledger, chosen: Chosen, exports: dict[str, bool] = EXPORTS) -> int:
    with ledger.write() as connection:
        return drop(connection, chosen, NOW, who="ana", exports=exports)


def _retry(ledger: Ledger, chosen: Chosen) -> int:
    with ledger.write() as connection:
        return retry(connection, chosen, NOW, who="ana", exports=EXPORTS)


def _counts(ledger: Ledger) -> overview.Counts:
    with ledger.read() as connection:
        return overview.counts(connection)


def test_retry_takes_rejected_deliveries_back_with_their_attempts_forgiven(ledger: Ledger) -> None:
    put(ledger, admission(1), admission(2))
    _reject(ledger, 1)
    assert _counts(ledger)["lead"] == {"main": {"delivering": 1, "rejected": 1}}
    assert _retry(ledger, Chosen()) == 1
    assert _counts(ledger)["lead"] == {"main": {"delivering": 2}}
    assert ids(
        ledger, "SELECT state, attempts, due_at, mark, failing_since, settled_at FROM delivery WHERE id = 1"
    ) == [("pending", 0, 0.0, None, None, None)]
    assert ids(ledger, "SELECT who, verb FROM action") == [("ana", "retry")]


@pytest.mark.parametrize(
    ("chosen", "n"),
    [
        (Chosen(), 3), (Chosen("crm"), 3), (Chosen("other"), 0), (Chosen(code="invalid"), 2),
        (Chosen(lead_id=3), 1), (Chosen("crm", "invalid", 1), 1), (Chosen("crm", "odd", 1), 0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("act", [_retry, _drop])
def test_a_choice_takes_what_it_names(ledger: Ledger, chosen: Chosen, n: int, act: object) -> None:
    put(ledger, *(admission(number) for number in range(1, 6)))
    _reject(ledger, 1, 2)
    _reject(ledger, 3, code="odd")
    assert act(ledger, chosen) == n  # type: ignore[operator]


def test_retry_leaves_pending_deliveries_alone_whatever_is_chosen(ledger: Ledger) -> None:
    put(ledger, admission(1), admission(2))
    _reject(ledger, 1)
    assert _retry(ledger, Chosen(unconfigured=True)) == 1


def test_drop_releases_the_export_if_another_connector_has_the_lead(ledger: Ledger) -> None:
    put(ledger, admission(1, "crm", "sheet"))
    settle(ledger, Change(2, "delivered", 1), connector="sheet")
    _reject(ledger, 1)
    assert _drop(ledger, Chosen("crm")) == 1
    assert _counts(ledger)["lead"] == {"main": {"exporting": 1}}
    assert _counts(ledger)["export"] == {"main": {"pending": 1}}


def test_drop_of_all_that_a_lead_had_settles_it_as_dropped(ledger: Ledger) -> None:
    put(ledger, admission(1))
    _reject(ledger, 1)
    _drop(ledger, Chosen("crm"))
    assert _counts(ledger)["lead"] == {"main": {"dropped": 1}}
    assert _counts(ledger)["export"] == {}


def test_drop_of_an_unconfigured_connector_takes_its_pending_ones(ledger: Ledger) -> None:
    put(ledger, admission(1, "crm", "left"), admission(2, "crm", "left"))
    settle(ledger, Change(1, "delivered", 1), Change(2, "delivered", 1))
    assert _drop(ledger, Chosen("left", unconfigured=True)) == 2
    assert _counts(ledger)["lead"] == {"main": {"exporting": 2}}


def test_drop_of_a_quarantined_row_frees_the_export_of_its_id(ledger: Ledger) -> None:
    bad = malformed(1)
    put(ledger, admission(1, stream=7), malformed=[bad])
    settle(ledger, Change(1, "delivered", 1))
    assert _counts(ledger)["export"] == {}
    assert _drop(ledger, Chosen(code="lead_malformed")) == 1
    assert _counts(ledger)["export"] == {"main": {"pending": 1}}
    assert _counts(ledger)["lead"] == {"main": {"dropped": 1, "exporting": 1}}


@pytest.mark.parametrize("written", [{}, {"main": False}])
def test_a_drop_under_a_file_that_no_engine_runs_frees_the_export_too(
    ledger: Ledger, written: dict[str, bool]
) -> None:
    put(ledger, admission(1, stream=7), malformed=[malformed(1)])
    settle(ledger, Change(1, "delivered", 1))
    assert _drop(ledger, Chosen(code="lead_malformed"), written) == 1
    assert _counts(ledger)["export"] == {"main": {"pending": 1}}


def test_a_start_owes_the_export_that_nobody_made(ledger: Ledger) -> None:
    put(ledger, admission(1))
    settle(ledger, Change(1, "delivered", 1))
    with ledger.write() as connection:
        connection.exec_driver_sql("DELETE FROM export")
        connection.exec_driver_sql("DELETE FROM tally WHERE kind = 'export'")
        apply_exporting(connection, EXPORTS, NOW)
    assert _counts(ledger)["export"] == {"main": {"pending": 1}}


def test_drop_of_a_rejected_export_settles_its_leads_unexported(ledger: Ledger) -> None:
    put(ledger, admission(1), admission(1, stream=2))
    settle(ledger, Change(1, "delivered", 1), Change(2, "delivered", 1))
    with ledger.write() as connection:
        connection.exec_driver_sql("UPDATE export SET state = 'rejected', settled_at = 1")
        connection.exec_driver_sql("UPDATE tally SET state = 'rejected' WHERE kind = 'export'")
    assert _drop(ledger, Chosen()) == 1
    assert _counts(ledger)["lead"] == {"main": {"unexported": 2}}
    assert _counts(ledger)["export"] == {"main": {"dropped": 1}}


def test_a_dropped_delivery_stays_dropped_whatever_its_call_comes_to(ledger: Ledger) -> None:
    put(ledger, admission(1))
    _drop(ledger, Chosen("crm", unconfigured=True))
    settle(ledger, Change(1, "delivered", 1))
    assert _counts(ledger)["delivery"] == {"crm": {"dropped": 1}}


def test_a_quarantined_row_holds_the_export_that_was_owed_already(ledger: Ledger) -> None:
    put(ledger, admission(1, stream=7))
    settle(ledger, Change(1, "delivered", 1))
    put(ledger, malformed=[malformed(1)])
    with ledger.read() as connection:
        assert EXPORT_QUEUE.due(connection, "main", NOW, 3600.0, 10) == []


def test_lanes_are_kept_as_they_were(ledger: Ledger) -> None:
    lane = LaneState(
        "deliver",
        "crm",
        "halted",
        "bad",
        "It is bad.",
        "syncd",
        NOW,
        probing=True,
        failures=3,
        delivered=9,
        alike_code="odd",
        alike=(1, 2),
    )
    with ledger.write() as connection:
        assert load_lane(connection, "deliver", "crm") == LaneState("deliver", "crm")
        save_lane(connection, lane)
        save_lane(connection, lane)
        assert load_lanes(connection) == [lane]


def test_a_start_lifts_halts_and_keeps_a_persons_pause(ledger: Ledger) -> None:
    with ledger.write() as connection:
        save_lane(connection, LaneState("deliver", "a", "halted", "bad", probing=True, by="syncd"))
        save_lane(connection, LaneState("deliver", "b", "paused", "slow", by="syncd", until=NOW, failures=7))
        pause_lanes(connection, [("deliver", "c")], NOW, who="ana", until=None, reason="Audit.")
        lift_halts(connection)
        a, b, c = load_lanes(connection)
    assert (a.status, a.probing, a.code) == ("open", True, "bad")
    assert (b.status, b.failures) == ("open", 0)
    assert (c.status, c.by, c.detail) == ("paused", "ana", "Audit.")


def test_resume_lifts_what_is_not_open_and_says_so(ledger: Ledger) -> None:
    lanes = [("pull", "main"), ("export", "main")]
    with ledger.write() as connection:
        pause_lanes(connection, lanes[:1], NOW, who="ana", until=None, reason="")
        lifted = resume_lanes(connection, lanes, NOW, who="bob")
        assert [(lane.kind, lane.code) for lane in lifted] == [("pull", "paused_by_hand")]
        assert load_lane(connection, "pull", "main").wait(NOW) == 0.0
    assert ids(ledger, "SELECT who, verb, name FROM action") == [
        ("ana", "pause", "main"),
        ("bob", "resume", "main"),
    ]


def test_what_is_set_aside_is_listed_with_its_causes(ledger: Ledger) -> None:
    put(ledger, admission(1), admission(2), admission(3), malformed=[malformed()])
    _reject(ledger, 1, 2)
    with ledger.read() as connection:
        assert [(c.kind, c.where, c.code, c.n) for c in overview.causes(connection)] == [
            ("delivery", "crm", "invalid", 2),
            ("lead", "main", "lead_malformed", 1),
        ]
        assert [(s.kind, s.lead_id) for s in overview.rejected_rows(connection)] == [
            ("delivery", 1), ("delivery", 2), ("lead", 0),
        ]  # fmt: skip
        assert [
            s.lead_id for s in overview.rejected_rows(connection, overview.Rejections(where="crm", lead_id=2))
        ] == [2]
        assert overview.pending_elsewhere(connection, ["other"]) == {"crm": 1}
        assert overview.oldest_unsettled(connection) == NOW


def _halted(ledger: Ledger, *numbers: int) -> None:
    """A lane that has halted for these, which it put back."""
    rows = tuple(Change(n, "pending", 0, suspect=True, code="invalid") for n in numbers)
    settle(ledger, *rows)
    with ledger.write() as connection:
        lane = LaneState(
            "deliver", "crm", "halted", "invalid", probing=True, by="syncd", alike_code="invalid"
        )
        save_lane(connection, lane._replace(doubts=numbers))


def test_what_halted_a_lane_can_be_dropped_by_its_code_or_its_lead(ledger: Ledger) -> None:
    put(ledger, *(admission(n) for n in range(1, 5)))
    _halted(ledger, 1, 2, 3)
    assert _drop(ledger, Chosen()) == 0
    assert _drop(ledger, Chosen(code="other")) == 0
    assert _drop(ledger, Chosen(lead_id=1)) == 1
    assert _drop(ledger, Chosen("crm", code="invalid")) == 2
    assert _counts(ledger)["delivery"] == {"crm": {"dropped": 3, "pending": 1}}
    assert_books(ledger)


def test_what_halted_a_lane_can_be_sent_again_by_its_code(ledger: Ledger) -> None:
    put(ledger, admission(1), admission(2))
    _halted(ledger, 1)
    assert _retry(ledger, Chosen(code="invalid")) == 1
    assert ids(ledger, "SELECT suspect, due_at FROM delivery WHERE id = 1") == [(0, 0.0)]
    assert_books(ledger)


def test_a_persons_word_that_what_halted_a_lane_is_meant_sets_it_aside(ledger: Ledger) -> None:
    put(ledger, *(admission(n) for n in range(1, 5)))
    _halted(ledger, 1, 2, 3)
    with ledger.write() as connection:
        lanes = [("deliver", "crm"), ("hear", "crm")]
        assert accept(connection, lanes, NOW, who="ana", exports=EXPORTS) == 3
        resume_lanes(connection, lanes, NOW, who="ana")
        lane = load_lane(connection, "deliver", "crm")
    assert (lane.status, lane.alike_code, lane.doubts) == ("open", "", ())
    assert _counts(ledger)["delivery"] == {"crm": {"pending": 1, "rejected": 3}}
    assert _counts(ledger)["lead"] == {"main": {"delivering": 1, "rejected": 3}}
    assert_books(ledger)
