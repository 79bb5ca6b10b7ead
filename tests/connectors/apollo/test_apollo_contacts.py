"""Who is who in an answer, what is written, and what is left alone."""

from typing import Any

import pytest

from connectors.apollo.connector import ApolloConnector
from connectors.apollo.identity import (
    CustomField,
    Shape,
    address,
    attribute,
    changes,
    is_same,
    item,
    label_key,
    linkedin,
    shape,
)
from syncd.connector import Delivery, Field
from syncd.testing import samples

KEY = CustomField("f1", "string")
FORM = Shape({"ctgo_bio": CustomField("f2", "string"), "n": CustomField("f3", "number")}, KEY, ())
FIELDS = {
    "title": Field(value="t"),
    "first_name": Field(value="f", policy="if_empty"),
    "email": Field(value="e"),
    "ctgo_bio": Field(value="b"),
    "last_name": Field(value="l", policy="create_only"),
}


def contact(id_: str = "c1", key: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"id": id_, "typed_custom_fields": {} if key is None else {"f1": key}, **fields}


def delivery(**fields: object) -> Delivery:
    return Delivery(1, samples.lead(samples.raw_lead(1)), fields, "77")


def test_an_answer_is_read_by_address_and_never_by_position() -> None:
    items = [contact(email="A@x.io"), contact(email="b@x.io")]
    created = [contact("c2", email="b@x.io"), contact("c1", email="a@x.io")]
    assert [found and found.id for found in attribute(items, FORM, created, [])] == ["c1", "c2"]


def test_a_second_address_of_a_contact_is_its_own_too() -> None:
    items = [contact(email="a@x.io"), contact(email="z@x.io")]
    existing = [contact("c1", email="work@x.io", contact_emails=[{"email": "A@X.io"}])]
    found = attribute(items, FORM, [], existing)
    assert found[0] is not None
    assert (found[0].id, found[0].created, found[0].linked, found[1]) == ("c1", False, False, None)


def test_the_lead_key_tells_who_is_who_when_the_address_does_not() -> None:
    items = [contact(key="77", email="a+ctgo@x.io"), contact(key="78", email="b@x.io")]
    found = attribute(items, FORM, [contact("c1", key="77", email="a@x.io")], [])
    assert found[0] is not None
    assert (found[0].id, found[0].linked, found[1]) == ("c1", False, None)


def test_a_stranger_in_the_answer_of_many_is_nobodys() -> None:
    items = [contact(key="77", email="a@x.io"), contact(key="78", email="b@x.io")]
    assert attribute(items, FORM, [], [contact("c9", email="other@x.io")]) == [None, None]


def test_a_stranger_in_the_answer_of_one_is_a_link_by_name() -> None:
    found = attribute([contact(key="77", email="a@x.io")], FORM, [], [contact("c9", email="other@x.io")])
    assert found[0] is not None
    assert found[0].linked


def test_a_contact_without_an_id_confirms_nothing() -> None:
    for bad in ({"email": "a@x.io"}, contact("../x", email="a@x.io"), {"id": 5, "email": "a@x.io"}):
        assert attribute([contact(email="a@x.io")], FORM, [bad], []) == [None]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("https://www.linkedin.com/in/Ada-L/", "http://www.linkedin.com/in/ada-l"),
        ("linkedin.com/in/ada-l?trk=x", "http://www.linkedin.com/in/ada-l"),
        ("https://fr.linkedin.com/in/ada-l/details/", "http://www.linkedin.com/in/ada-l"),
        ("https://www.linkedin.com/company/acme", "https://www.linkedin.com/company/acme"),
    ],
)
def test_a_linkedin_url_is_sent_as_apollo_stores_it(given: str, stored: str) -> None:
    assert linkedin(given) == stored


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (" A@X.io ", "a@x.io"),
        ("a@x", None),
        ("n/a", None),
        ("a b@x.io", None),
        ("a@x.io, b@x.io", None),
        (5, None),
        (None, None),
    ],
)
def test_what_is_no_address_is_no_email(given: object, read: str | None) -> None:
    assert address(given) == read


def test_an_item_holds_no_blank_no_stranger_and_always_the_lead_key() -> None:
    made = item(delivery(first_name=" Ada ", title="\0 ", email="n/a", nowhere="x", ctgo_bio="b", n=12), FORM)
    assert made == {"first_name": "Ada", "typed_custom_fields": {"f1": "77", "f2": "b", "f3": "12"}}


def test_text_that_json_cannot_carry_is_mended() -> None:
    assert item(delivery(first_name="a\0b\ud83d"), FORM)["first_name"] == "ab?"


def test_custom_fields_are_found_by_name_however_it_is_written() -> None:
    known = {label_key("CTGO X User Id"): KEY, label_key("ctgo_bio"): CustomField("f2", "string")}
    form = shape(["first_name", "ctgo_bio", "Ctgo-Handle"], "ctgo_x_user_id", known)
    assert (form.key, dict(form.custom), form.missing) == (
        KEY,
        {"ctgo_bio": CustomField("f2", "string")},
        ("Ctgo-Handle",),
    )


WANTED = {
    "title": "CTO",
    "first_name": "Ada",
    "last_name": "L",
    "email": "a@x.io",
    "typed_custom_fields": {"f1": "77", "f2": "new"},
}


def test_on_a_contact_of_ours_policies_decide() -> None:
    held = contact(
        title="CEO", first_name="Augusta", typed_custom_fields={"f1": "77", "f2": "old"}, email=None
    )
    found = changes(held, WANTED, FORM, FIELDS, ours=True)
    assert found == {"title": "CTO", "email": "a@x.io", "typed_custom_fields": {"f2": "new"}}


def test_what_is_the_same_is_not_written() -> None:
    held = contact(title="CTO", first_name="Ada", email="a@x.io", typed_custom_fields={"f2": "new"})
    assert changes(held, WANTED, FORM, FIELDS, ours=True) == {}


@pytest.mark.parametrize("held", [12, 12.0, "12", "12.0"])
def test_a_number_is_the_same_however_apollo_shows_it(held: object) -> None:
    fields = {"n": Field(value="n")}
    wanted = item(delivery(n=12), FORM)
    assert (
        changes(contact(typed_custom_fields={"f1": "77", "f3": held}), wanted, FORM, fields, ours=True) == {}
    )
    held_less = contact(typed_custom_fields={"f1": "77", "f3": 11})
    assert changes(held_less, wanted, FORM, fields, ours=True) == {"typed_custom_fields": {"f3": "12"}}


def test_on_a_strangers_contact_only_what_is_empty_is_filled_and_never_address_or_key() -> None:
    held = contact(title="CEO", first_name="", email=None, typed_custom_fields={})
    found = changes(held, WANTED, FORM, FIELDS, ours=False)
    assert found == {"first_name": "Ada", "typed_custom_fields": {"f2": "new"}}


def test_what_an_answer_does_not_show_is_not_taken_for_empty() -> None:
    partial = {"id": "c1", "email": "a@x.io"}
    assert changes(partial, WANTED, FORM, FIELDS, ours=False) == {}
    assert changes(partial, WANTED, FORM, FIELDS, ours=True) == {
        "title": "CTO",
        "typed_custom_fields": {"f2": "new"},
    }


def test_a_found_contact_is_the_one_only_by_key_or_profile() -> None:
    wanted = {"linkedin_url": "http://www.linkedin.com/in/ada", "typed_custom_fields": {"f1": "77"}}
    assert is_same(contact(key="77"), wanted, FORM)
    assert is_same(contact(linkedin_url="https://linkedin.com/in/Ada/"), wanted, FORM)
    assert not is_same(contact(key="78", first_name="Ada"), wanted, FORM)
    assert not is_same(contact(), {"first_name": "Ada"}, FORM)


def test_the_default_mapping_gives_every_ctgo_field_a_plain_name() -> None:
    assert all(label_key(name) == name for name in ApolloConnector.defaults)
