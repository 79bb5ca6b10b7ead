"""Adopting: the contact that another tool made is taken over, and only where it is plain whose it is."""

from collections.abc import Iterator

import pytest

from connectors.hubspot.match import normal
from syncd.connector import Delivered, Halt
from tests.connectors.hubspot.hubspot_bench import GUESSED, NONE, VERIFIED, Hub, hub


@pytest.fixture
def it() -> Iterator[Hub]:
    with hub(adopt=["twitterhandle", "hs_linkedin_url"]) as it:
        it.fake.lag = 0.0
        yield it


@pytest.mark.parametrize("typed", ["maker_2", "@Maker_2", "https://x.com/maker_2"])
def test_a_contact_with_the_handle_gets_the_key(it: Hub, typed: str) -> None:
    theirs = it.fake.portal.add(lastname="Old", twitterhandle=typed)
    assert it.deliver(it.lead(NONE)) == Delivered(theirs, created=False)
    assert it.contact(theirs)["ctgo_x_user_id"] == it.lead(NONE).person
    assert it.contact(theirs)["lastname"] == "Old"
    assert it.size == 1


def test_a_contact_with_the_profile_gets_the_key(it: Hub) -> None:
    theirs = it.fake.portal.add(lastname="Old", hs_linkedin_url="linkedin.com/in/Maker-1/")
    assert it.deliver(it.lead(GUESSED)).remote_id == theirs


def test_two_contacts_with_one_handle_are_left_alone(it: Hub) -> None:
    it.fake.portal.add(lastname="One", twitterhandle="maker_2")
    it.fake.portal.add(lastname="Two", twitterhandle="@maker_2")
    assert it.deliver(it.lead(NONE)).created
    assert it.size == 3


def test_a_contact_of_ours_is_found_by_its_key_and_another_is_not_taken(it: Hub) -> None:
    ours = it.deliver(it.lead(NONE)).remote_id
    it.fake.portal.add(lastname="Late", twitterhandle="maker_2")
    assert it.deliver(it.lead(NONE)).remote_id == ours
    assert it.size == 2


def test_the_lag_of_the_index_gives_one_contact_to_one_person(it: Hub) -> None:
    theirs = it.fake.portal.add(
        lastname="Old", twitterhandle="maker_2", hs_linkedin_url="https://linkedin.com/in/maker-1"
    )
    it.fake.lag = 20.0
    it.bench.clock.advance(60)
    first = it.deliver(it.lead(NONE))
    second = it.deliver(it.lead(GUESSED))  # the index still shows the contact without a key
    assert first.remote_id == theirs
    assert second.remote_id != theirs
    assert it.contact(theirs)["ctgo_x_user_id"] == it.lead(NONE).person


def test_the_verified_address_comes_before_the_handle(it: Hub) -> None:
    by_email = it.fake.portal.add(email="maker3@studio3.example.com")
    it.fake.portal.add(lastname="Other", twitterhandle="maker_3")
    assert it.deliver(it.lead(VERIFIED)).remote_id == by_email


def test_a_property_that_cannot_be_searched_halts(it: Hub) -> None:
    del it.fake.portal.definitions["twitterhandle"]
    with pytest.raises(Halt) as why:
        it.send(it.lead(NONE))
    assert why.value.code == "hubspot_adopt_failed"


def test_nothing_is_searched_unless_it_was_asked_for() -> None:
    with hub() as it:
        it.deliver(it.lead(NONE))
        assert it.fake.calls("search") == []


@pytest.mark.parametrize(
    ("by", "typed", "same"),
    [
        ("twitterhandle", "@Ada", "ada"),
        ("twitterhandle", " https://www.twitter.com/Ada/ ", "ada"),
        ("twitterhandle", "Ada Moreau", ""),
        ("twitterhandle", "", ""),
        ("hs_linkedin_url", "https://de.linkedin.com/in/Ada-M/?x=1", "in/ada-m"),
        ("hs_linkedin_url", "https://example.com/in/ada", ""),
    ],
)
def test_equal_people_have_equal_names(by: str, typed: str, same: str) -> None:
    assert normal(by, typed) == same
