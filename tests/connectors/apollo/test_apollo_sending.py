"""Leads with an email, against the fake: in bulk, once, and never over somebody else's data."""

from typing import Any

import pytest

from syncd.connector import Delivered, Field, Halt, Pause, Refused, Reject, Retry
from syncd.testing import LaneHarness
from tests.connectors.apollo.apollo_bench import Table, one, raised, sent, table

MINIMAL = {"first_name": "{{ first_name }}", "last_name": "{{ last_name }}", "email": "{{ email }}"}
MAIL = "maker{0}@studio{0}.example.com"


def there(bench: Table, **fields: Any) -> dict[str, Any]:
    """A contact that somebody else made."""
    created, _ = bench.fake.book.create([fields], [], dedupe=False)
    return created[0]


def test_a_batch_is_one_request_after_the_fields_were_asked_for() -> None:
    with table() as bench:
        sent(bench, *[bench.delivery(n) for n in (1, 3, 4)])
        sent(bench, *[bench.delivery(n) for n in (6, 7)])
        assert bench.fake.counted() == {"fields/index": 1, "contacts/bulk_create": 2}
        body = bench.fake.requests("contacts/bulk_create")[0]
        assert (body["run_dedupe"], body["append_label_names"], len(body["contacts"])) == (True, ["ctgo"], 3)


def test_the_owner_is_sent_only_when_it_is_set() -> None:
    with table(owner_id="66e9") as bench:
        sent(bench, bench.delivery(1))
        assert bench.fake.requests("contacts/bulk_create")[0]["owner_id"] == "66e9"
    with table(labels=[]) as bench:
        sent(bench, bench.delivery(1))
        assert sorted(bench.fake.requests("contacts/bulk_create")[0]) == ["contacts", "run_dedupe"]


def test_a_contact_that_is_there_is_delivered_and_left_as_it_is() -> None:
    with table() as bench:
        mine = there(bench, email="MAKER1@studio1.example.com", first_name="Somebody", title="CEO")
        before = repr(mine)
        assert one(bench, bench.delivery(1)) == Delivered(mine["id"], created=False)
        assert repr(mine) == before


def test_when_so_configured_what_is_empty_is_filled_and_the_list_added() -> None:
    with table(update_existing="if_empty") as bench:
        mine = there(bench, email=MAIL.format(1), first_name="Somebody", title="CEO")
        mine["label_ids"] = ["other"]
        outcomes = sent(bench, bench.delivery(1), bench.delivery(3))
        assert isinstance(outcomes, list)
        assert outcomes[0] == Delivered(mine["id"], created=False)
        assert (mine["first_name"], mine["title"], mine["email"]) == ("Somebody", "CEO", MAIL.format(1))
        assert mine["twitter_url"] == "https://x.com/maker_1"
        assert mine["label_ids"] == ["other", bench.fake.book.labels["ctgo"]]
        assert not [
            body for body in bench.fake.requests("contacts/bulk_update") if "label_names" in repr(body)
        ]
        assert made_up_key(bench) not in mine["typed_custom_fields"]
        assert bench.fake.counted()["contacts/bulk_update"] == 1


def made_up_key(bench: Table) -> str:
    """The id of the field with the lead key."""
    return next(id_ for id_, field in bench.fake.book.fields.items() if field["label"] == "ctgo_x_user_id")


def test_a_match_by_name_and_company_is_set_aside_with_its_id_and_not_touched() -> None:
    fields = {**MINIMAL, "organization_name": "Acme"}
    with table(fields=fields, update_existing="if_empty") as bench:
        mine = there(
            bench,
            first_name="José",
            last_name="Álvarez-Núñez",
            organization_name="ACME",
            email="jose@acme.example",
        )
        delivery = bench.delivery(1)
        outcomes = sent(bench, delivery, bench.delivery(3))
        assert isinstance(outcomes, list)
        assert isinstance(outcomes[0], Retry)  # among several it cannot be told whose it is
        assert isinstance(outcomes[1], Delivered)
        why = one(bench, bench.delivery(1, attempt=2))
        assert isinstance(why, Reject)
        assert (why.code, mine["id"] in why.detail) == ("apollo_namesake", True)
        assert (mine["email"], mine["typed_custom_fields"], mine["label_ids"]) == (
            "jose@acme.example",
            {},
            [],
        )
        mine["contact_emails"] = [{"email": MAIL.format(1)}]  # a person says that it is the same one
        assert one(bench, delivery) == Delivered(mine["id"], created=False)


def test_an_input_that_the_answer_forgets_is_sent_again_alone() -> None:
    with table() as bench:
        bench.fake.forgets.add(MAIL.format(3))
        outcomes = sent(bench, bench.delivery(1), bench.delivery(3))
        assert isinstance(outcomes, list)
        assert isinstance(outcomes[0], Delivered)
        assert isinstance(outcomes[1], Retry)
        route = bench.connector.route(bench.delivery(3, attempt=2))
        assert route.group not in {bench.connector.route(bench.delivery(n, attempt=2)).group for n in (1, 4)}


def test_what_no_answer_ever_mentions_is_set_aside_and_blocks_nobody() -> None:
    with table() as bench:
        bench.fake.forgets.add(MAIL.format(3))
        harness = LaneHarness(bench, bench.delivery(1), bench.delivery(3)).settle()
        assert (harness.ids("delivered"), harness.ids("rejected"), harness.lane.status) == ([1], [3], "open")
        assert harness.settled[3].code == "apollo_unanswered"
        assert bench.seen() == 2


@pytest.mark.parametrize("partly", [False, True])
def test_one_poison_among_many_is_alone_in_the_end(*, partly: bool) -> None:
    with table() as bench:
        bench.fake.refuses_in_part = partly
        batch = [bench.delivery(n) for n in (1, 3, 4, 6, 7)]
        bench.fake.book.poisoned.add(batch[2].person)
        found = sent(bench, *batch)
        assert isinstance(found, Refused)
        harness = LaneHarness(bench, *batch).settle()
        assert (harness.ids("rejected"), harness.ids("delivered")) == ([4], [1, 3, 6, 7])
        assert bench.seen() == 4


def test_a_refusal_repeats_nothing_of_the_lead() -> None:
    with table() as bench:
        delivery = bench.delivery(1)
        bench.fake.book.poisoned.add(delivery.person)
        found = one(bench, delivery)
        assert isinstance(found, Reject)
        assert "for title" in found.detail
        assert not [word for word in ("José", "maker1", delivery.person) if word in found.detail]


def test_a_500_after_it_was_done_makes_no_duplicate() -> None:
    with table() as bench:
        bench.fake.fail_after_next()
        failure = raised(bench, bench.delivery(1), bench.delivery(3))
        assert isinstance(failure, Pause)
        assert failure.unexplained
        LaneHarness(bench, bench.delivery(1), bench.delivery(3)).settle()
        assert bench.seen() == 2


def test_a_lost_answer_is_a_pause_without_a_reason() -> None:
    with table() as bench:
        bench.fake.lose_next_answer()
        failure = raised(bench, bench.delivery(1))
        assert isinstance(failure, Pause)
        assert (failure.code, failure.unexplained, failure.after) == ("apollo_unavailable", True, None)
        assert bench.seen() == 1


def test_answers_that_are_not_apollos_stop_the_lane_at_the_third() -> None:
    with table() as bench:
        sent(bench, bench.delivery(3))
        kinds = []
        for _ in range(4):
            bench.fake.answer_next(200, {"created_contacts": []})
            kinds.append(type(raised(bench, bench.delivery(1))))
        assert kinds == [Pause, Pause, Halt, Pause]


def test_an_id_from_the_settings_that_is_not_known_stops_the_lane() -> None:
    with table() as bench:
        bench.fake.answer_next(200, {"fields": [{"id": "gone", "label": "ctgo_bio", "modality": "contact"}]})
        failure = raised(bench, bench.delivery(1))
        assert isinstance(failure, Halt)
        assert failure.code == "apollo_setting_invalid"
        assert isinstance(one(bench, bench.delivery(1)), Delivered)  # the fields are asked for anew


def test_custom_fields_of_the_default_mapping_may_be_absent() -> None:
    with table(ready=False) as bench:
        assert isinstance(one(bench, bench.delivery(1)), Delivered)
        assert [name for name, _ in bench.journal.events] == ["apollo_fields_left_out"]


def test_custom_fields_that_the_operator_named_may_not() -> None:
    with table(fields={**MINIMAL, "Our Score": "5"}) as bench:
        failure = raised(bench, bench.delivery(1))
        assert isinstance(failure, Halt)
        assert (failure.code, "Our Score" in failure.detail) == ("apollo_field_missing", True)
        bench.fake.book.field("our score", "number")
        assert isinstance(one(bench, bench.delivery(1)), Delivered)


def test_the_limits_of_three_windows_are_met_by_waiting_not_by_asking() -> None:
    with table() as bench:
        bench.fake.limits = {60: 2, 3600: 5, 86400: 8}
        batch = [bench.delivery(n, attempt=2) for n in range(1, 31) if n % 3 != 2]  # alone each
        for delivery in batch:
            while not isinstance(found := sent(bench, delivery), list):
                assert isinstance(found, Pause)
                assert found.after
                bench.clock.advance(found.after)
        assert bench.fake.counted()["contacts/bulk_create"] == len(batch)
        assert bench.clock.monotonic() >= 2 * 86400


def test_a_day_that_is_used_up_is_said_to_be_one() -> None:
    with table() as bench:
        bench.fake.limits = {86400: 1}
        sent(bench, bench.delivery(1))
        failure = raised(bench, bench.delivery(3))
        assert isinstance(failure, Pause)
        assert (failure.code, failure.after) == ("apollo_daily_limit", 86400.0)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (429, {"message": "600 times per hour"}, "apollo_rate_limited"),
        (403, {"error_code": "API_INACCESSIBLE"}, "apollo_scope_missing"),
    ],
)
def test_when_filling_fails_what_was_created_stays_delivered(status: int, body: object, code: str) -> None:
    with table(update_existing="if_empty") as bench:
        there(bench, email=MAIL.format(3))
        sent(bench, bench.delivery(4))
        bench.fake.answer_next(status, body, at="contacts/bulk_update")
        outcomes = sent(bench, bench.delivery(1), bench.delivery(3))
        assert isinstance(outcomes, list)
        assert isinstance(outcomes[0], Delivered)
        assert isinstance(outcomes[1], Pause | Halt)
        assert outcomes[1].code == code


def test_a_field_with_a_policy_of_its_own_keeps_it_for_new_contacts() -> None:
    fields: dict[str, str | Field] = {**MINIMAL, "title": Field(value="Founder", policy="create_only")}
    with table(fields=fields) as bench:
        sent(bench, bench.delivery(1))
        assert next(iter(bench.fake.book.contacts.values()))["title"] == "Founder"


def test_what_filling_many_ignores_is_not_sent_again() -> None:
    with table(update_existing="if_empty") as bench:
        bench.fake.book.ignored.add("twitter_url")
        for n in (1, 3):
            there(bench, email=MAIL.format(n), first_name="Somebody")
            assert isinstance(one(bench, bench.delivery(n)), Delivered)
        asked = [body["contact_attributes"][0] for body in bench.fake.requests("contacts/bulk_update")]
        assert ["twitter_url" in each for each in asked] == [True, False]
