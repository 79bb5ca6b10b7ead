"""A person is one record in Attio, whoever made it, and nothing counts as delivered that Attio did not show."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from syncd.core.delivery import Delivered
from syncd.core.failure import Failure, Halt, Pause, Reject, Retry
from syncd.simulator.crms.attio import PEOPLE
from tests.connectors.attio.bench import Table, outcome, table

KEY = "ctgo_x_user_id"


@pytest.fixture
def ready() -> Iterator[Table]:
    with table() as bench:
        yield bench


def code(found: object) -> tuple[type, str]:
    assert isinstance(found, Failure), found
    return type(found), found.code


def held(ready: Table, id_: str, slug: str) -> list[str]:
    return [
        str(cell.get("value", cell.get("email_address"))) for cell in ready.fake.records[id_].get(slug, [])
    ]


def email(ready: Table, n: int) -> str:
    return str(ready.delivery(n).fields["email_addresses"])


def test_a_lead_is_looked_for_and_then_made_by_the_upsert(ready: Table) -> None:
    lead = ready.delivery(3)
    found = outcome(ready, lead)
    (id_,) = ready.fake.records
    assert found == Delivered(id_, created=True)
    assert ready.fake.calls == [("POST", f"{PEOPLE}/records/query"), ("PUT", f"{PEOPLE}/records")]
    assert held(ready, id_, KEY) == [lead.person]
    assert held(ready, id_, "email_addresses") == [email(ready, 3)]


def test_a_second_lead_changes_the_record_and_takes_nothing_from_a_list(ready: Table) -> None:
    id_ = ready.fake.person(**{KEY: ready.delivery(3).person, "email_addresses": ["old@example.com"]})
    with table(fields={"email_addresses": "{{ email }}"}) as other:
        other.fake.records = ready.fake.records
        assert outcome(other, other.delivery(3)) == Delivered(id_, created=False)
        assert other.fake.calls[-1] == ("PATCH", f"{PEOPLE}/records/{id_}")
    assert held(ready, id_, "email_addresses") == [email(ready, 3), "old@example.com"]


def test_a_record_that_a_salesperson_made_is_adopted_by_its_address(ready: Table) -> None:
    id_ = ready.fake.person(email_addresses=[email(ready, 3).upper()], name="Typed, By Hand")
    assert outcome(ready, ready.delivery(3)) == Delivered(id_, created=False)
    assert held(ready, id_, KEY) == [ready.delivery(3).person]
    assert ready.fake.records[id_]["name"][0]["full_name"] == "By Hand Typed"


def test_an_address_of_another_person_is_left_out_and_told_in_the_log(ready: Table) -> None:
    theirs = ready.fake.person(**{KEY: "somebody", "email_addresses": [email(ready, 3)]})
    found = outcome(ready, ready.delivery(3))
    assert isinstance(found, Delivered)
    assert found.remote_id != theirs
    assert held(ready, str(found.remote_id), "email_addresses") == []
    assert held(ready, theirs, "email_addresses") == [email(ready, 3)]
    assert "email_left_out" in repr(ready.journal.events)
    assert email(ready, 3) not in repr(ready.journal.events)


def test_a_record_is_adopted_whatever_the_capitals_of_the_address(ready: Table) -> None:
    id_ = ready.fake.person(email_addresses=[email(ready, 3)])
    lead = ready.delivery(3)
    shouted = lead._replace(fields={**lead.fields, "email_addresses": email(ready, 3).upper()})
    assert outcome(ready, shouted) == Delivered(id_, created=False)


def test_an_address_that_was_guessed_adopts_nobody(ready: Table) -> None:
    lead = ready.delivery(1)
    theirs = ready.fake.person(email_addresses=[str(lead.fields["ctgo_email_unverified"])])
    assert "email_addresses" not in lead.fields
    found = outcome(ready, lead)
    assert isinstance(found, Delivered)
    assert found.remote_id != theirs


def test_texts_arrive_without_what_no_database_holds(ready: Table) -> None:
    lead = ready.delivery(3)
    found = outcome(ready, lead._replace(fields={"ctgo_bio": "a\0b\ud800c"}))
    assert isinstance(found, Delivered)
    assert held(ready, str(found.remote_id), "ctgo_bio") == ["ab\ufffdc"]


def test_a_record_with_the_key_wins_over_one_with_the_address(ready: Table) -> None:
    mine = ready.fake.person(**{KEY: ready.delivery(3).person})
    ready.fake.person(email_addresses=[email(ready, 3)])
    assert outcome(ready, ready.delivery(3)) == Delivered(mine, created=False)
    assert held(ready, mine, "email_addresses") == []


def test_a_record_whose_key_was_emptied_is_known_by_its_id(ready: Table) -> None:
    id_ = ready.fake.person(name="Emptied")
    assert outcome(ready, ready.delivery(3, remote_id=id_)) == Delivered(id_, created=False)
    assert held(ready, id_, KEY) == [ready.delivery(3).person]


def test_a_record_that_became_another_persons_is_not_taken_by_its_id(ready: Table) -> None:
    theirs = ready.fake.person(**{KEY: "somebody"})
    found = outcome(ready, ready.delivery(3, remote_id=theirs))
    assert isinstance(found, Delivered)
    assert found.remote_id != theirs


def test_two_records_with_one_key_reject_the_lead_before_anything_is_written(ready: Table) -> None:
    ready.fake.attributes[KEY]["is_unique"] = False
    for _ in range(2):
        ready.fake.person(**{KEY: ready.delivery(3).person})
    assert code(outcome(ready, ready.delivery(3))) == (Reject, "attio_ambiguous")
    assert len(ready.fake.calls) == 1


def test_a_query_that_finds_nothing_makes_no_duplicate(ready: Table) -> None:
    first = outcome(ready, ready.delivery(3))
    ready.fake.blind = True
    again = outcome(ready, ready.delivery(3))
    assert isinstance(first, Delivered)
    assert isinstance(again, Delivered)
    assert first.remote_id == again.remote_id
    assert len(ready.fake.records) == 1


@pytest.mark.parametrize("status", [400, 409])
def test_an_address_that_the_query_missed_is_looked_for_again(ready: Table, status: int) -> None:
    id_ = ready.fake.person(email_addresses=[email(ready, 3)])
    ready.fake.blind, ready.fake.conflict = True, status
    assert code(outcome(ready, ready.delivery(3))) == (Retry, "attio_conflict")
    assert list(ready.fake.records) == [id_]
    ready.fake.blind = False
    assert outcome(ready, ready.delivery(3)) == Delivered(id_, created=False)


def test_a_query_that_ignores_its_filter_adopts_nobody(ready: Table) -> None:
    strangers = [{"id": {"record_id": "r1"}, "values": {}}, {"id": {"record_id": "r2"}}, {}, 7]
    ready.fake.answer_next(200, json.dumps({"data": strangers}).encode())
    assert isinstance(outcome(ready, ready.delivery(3)), Delivered)
    assert ready.fake.calls[-1][0] == "PUT"


def test_a_record_that_goes_away_between_two_calls_is_looked_for_again(ready: Table) -> None:
    assert isinstance(outcome(ready, ready.delivery(3)), Delivered)
    ready.fake.before_write = ready.fake.records.clear
    assert code(outcome(ready, ready.delivery(3))) == (Retry, "attio_conflict")
    assert isinstance(outcome(ready, ready.delivery(3)), Delivered)


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"id": {"record_id": "r1"}},
        {"id": {"record_id": "r1"}, "values": {KEY: [{"value": "somebody"}]}},
        {"id": {}, "values": {KEY: [{"value": "PERSON"}]}},
    ],
)
def test_an_answer_that_does_not_show_the_person_delivers_nothing(ready: Table, data: Any) -> None:
    body = json.dumps({"data": data}).replace("PERSON", ready.delivery(3).person).encode()
    ready.fake.answer_next(200, b'{"data": []}')
    ready.fake.answer_next(200, body)
    found = outcome(ready, ready.delivery(3))
    assert code(found) == (Pause, "attio_unexpected_answer")
    assert isinstance(found, Pause)
    assert found.unexplained


@pytest.mark.parametrize("body", [b"", b"<html>log in</html>", b'{"data": {}}', b"[" * 100_000, b"[]"])
def test_a_look_up_that_answers_something_else_writes_nothing(ready: Table, body: bytes) -> None:
    ready.fake.answer_next(200, body)
    assert code(outcome(ready, ready.delivery(3))) == (Pause, "attio_unexpected_answer")
    assert len(ready.fake.calls) == 1


def test_a_missing_key_attribute_halts_the_lane_before_anything_is_written(ready: Table) -> None:
    del ready.fake.attributes[KEY]
    assert code(outcome(ready, ready.delivery(3))) == (Halt, "attio_setup_missing")
    assert ready.fake.records == {}


def test_a_key_that_is_not_unique_halts_the_lane(ready: Table) -> None:
    ready.fake.attributes[KEY]["is_unique"] = False
    assert code(outcome(ready, ready.delivery(3))) == (Halt, "attio_key_not_unique")
    assert ready.fake.records == {}


def test_a_number_that_json_does_not_have_rejects_the_lead(ready: Table) -> None:
    lead = ready.delivery(3)
    assert code(outcome(ready, lead._replace(fields={"ctgo_follower_count": float("nan")})))[0] is Reject
