"""What goes wrong with HubSpot, through its own library: who is blamed, who waits, and that nothing is believed too soon."""

from collections.abc import Iterator
from typing import Any

import pytest

from syncd.connector import Delivered, Failure, Field, Halt, Pause, Refused, Reject, Retry
from syncd.simulator.crms.hubspot.portal import definition
from syncd.testing import LaneHarness
from tests.connectors.hubspot.hubspot_bench import ALWAYS, GUESSED, NONE, Hub, hub, raised


@pytest.fixture
def it() -> Iterator[Hub]:
    with hub() as it:
        yield it


def test_a_revoked_token_halts(it: Hub) -> None:
    it.fake.revoke()
    assert (type(raised(it)), raised(it).code) == (Halt, "hubspot_token_refused")


@pytest.mark.parametrize("scope", ["crm.objects.contacts.write", "crm.objects.contacts.read"])
def test_a_missing_scope_halts_and_is_named(it: Hub, scope: str) -> None:
    it.fake.scopes.discard(scope)
    why = raised(it)
    assert (type(why), why.code, why.detail) == (
        Halt,
        "hubspot_scopes_missing",
        f"the token lacks scopes: {scope}",
    )


def test_a_plan_without_api_access_halts(it: Hub) -> None:
    it.fake.plan_has_api = False
    assert (type(raised(it)), raised(it).code) == (Halt, "hubspot_forbidden")


def test_a_firewall_that_dislikes_one_lead_holds_no_other_up(it: Hub) -> None:
    it.fake.firewall = b"<script>"
    guilty = it.lead(NONE, in_place_of={"Workshop": "<script>"})
    harness = LaneHarness(it.bench, *(guilty if n == NONE else it.lead(n) for n in range(1, 21)))
    for _ in range(60):
        it.bench.clock.advance((harness.lane.wait(it.bench.clock.now()) or 0.0) + 0.001)
        harness.step()
    assert harness.pending in ([], [NONE])
    assert len(harness.ids("delivered")) == 19
    assert {why.code for call in harness.calls for why in call.failures} == {"hubspot_bad_answer"}


@pytest.mark.parametrize("multi_status", [True, False])
def test_a_renamed_property_halts_and_writes_nothing(it: Hub, *, multi_status: bool) -> None:
    it.fake.batches.multi_status = multi_status
    it.fake.portal.definitions["ctgo_biography"] = it.fake.portal.definitions.pop("ctgo_bio")
    why = raised(it)
    assert (type(why), why.code, why.detail) == (
        Halt,
        "hubspot_property_missing",
        "contacts have no property ctgo_bio",
    )
    assert it.size == 0


@pytest.mark.parametrize("multi_status", [True, False])
def test_a_portal_without_twitterhandle_goes_without_it(it: Hub, *, multi_status: bool) -> None:
    it.fake.batches.multi_status = multi_status
    del it.fake.portal.definitions["twitterhandle"]
    assert [type(each) for each in it.send(it.lead(GUESSED), it.lead(NONE))] == [Delivered] * 2
    writes = len(it.fake.calls("upsert"))
    it.deliver(it.lead(4))
    assert len(it.fake.calls("upsert")) == writes + 1


@pytest.mark.parametrize("unique", [False, None])
def test_a_key_property_that_is_not_unique_or_not_there_halts(it: Hub, *, unique: bool | None) -> None:
    del it.fake.portal.definitions["ctgo_x_user_id"]
    if unique is not None:
        it.fake.portal.definitions["ctgo_x_user_id"] = definition("ctgo_x_user_id", hasUniqueValue=unique)
    assert (type(raised(it)), raised(it).code) == (Halt, "hubspot_key_not_unique")


def test_a_fixed_option_that_does_not_exist_halts() -> None:
    with hub({**ALWAYS, "lifecyclestage": "Lead!"}) as it:
        for outcome in it.send(it.lead(GUESSED), it.lead(NONE)):
            assert isinstance(outcome, Halt)
            assert outcome.code == "hubspot_constant_refused"
        it.fake.batches.multi_status = False
        assert (type(raised(it)), raised(it).code) == (Halt, "hubspot_constant_refused")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("lifecyclestage", "{{ handle }}", "hubspot_option_missing"),
        ("email", "{{ handle }}@no dot", "hubspot_email_invalid"),
        ("ctgo_follower_count", "{{ handle }}", "hubspot_value_refused"),
    ],
)
@pytest.mark.parametrize("multi_status", [True, False])
def test_a_bad_value_is_rejected_alone(field: str, value: str, code: str, *, multi_status: bool) -> None:
    with hub(dict(ALWAYS) | {field: value}) as it:
        it.fake.batches.multi_status = multi_status
        harness = LaneHarness(it.bench, it.lead(NONE)).settle()
        assert harness.settled[NONE].state == "rejected"
        assert harness.settled[NONE].code == code
        assert it.size == 0


def test_an_over_long_value_is_rejected_and_its_neighbours_are_not(it: Hub) -> None:
    batch = [it.lead(GUESSED), it.lead(NONE, in_place_of={"Workshop": "w" * 66_000}), it.lead(4)]
    outcomes = it.send(*batch)
    assert [type(each) for each in outcomes] == [Delivered, Reject, Delivered]
    assert isinstance(outcomes[1], Reject)
    assert outcomes[1].code == "hubspot_value_too_long"


def test_one_bad_row_of_a_hundred_costs_one_call(it: Hub) -> None:
    batch = it.bench.deliveries(100)
    it.fake.poison(batch[40].person)
    keyed = [each for each in batch if it.connector.route(each).group == "key"]
    guilty = keyed.index(batch[40]) if batch[40] in keyed else -1
    assert guilty >= 0
    outcomes = it.send(*keyed)
    assert [n for n, each in enumerate(outcomes) if not isinstance(each, Delivered)] == [guilty]
    assert len(it.fake.calls("upsert")) == 1


def test_a_batch_that_is_refused_whole_is_halved(it: Hub) -> None:
    it.fake.batches.multi_status = False
    it.fake.poison(it.lead(NONE).person)
    with pytest.raises(Refused):
        it.send(it.lead(GUESSED), it.lead(NONE))
    assert it.size == 0
    assert it.deliver(it.lead(GUESSED)).created
    assert isinstance(it.failure(it.lead(NONE)), Reject)


# Answers that say too little


@pytest.mark.parametrize("fields", [None, ALWAYS])
def test_a_row_that_the_answer_forgets_is_not_done(fields: dict[str, str | Field] | None) -> None:
    with hub(fields) as it:
        batch = [it.lead(GUESSED), it.lead(NONE), it.lead(4)]
        known = [it.lead(each.id, remote_id=it.deliver(each).remote_id) for each in batch]
        it.fake.batches.forget = 1
        assert [type(each) for each in it.send(*known)] == [Delivered] * 3  # it was the read: asked again
        original = it.fake.batches.run

        def forgetful(operation: str, body: Any) -> tuple[int, dict[str, Any]]:
            it.fake.batches.forget = int(operation in {"update", "upsert"})
            return original(operation, body)

        it.fake.batches.run = forgetful  # type: ignore[method-assign]  # only writes forget
        outcomes = it.send(*known)
        assert [type(each) for each in outcomes] == [Delivered, Delivered, Retry]
        assert isinstance(outcomes[2], Retry)
        assert outcomes[2].code == "hubspot_row_forgotten"


def test_errors_that_name_no_row_have_the_unsaid_rows_sent_alone(it: Hub) -> None:
    it.fake.batches.error_traces = False
    it.fake.poison(it.lead(NONE).person)
    outcomes = it.send(it.lead(GUESSED), it.lead(NONE), it.lead(4))
    assert [type(each) for each in outcomes] == [Delivered, Reject, Delivered]
    assert len(it.fake.calls("upsert")) == 2


def test_a_success_that_is_no_json_pauses_and_halts_the_third_time(it: Hub) -> None:
    for _ in range(3):
        it.fake.answer_next(200, "<html>Log in</html>", {"Content-Type": "text/html; charset=klingon"})
    kinds = [type(raised(it)) for _ in range(3)]
    assert kinds == [Pause, Pause, Halt]
    assert it.size == 0


@pytest.mark.parametrize(
    "body", [[], {"results": None}, {"results": [None, 3, {}]}, {"errors": [{}], "results": []}]
)
def test_an_odd_success_delivers_nothing(body: Any) -> None:
    with hub(ALWAYS) as it:
        it.fake.answer_next(200, body)
        outcome: object
        try:
            outcome = it.send(it.lead(NONE))[0]
        except Failure as why:
            outcome = why
        assert isinstance(outcome, Failure)


def test_another_contact_in_the_answer_is_not_taken_for_ours() -> None:
    with hub(ALWAYS) as it:
        stranger = {"id": "999", "new": True, "properties": {"ctgo_x_user_id": "5"}}
        it.fake.answer_next(200, {"results": [stranger, stranger]})
        outcomes = it.send(it.lead(GUESSED), it.lead(NONE))
        assert all(isinstance(each, Delivered) and each.remote_id != "999" for each in outcomes)
        assert it.size == 2
