"""The pretended Salesforce answers queries as its vendor documents."""

from collections.abc import Iterator
from typing import Any

import pytest
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceGeneralError, SalesforceMalformedRequest
from simple_salesforce.format import format_soql

from syncd.simulator.crms.salesforce import SalesforceFake
from syncd.simulator.crms.salesforce.soql import BadQueryError, parse
from tests.connectors.salesforce.salesforce_bench import served


@pytest.fixture
def fake() -> Iterator[SalesforceFake]:
    app = SalesforceFake()
    with served(app):
        yield app


def test_queries_compare_text_in_any_case_and_values_cannot_break_out(
    fake: SalesforceFake, client: Salesforce
) -> None:
    hostile = "o'b\\rien\"@x.example"
    fake.org.add_contact(Email=hostile.upper())
    fake.org.add_contact(Email="other@x.example")
    found = client.query(format_soql("SELECT Id, Email FROM Contact WHERE Email IN {}", [hostile]))
    assert [record["Email"] for record in found["records"]] == [hostile.upper()]


def test_queries_come_in_pages(fake: SalesforceFake, client: Salesforce) -> None:
    fake.page_size = 2
    for n in range(5):
        fake.org.add_contact(Email=f"{n}@x.example")
    seen: list[str] = []
    page: Any = client.restful("query/", params={"q": "SELECT Id FROM Contact"})
    while True:
        seen += [record["Id"] for record in page["records"]]
        if page["done"]:
            break
        page = client.restful("query/" + page["nextRecordsUrl"].rpartition("/")[2])
    assert len(set(seen)) == 5


@pytest.mark.parametrize(
    ("soql", "word"),
    [
        ("SELECT Nothing__c FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Nothing__c = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
        ("SELECT Id FROM Lead WHERE Email = 'o'brien'", "MALFORMED_QUERY"),
    ],
)
def test_queries_that_cannot_be_answered_are_refused(client: Salesforce, soql: str, word: str) -> None:
    with pytest.raises(SalesforceMalformedRequest) as caught:
        client.query(soql)
    content: Any = caught.value.content
    assert content[0]["errorCode"] == word


@pytest.mark.parametrize(
    "soql",
    [
        "",
        "SELECT",
        "SELECT Id FROM Lead WHERE",
        "SELECT Id FROM Lead WHERE Id IN ()",
        "SELECT Id FROM Lead;",
        "SELECT Id FROM Lead WHERE Id IN ('a'",
        "SELECT Id FROM Lead X",
    ],
)
def test_bad_queries_are_bad(soql: str) -> None:
    with pytest.raises(BadQueryError):
        parse(soql)


def test_an_address_that_is_too_long_is_refused(client: Salesforce) -> None:
    with pytest.raises(SalesforceGeneralError) as caught:
        client.query(format_soql("SELECT Id FROM Lead WHERE Email = {}", "x" * 17_000))
    assert caught.value.status == 414
