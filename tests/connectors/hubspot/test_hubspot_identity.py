"""One person, one contact: whatever is known of them when, and whoever else wrote to the portal."""

from collections.abc import Iterator

import pytest

from connectors.hubspot.identity import Contact, Row, Target
from connectors.hubspot.write import _claim
from syncd.connector import Delivered, Field, Refused, Reject, Retry
from tests.connectors.hubspot.hubspot_bench import ALWAYS, GUESSED, NONE, VERIFIED, Hub, hub

EMAIL = "maker3@studio3.example.com"


@pytest.fixture
def it() -> Iterator[Hub]:
    with hub() as it:
        yield it


def test_a_verified_address_meets_the_contact_that_somebody_else_made(it: Hub) -> None:
    theirs = it.fake.portal.add(email=EMAIL, firstname="Sandra", lifecyclestage="customer")
    assert it.deliver(it.lead(VERIFIED)) == Delivered(theirs, created=False)
    after = it.contact(theirs)
    assert (after["firstname"], after["lifecyclestage"]) == ("Sandra", "customer")
    assert after["ctgo_x_user_id"] == it.lead(VERIFIED).person
    assert "ctgo_first_seen" not in after


def test_a_second_address_of_a_contact_meets_it_too_and_stays_the_second(it: Hub) -> None:
    theirs = it.fake.portal.add(email="main@x.example", hs_additional_emails=EMAIL)
    assert it.deliver(it.lead(VERIFIED)).remote_id == theirs
    assert it.contact(theirs)["email"] == "main@x.example"


def test_an_address_is_one_address_in_any_case_and_between_blanks(it: Hub) -> None:
    theirs = it.fake.portal.add(email=EMAIL)
    shouted = it.lead(VERIFIED, in_place_of={EMAIL: f" {EMAIL.upper()} "})
    assert it.deliver(shouted) == Delivered(theirs, created=False)
    it.send(shouted, it.lead(VERIFIED))
    assert {each["id"] for body in it.fake.calls("upsert") for each in body["inputs"]} == {EMAIL}


@pytest.mark.parametrize("fields", [None, {"email": "{{ email }}", "lastname": "{{ handle }}"}])
def test_a_guessed_address_never_touches_a_strangers_contact(fields: dict[str, str | Field] | None) -> None:
    with hub(fields) as it:
        stranger = it.fake.portal.add(email="maker1@studio1.example.com", lastname="Stranger")
        before = dict(it.contact(stranger))
        outcome = it.send(it.lead(GUESSED))[0]
        assert it.contact(stranger) == before
        if fields is None:
            assert isinstance(outcome, Delivered)
            assert outcome.created
        else:
            assert isinstance(outcome, Reject)
            assert outcome.code == "hubspot_email_taken"


def test_an_address_is_no_key_if_nothing_says_that_it_is_verified() -> None:
    with hub({"email": "{{ email }}", "lastname": "{{ handle }}"}) as it:
        assert it.connector.route(it.lead(VERIFIED)).group == "key"
    with hub({"email": "{{ email }}", "ctgo_email_status": "{{ email_status }}"}) as it:
        assert it.connector.route(it.lead(VERIFIED)).group == "email"
        assert it.connector.route(it.lead(GUESSED)).group == "key"


def test_an_address_that_turns_up_later_goes_to_the_contact_that_is_there(it: Hub) -> None:
    first = it.deliver(it.lead(VERIFIED, emailed=False))
    assert "email" not in it.contact(first.remote_id)
    later = it.deliver(it.lead(VERIFIED, remote_id=first.remote_id))
    assert later == Delivered(first.remote_id, created=False)
    assert it.contact(first.remote_id)["email"] == EMAIL
    assert it.size == 1


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("named", ["in both", "in the context", "nowhere"])
@pytest.mark.parametrize("fields", [None, ALWAYS])
def test_it_does_so_when_the_ledger_forgot_the_contact(
    fields: dict[str, str | Field] | None, named: str, *, whole: bool
) -> None:
    with hub(fields) as it:
        it.fake.batches.whole_conflicts = whole
        it.fake.portal.names_holder = named != "nowhere"
        it.fake.portal.holder_in_message = named == "in both"
        first = it.deliver(it.lead(VERIFIED, emailed=False))
        later = it.deliver(it.lead(VERIFIED))
        assert later == Delivered(first.remote_id, created=False)
        assert it.contact(first.remote_id)["email"] == EMAIL
        assert it.size == 1
        looked = [body for body in it.fake.calls("read")[-1:] if body.get("idProperty")]
        assert bool(looked) is (named == "nowhere")


def test_an_address_that_changes_makes_no_second_contact(it: Hub) -> None:
    first = it.deliver(it.lead(VERIFIED))
    changed = it.lead(6, x_user_id=it.lead(VERIFIED).person, remote_id=first.remote_id)
    assert it.deliver(changed).remote_id == first.remote_id
    forgotten = it.lead(6, x_user_id=it.lead(VERIFIED).person)
    assert it.deliver(forgotten).remote_id == first.remote_id
    assert it.size == 1
    assert it.contact(first.remote_id)["email"] == EMAIL


@pytest.mark.parametrize("whole", [True, False])
def test_an_address_that_another_contact_holds_is_a_persons_decision(it: Hub, *, whole: bool) -> None:
    it.fake.batches.whole_conflicts = whole
    ours = it.deliver(it.lead(VERIFIED, emailed=False)).remote_id
    theirs = it.fake.portal.add(email=EMAIL, lastname="Other")
    before = dict(it.contact(theirs))
    why = it.failure(it.lead(VERIFIED, remote_id=ours))
    assert isinstance(why, Reject)
    assert why.code == "hubspot_two_contacts"
    assert str(ours) in why.detail
    assert theirs in why.detail
    assert it.contact(theirs) == before
    assert ours is not None
    merged = it.fake.portal.merge(theirs, ours)  # as the fix advises
    assert it.deliver(it.lead(VERIFIED, remote_id=ours)).remote_id == merged
    assert it.contact(merged)["ctgo_x_user_id"] == it.lead(VERIFIED).person


def test_a_stale_id_gives_way_to_the_contact_that_bears_the_key(it: Hub) -> None:
    right = it.deliver(it.lead(NONE)).remote_id
    wrong = it.fake.portal.add(lastname="Somebody")
    assert it.deliver(it.lead(NONE, remote_id=wrong)).remote_id == right
    assert it.contact(wrong) == {"lastname": "Somebody"}


@pytest.mark.parametrize("fields", [None, ALWAYS])
@pytest.mark.parametrize("n", [VERIFIED, NONE])
def test_a_contact_that_was_deleted_is_made_anew(fields: dict[str, str | Field] | None, n: int) -> None:
    with hub(fields) as it:
        first = it.deliver(it.lead(n)).remote_id
        assert first is not None
        it.fake.portal.delete(first)
        again = it.deliver(it.lead(n, remote_id=first))
        assert again.created
        assert it.size == 1


def test_a_person_without_any_name_still_becomes_a_contact(it: Hub) -> None:
    nobody = it.lead(NONE, display_name=None, handle=None)
    assert it.contact(it.deliver(nobody).remote_id)["lastname"] == f"X user {nobody.person}"
    handle = it.lead(5, display_name="🚀")
    assert it.contact(it.deliver(handle).remote_id)["lastname"] == "@maker_5"


def test_one_person_has_one_route_key_whatever_finds_them(it: Hub) -> None:
    routes = [
        it.connector.route(it.lead(VERIFIED, **change))
        for change in ({}, {"emailed": False}, {"remote_id": "5"})
    ]
    assert {route.key for route in routes} == {it.lead(VERIFIED).person}
    assert [route.group for route in routes] == ["email", "key", "id"]


def test_kinds_that_were_mixed_after_all_go_in_calls_of_their_own(it: Hub) -> None:
    known = it.deliver(it.lead(NONE)).remote_id
    it.fake.requests.clear()
    outcomes = it.send(it.lead(VERIFIED), it.lead(NONE, remote_id=known), it.lead(GUESSED))
    assert [type(each) for each in outcomes] == [Delivered] * 3
    used = [{each.get("idProperty") for each in body["inputs"]} for body in it.fake.calls("upsert")]
    assert used == [{"email"}, {"ctgo_x_user_id"}]


def test_a_conflict_in_a_batch_that_is_refused_whole_is_followed_once_it_is_alone(it: Hub) -> None:
    it.fake.batches.whole_conflicts = True
    first = it.deliver(it.lead(VERIFIED, emailed=False)).remote_id
    with pytest.raises(Refused):
        it.send(it.lead(VERIFIED), it.lead(6))
    assert it.size == 1
    assert it.deliver(it.lead(VERIFIED)).remote_id == first


def test_every_way_of_writing_is_upsert_and_never_create(it: Hub) -> None:
    it.send(it.lead(VERIFIED), it.lead(GUESSED), it.lead(NONE))
    assert {name for name, _ in it.fake.requests} == {"read", "upsert"}


def test_a_read_that_forgets_a_contact_is_made_again_before_anything_is_overwritten(it: Hub) -> None:
    id_ = it.deliver(it.lead(NONE)).remote_id
    assert id_ is not None
    it.fake.portal.edit(id_, firstname="Typed", lifecyclestage="customer")
    it.fake.batches.forget = 1
    assert it.deliver(it.lead(NONE)).remote_id == id_
    assert it.contact(id_)["firstname"] == "Typed"
    assert len(it.fake.calls("read")) == 3


@pytest.mark.parametrize(
    ("aim_id", "turn", "holder", "code"),
    [
        ("1", 0, {"ctgo_x_user_id": "own"}, None),
        ("1", 1, {"ctgo_x_user_id": "own"}, "hubspot_two_contacts"),
        ("9", 1, {"ctgo_x_user_id": "own"}, None),
        ("1", 2, {"ctgo_x_user_id": "own"}, "hubspot_row_failed"),
        ("1", 0, {"email": EMAIL}, None),
        ("1", 1, {"email": EMAIL}, "hubspot_two_contacts"),
        ("7", 0, {"email": EMAIL}, "hubspot_two_contacts"),
        ("1", 0, {"email": "other@x.example"}, "hubspot_email_taken"),
    ],
)
def test_who_may_go_to_the_contact_that_holds_the_value(
    it: Hub, aim_id: str, turn: int, holder: dict[str, str], code: str | None
) -> None:
    lead = it.lead(VERIFIED, remote_id="7")
    own = {name: lead.person if value == "own" else value for name, value in holder.items()}
    verdict = _claim(Target(Row(0, lead, EMAIL, "t"), "id", aim_id, turn=turn), Contact("9", own))
    assert (verdict.code if verdict else None) == code
    assert not isinstance(verdict, Retry) or verdict.of_record
