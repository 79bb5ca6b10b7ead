"""What goes wrong at Salesforce, through the real library: each is the failure that the tables say."""

from collections.abc import Mapping
from typing import Any

import pytest

from connectors.salesforce import errors
from connectors.salesforce.options import CODES
from syncd.connector import Delivered, Halt, Pause, Refused, Reject, Retry
from syncd.testing import LaneHarness
from tests.connectors.salesforce.salesforce_bench import PLAIN, Table, one, raised, sent, table


def _error(code: str, message: str = "said so") -> list[dict[str, str]]:
    return [{"errorCode": code, "message": message}]


WHOLE: Mapping[str, tuple[int, object, type, str]] = {
    "access": (403, _error("INSUFFICIENT_ACCESS"), Halt, "salesforce_permission"),
    "no api": (403, _error("API_DISABLED_FOR_ORG"), Halt, "salesforce_api_disabled"),
    "no api now": (403, _error("API_CURRENTLY_DISABLED"), Halt, "salesforce_api_disabled"),
    "a policy": (403, _error("TXN_SECURITY_NO_ACCESS"), Halt, "salesforce_policy"),
    "an unknown refusal": (403, _error("SOMETHING_NEW"), Halt, "salesforce_permission"),
    "auth header": (401, _error("INVALID_AUTH_HEADER"), Halt, "salesforce_session"),
    "field": (400, _error("INVALID_FIELD"), Halt, "salesforce_field_missing"),
    "locked field": (400, _error("INVALID_FIELD_FOR_INSERT_UPDATE"), Halt, "salesforce_field_locked"),
    "type": (400, _error("INVALID_TYPE"), Halt, "salesforce_object_hidden"),
    "key field": (404, _error("NOT_FOUND"), Halt, "salesforce_no_key"),
    "gone": (410, _error("UNSUPPORTED_API_VERSION"), Halt, "salesforce_version"),
    "gone, said by a page": (410, b"<html>Gone</html>", Halt, "salesforce_version"),
    "storage": (400, _error("STORAGE_LIMIT_EXCEEDED"), Halt, "salesforce_storage"),
    "parser": (400, _error("JSON_PARSER_ERROR"), Refused, "salesforce_malformed"),
    "unknown 400": (400, _error("SOMETHING_ELSE"), Refused, "salesforce_malformed"),
    "a rule, whole": (400, _error("DUPLICATES_DETECTED"), Refused, "salesforce_duplicate"),
    "a row's error, whole": (400, _error("STRING_TOO_LONG"), Refused, "salesforce_too_long"),
    "several records": (300, ["/services/data/x"], Refused, "salesforce_key_ambiguous"),
    "calls used up": (403, _error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), Pause, "salesforce_limit"),
    "too many at once": (403, _error("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."), Pause, "salesforce_concurrency"),
    "maintenance": (503, _error("SERVER_UNAVAILABLE"), Pause, "salesforce_unavailable"),
    "maintenance page": (503, b"<html>Maintenance</html>", Pause, "salesforce_unavailable"),
    "moved": (302, b"", Pause, "salesforce_redirected"),
    "a page at 404": (404, b"<html>?</html>", Pause, "salesforce_unexpected_answer"),
    "a page at 403": (403, b"<html>Blocked by the proxy</html>", Pause, "salesforce_unexpected_answer"),
    "a page at 200": (200, b"<html>Log in</html>", Pause, "salesforce_unexpected_answer"),
    "half a JSON": (200, b'[{"id"', Pause, "salesforce_unexpected_answer"),
    "a number": (200, b"5", Pause, "salesforce_unexpected_answer"),
    "nothing": (200, b"", Pause, "salesforce_unexpected_answer"),
    "an object": (200, {"id": "00Q", "success": True}, Pause, "salesforce_unexpected_answer"),
    "a nesting without end": (200, b"[" * 200_000, Pause, "salesforce_unexpected_answer"),
    "bare 500": (500, b"<html>Oops</html>", Pause, "salesforce_failed"),
    "500 with a word": (500, _error("UNKNOWN_EXCEPTION"), Pause, "salesforce_failed"),
    "gateway": (502, b"", Pause, "salesforce_failed"),
    "gateway time-out": (504, b"", Pause, "salesforce_failed"),
}  # fmt: skip
"""Answers to the writing call: status, body, and what they come to."""
UNEXPLAINED = {"salesforce_failed", "salesforce_unexpected_answer"}


@pytest.fixture
def plain() -> Any:
    """A connector that makes one call a batch, with its fields read and a session open."""
    with table(fields=PLAIN) as bench:
        assert one(bench, bench.delivery(90)) == Delivered(remote_id="00Q000000000001AAA", created=True)
        yield bench


@pytest.mark.parametrize("what", WHOLE)
def test_a_call_that_fails_whole_is_what_the_table_says(plain: Table, what: str) -> None:
    status, body, kind, code = WHOLE[what]
    plain.fake.answer_next(status, body)
    why = raised(plain, *plain.deliveries(3))
    assert (type(why), why.code) == (kind, code)
    if isinstance(why, Pause):
        assert why.unexplained == (code in UNEXPLAINED and status != 302)
    assert len(plain.fake.org.leads) == 1


def _row(code: str, **more: object) -> dict[str, object]:
    return {"statusCode": code, "message": "maker_1 maker1@studio1.example.com", "fields": ["Email"], **more}


ROWS: Mapping[str, tuple[type, str]] = {
    "REQUIRED_FIELD_MISSING": (Reject, "salesforce_required"),
    "STRING_TOO_LONG": (Reject, "salesforce_too_long"),
    "INVALID_EMAIL_ADDRESS": (Reject, "salesforce_bad_email"),
    "NUMBER_OUTSIDE_VALID_RANGE": (Reject, "salesforce_bad_value"),
    "MALFORMED_ID": (Reject, "salesforce_bad_value"),
    "FIELD_INTEGRITY_EXCEPTION": (Reject, "salesforce_bad_value"),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": (Reject, "salesforce_picklist"),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": (Reject, "salesforce_validation"),
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": (Reject, "salesforce_automation"),
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": (Reject, "salesforce_owner"),
    "INACTIVE_OWNER_OR_USER": (Reject, "salesforce_owner"),
    "INSUFFICIENT_ACCESS": (Reject, "salesforce_record_locked"),
    "INSUFFICIENT_ACCESS_OR_READONLY": (Reject, "salesforce_record_locked"),
    "ENTITY_IS_LOCKED": (Reject, "salesforce_record_locked"),
    "CANNOT_EXECUTE_FLOW_TRIGGER": (Reject, "salesforce_automation"),
    "APEX_ERROR": (Reject, "salesforce_automation"),
    "INVALID_CROSS_REFERENCE_KEY": (Reject, "salesforce_owner"),
    "TRANSFER_REQUIRES_READ": (Reject, "salesforce_owner"),
    "FIELD_FILTER_VALIDATION_EXCEPTION": (Reject, "salesforce_validation"),
    "MISSING_ARGUMENT": (Reject, "salesforce_required"),
    "LIMIT_EXCEEDED": (Reject, "salesforce_org_limit"),
    "LICENSE_LIMIT_EXCEEDED": (Reject, "salesforce_org_limit"),
    "DUPLICATES_DETECTED": (Reject, "salesforce_duplicate"),
    "DUPLICATE_EXTERNAL_ID": (Reject, "salesforce_key_ambiguous"),
    "DUPLICATE_VALUE": (Retry, "salesforce_not_unique"),
    "ENTITY_IS_DELETED": (Retry, "salesforce_row_deleted"),
    "UNABLE_TO_LOCK_ROW": (Retry, "salesforce_row_locked"),
    "ALL_OR_NONE_OPERATION_ROLLED_BACK": (Retry, "salesforce_row_failed"),
    "UNKNOWN_EXCEPTION": (Retry, "salesforce_row_failed"),
    "SOMETHING_NOBODY_KNOWS": (Retry, "salesforce_row_failed"),
    "INVALID_FIELD": (Halt, "salesforce_field_missing"),
    "INVALID_FIELD_FOR_INSERT_UPDATE": (Halt, "salesforce_field_locked"),
    "STORAGE_LIMIT_EXCEEDED": (Halt, "salesforce_storage"),
}


@pytest.mark.parametrize("code", ROWS)
def test_a_row_that_fails_is_what_the_table_says_and_its_neighbours_are_delivered(
    plain: Table, code: str
) -> None:
    first, guilty, last = plain.deliveries(3)
    plain.fake.org.errors[guilty.person] = _row(code)
    outcomes = sent(plain, first, guilty, last)
    assert isinstance(outcomes[0], Delivered)
    assert isinstance(outcomes[2], Delivered)
    kind, ours = ROWS[code]
    why = outcomes[1]
    assert isinstance(why, kind)
    assert not isinstance(why, Delivered)
    assert why.code == ours
    assert ours in CODES
    assert "maker" not in why.detail


@pytest.mark.parametrize(
    ("code", "fields", "of_record"),
    [
        ("ENTITY_IS_DELETED", [], True),
        ("DUPLICATE_VALUE", [], True),
        ("SOMETHING_NOBODY_KNOWS", ["Email"], True),
        ("SOMETHING_NOBODY_KNOWS", [], False),
        ("UNABLE_TO_LOCK_ROW", [], False),
    ],
)
def test_a_row_that_is_retried_is_known_for_its_own_where_its_record_or_a_field_is_named(
    plain: Table, code: str, fields: list[str], *, of_record: bool
) -> None:
    (guilty,) = plain.deliveries(1)
    plain.fake.org.errors[guilty.person] = {**_row(code), "fields": fields}
    (why,) = sent(plain, guilty)
    assert isinstance(why, Retry)
    assert why.of_record == of_record


@pytest.mark.parametrize("code", ["INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_OR_READONLY"])
def test_records_out_of_reach_halt_nobody_though_they_are_all_of_a_call(plain: Table, code: str) -> None:
    guilty, well = plain.deliveries(2), plain.deliveries(2, first=20)
    for each in guilty:
        plain.fake.org.errors[each.person] = _row(code)
    harness = LaneHarness(plain, guilty[0]).settle()
    assert (harness.ids("rejected"), harness.lane.status, len(harness.calls)) == ([1], "open", 1)
    assert [type(each) for each in sent(plain, *guilty)] == [Reject, Reject]
    assert LaneHarness(plain, *guilty, *well).settle().ids("delivered") == [20, 21]


def test_missing_rights_to_write_any_lead_stop_the_lane_and_keep_every_lead(plain: Table) -> None:
    batch = plain.deliveries(12)
    for each in batch:
        plain.fake.org.errors[each.person] = _row("INSUFFICIENT_ACCESS_OR_READONLY")
    harness = LaneHarness(plain, *batch).settle()
    assert (harness.lane.status, harness.ids("rejected")) == ("halted", [])


WHEN_ALL = sorted(word for word, meaning in errors.ROWS.items() if meaning.when_all)


@pytest.mark.parametrize("code", WHEN_ALL)
def test_a_trigger_or_an_owner_that_fails_every_row_stops_the_lane(plain: Table, code: str) -> None:
    batch = plain.deliveries(3)
    for each in batch:
        plain.fake.org.errors[each.person] = _row(code)
    assert all(isinstance(outcome, Halt) for outcome in sent(plain, *batch))


def test_the_same_error_on_every_row_of_three_calls_stops_the_lane(plain: Table) -> None:
    batch = plain.deliveries(3)
    for each in batch:
        plain.fake.org.errors[each.person] = _row("UNABLE_TO_LOCK_ROW")
    kinds = [{type(outcome) for outcome in sent(plain, *batch)} for _ in range(3)]
    assert kinds == [{Retry}, {Retry}, {Halt}]


def test_a_success_between_them_starts_the_count_anew(plain: Table) -> None:
    batch, well = plain.deliveries(3), plain.deliveries(2, first=20)
    for each in batch:
        plain.fake.org.errors[each.person] = _row("UNABLE_TO_LOCK_ROW")
    runs = [sent(plain, *call) for call in (batch, batch, well, batch, batch)]
    assert not any(isinstance(outcome, Halt) for outcomes in runs for outcome in outcomes)


def test_locked_rows_make_the_batches_smaller_until_one_goes_through(plain: Table) -> None:
    locked, well = plain.delivery(1), plain.delivery(2)
    plain.fake.org.errors[locked.person] = _row("UNABLE_TO_LOCK_ROW")
    sizes = []
    for batch in ([locked, well], [locked, well], [well], [well], [well]):
        sent(plain, *batch)
        sizes.append(plain.connector.batch_size)
    assert sizes == [50, 25, 50, 100, 100]


def test_a_value_that_stays_taken_is_rejected_after_its_second_try(plain: Table) -> None:
    plain.fake.org.errors[plain.delivery(1).person] = _row("DUPLICATE_VALUE")
    outcomes = [one(plain, plain.delivery(1, attempt=n)) for n in (1, 2, 3)]
    assert [type(outcome) for outcome in outcomes] == [Retry, Retry, Reject]


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_an_answer_with_fewer_rows_delivers_nobody(plain: Table, missing: int) -> None:
    plain.fake.forget_rows = missing
    why = raised(plain, *plain.deliveries(3))
    assert isinstance(why, Pause)
    assert why.unexplained
    assert all(isinstance(outcome, Delivered) for outcome in sent(plain, *plain.deliveries(3)))
    assert len(plain.fake.org.leads) == 4


@pytest.mark.parametrize(
    "row", [{"success": True}, {"id": None, "success": True}, {"id": "00Q"}, {}, "yes", None]
)
def test_a_row_that_confirms_nothing_delivers_nobody(plain: Table, row: object) -> None:
    plain.fake.answer_next(200, [row])
    assert isinstance(one(plain, plain.delivery(1)), Retry)


def test_nothing_private_is_in_what_a_refused_batch_says(plain: Table) -> None:
    plain.fake.answer_next(400, _error("MALFORMED_QUERY", "near maker_1"))
    assert "maker" not in str(raised(plain, plain.delivery(1)))


def test_a_lost_answer_leaves_one_lead_and_no_second_assignment(plain: Table) -> None:
    plain.fake.lose_next_answer()
    harness = LaneHarness(plain, *plain.deliveries(3)).settle()
    assert len(harness.ids("delivered")) == 3
    assert len(plain.fake.org.leads) == 4
    assert set(plain.fake.org.assignments.values()) == {1}


def test_a_poisoned_value_is_found_by_halving() -> None:
    """A wrong JSON type fails a collection whole: only smaller calls show whose it is."""
    with table(fields={**PLAIN, "CTGO_Followers__c": "{{ bio }}"}) as bench:
        batch = [bench.delivery(n, bio="many" if n == 3 else str(n)) for n in range(1, 7)]
        harness = LaneHarness(bench, *batch).settle()
        assert harness.ids("rejected") == [3]
        assert harness.ids("delivered") == [1, 2, 4, 5, 6]
