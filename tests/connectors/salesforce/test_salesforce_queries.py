"""Queries: whatever a value holds, it is one value of the query that Salesforce reads, and every query fits an address."""

from collections.abc import Sequence
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simple_salesforce.format import format_soql

from connectors.salesforce.api import LONGEST_QUERY, composite, queries_for
from connectors.salesforce.match import Select

FIELDS = ("Id", "Email")
values = st.lists(
    st.text(st.characters(codec="utf-8") | st.sampled_from("'\\%@,()= \n"), min_size=1), min_size=1
)


@given(values)
def test_values_are_quoted_as_the_library_does(listed: Sequence[str]) -> None:
    (soql,) = queries_for(Select("Contact", FIELDS, {"Email": listed}))
    assert soql.partition(" WHERE ")[2] == format_soql("Email IN {}", listed)


@given(values)
def test_a_query_inside_a_call_is_encoded_whole(listed: Sequence[str]) -> None:
    queries = queries_for(Select("Contact", FIELDS, {"Email": listed}))
    for soql, one in zip(
        queries, composite([("query", soql) for soql in queries])["compositeRequest"], strict=True
    ):
        _, _, encoded = one["url"].partition("?q=")
        assert encoded == quote(soql, safe="")
        assert unquote(encoded) == soql


@pytest.mark.parametrize("value", ["5550001", "o'brien\\'%@x.example.com", "名前@例え.example.com"])
def test_what_fits_no_address_is_asked_in_several_queries_and_none_is_left_out(value: str) -> None:
    keys, emails = [f"{value}{n}" for n in range(900)], [f"mail-{value}{n}" for n in range(100)]
    queries = queries_for(Select("Lead", FIELDS, {"Key__c": keys, "Email": emails}))
    encoded = [
        one["url"].partition("?q=")[2]
        for one in composite([("query", soql) for soql in queries])["compositeRequest"]
    ]
    assert len(queries) > 1
    assert all(len(one) <= LONGEST_QUERY + 200 for one in encoded)
    asked = [soql.partition(" WHERE ")[2] for soql in queries]
    for name, listed in (("Key__c", keys), ("Email", emails)):
        quoted = [format_soql("{}", each) for each in listed]
        found = ",".join(
            part.removeprefix(f"{name} IN (").removesuffix(")")
            for one in asked
            for part in one.split(" OR ")
            if part.startswith(f"{name} IN ")
        )
        assert found == ",".join(quoted)


def test_nothing_is_asked_about_nobody() -> None:
    assert queries_for(Select("Contact", FIELDS, {"Email": []})) == []
    assert queries_for(Select("Lead", FIELDS, {"Key__c": ["1"], "Email": []})) == [
        "SELECT Id, Email FROM Lead WHERE Key__c IN ('1')"
    ]
