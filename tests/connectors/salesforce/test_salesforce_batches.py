"""Batches that go several ways: assignment rules, how many calls they cost, and what a failed call stands for."""

import pytest

from connectors.salesforce.options import DEFAULTS
from syncd.connector import Delivered, Halt, Pause, Refused
from syncd.simulator.crms.salesforce.lead_object import KEY
from syncd.testing import LaneHarness
from tests.connectors.salesforce.salesforce_bench import PLAIN, one, raised, sent, table

VERIFIED = 3
EMAIL = "maker3@studio3.example.com"


def test_assignment_rules_run_for_new_leads_once_and_never_again() -> None:
    with table() as bench:
        batch = bench.deliveries(4)
        sent(bench, *batch)
        sent(bench, *batch, bench.delivery(5))
        assert set(bench.fake.org.assignments.values()) == {1}
        assert len(bench.fake.org.assignments) == 5


@pytest.mark.parametrize(
    ("option", "header"), [("on", "TRUE"), ("off", "FALSE"), ("01Q000000000001", "01Q000000000001")]
)
def test_the_option_says_which_rule_new_leads_meet(option: str, header: str) -> None:
    with table(assignment=option) as bench:
        one(bench, bench.delivery(1))
        assert [call.assign for call in bench.fake.calls if call.rows] == [header]


def test_a_hundred_new_leads_cost_two_calls_with_the_default_mapping() -> None:
    with table() as bench:
        one(bench, bench.delivery(400))
        before = len(bench.fake.calls)
        sent(bench, *bench.deliveries(100))
        assert len(bench.fake.calls) - before == 2
        sent(bench, *bench.deliveries(100))
        assert len(bench.fake.calls) - before == 4


def test_queries_that_share_a_call_may_be_answered_in_any_order() -> None:
    with table() as bench:
        contact = bench.fake.org.add_contact(Email=EMAIL)
        one(bench, bench.delivery(400))
        said = [
            {"referenceId": "q1", "httpStatusCode": 200, "body": page({"Id": contact, "Email": EMAIL})},
            {"referenceId": "q0", "httpStatusCode": 200, "body": page()},
        ]
        bench.fake.answer_next(200, {"compositeResponse": said})
        assert one(bench, bench.delivery(VERIFIED)) == Delivered(contact, created=False)


@pytest.mark.parametrize(
    "said", [{}, {"compositeResponse": [{"referenceId": "q0", "httpStatusCode": 200}]}, []]
)
def test_queries_that_an_answer_leaves_out_found_nobody_only_if_it_says_so(said: object) -> None:
    with table() as bench:
        one(bench, bench.delivery(400))
        bench.fake.answer_next(200, said)
        failure = raised(bench, bench.delivery(VERIFIED))
        assert (failure.code, len(bench.fake.org.leads)) == ("salesforce_unexpected_answer", 1)


def test_a_query_that_is_refused_beside_one_that_is_not_stops_the_lane() -> None:
    with table() as bench:
        one(bench, bench.delivery(400))
        bench.fake.org.hidden_objects.add("contact")
        assert isinstance(raised(bench, bench.delivery(VERIFIED)), Halt)
        assert len(bench.fake.org.leads) == 1


def page(*records: dict[str, object]) -> dict[str, object]:
    return {"totalSize": len(records), "done": True, "records": list(records)}


def test_a_mapping_of_always_without_emails_costs_one_call() -> None:
    with table(fields=PLAIN) as bench:
        one(bench, bench.delivery(400))
        before = len(bench.fake.calls)
        sent(bench, *bench.deliveries(100))
        assert [call.rows for call in bench.fake.calls[before:]] == [100]


def test_two_hundred_go_in_one_call_and_their_queries_fit_an_address() -> None:
    with table(batch=200) as bench:
        bench.fake.org.rule = "off"
        batch = [bench.delivery(3 * n, in_place_of={f"studio{3 * n}": "s" * 50}) for n in range(1, 201)]
        assert all(isinstance(outcome, Delivered) for outcome in sent(bench, *batch))
        assert [call.rows for call in bench.fake.calls if call.rows] == [200]


def test_a_query_in_pages_is_read_to_its_end() -> None:
    with table() as bench:
        bench.fake.page_size = 3
        sent(bench, *bench.deliveries(10))
        again = sent(bench, *bench.deliveries(10))
        assert not any(isinstance(each, Delivered) and each.created for each in again)
        assert len(bench.fake.org.leads) == 10


def test_an_email_that_would_break_out_of_the_query_is_a_value() -> None:
    with table() as bench:
        hostile = "o'brien\\'@x.example.com"
        bench.fake.org.add_contact(Email=hostile)
        assert isinstance(one(bench, bench.delivery(VERIFIED, in_place_of={EMAIL: hostile})), Delivered)
        assert not bench.fake.org.leads


def test_what_was_written_before_a_later_call_failed_is_delivered() -> None:
    with table() as bench:
        old, new = bench.delivery(1), bench.delivery(2)
        one(bench, old)
        fake, write = bench.fake, bench.salesforce._wire.call

        def second_write_fails(method: str, path: str, **more: object) -> object:
            if method == "PATCH" and any(call.rows for call in fake.calls[before:]):
                fake.answer_next(500)
            return write(method, path, **more)  # type: ignore[arg-type]

        before = len(fake.calls)
        bench.salesforce._wire.call = second_write_fails  # type: ignore[method-assign]
        outcomes = sent(bench, new, old)
        assert isinstance(outcomes[1], Delivered)
        assert isinstance(outcomes[0], Pause)
        assert outcomes[0].unexplained


def test_a_refusal_after_something_was_written_does_not_claim_that_nothing_was() -> None:
    with table(fields={**DEFAULTS, "CTGO_Followers__c": "{{ handle }}"}) as bench:
        bench.fake.org.add_lead(**{KEY: bench.delivery(1).person})
        good = bench.delivery(1, handle="77")
        outcomes = sent(bench, good, bench.delivery(2))
        assert isinstance(outcomes[0], Delivered)
        assert isinstance(outcomes[1], Pause)
        assert isinstance(raised(bench, bench.delivery(2)), Refused)
        assert LaneHarness(bench, good, *bench.deliveries(4, first=2)).settle().ids("rejected") == [
            2,
            3,
            4,
            5,
        ]
