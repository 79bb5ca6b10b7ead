"""The pretended Salesforce does as its vendor documents, seen through the real library and plain requests."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

from syncd.simulator.crms.salesforce import CLIENT_ID, CLIENT_SECRET, SalesforceFake
from syncd.simulator.crms.salesforce.lead_object import KEY
from tests.connectors.salesforce.salesforce_bench import served

FORM = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


@pytest.fixture
def fake() -> Iterator[SalesforceFake]:
    app = SalesforceFake()
    app.org.set_up(
        {"CTGO_Followers__c": {"type": "Number"}},
        {"type": "Text", "length": 32, "externalId": True, "unique": True},
    )
    with served(app):
        yield app


def lead(key: str, **fields: Any) -> dict[str, Any]:
    named = {"LastName": f"Name {key}", "Company": f"Company {key}"}
    return {"attributes": {"type": "Lead"}, KEY: key, **named, **fields}


def upsert(client: Salesforce, *records: dict[str, Any], **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"allOrNone": False, "records": records}
    return client.restful(f"composite/sobjects/Lead/{KEY}", method="PATCH", json=body, headers=named)


def code(row: Any) -> str:
    return str(row["errors"][0]["statusCode"])


def test_signing_in_gives_a_session_that_works(fake: SalesforceFake) -> None:
    told = requests.post(f"{fake.url}/services/oauth2/token", data=FORM, timeout=5).json()
    assert told["instance_url"] == fake.url
    headers = {"Authorization": f"Bearer {told['access_token']}"}
    answer = requests.get(
        f"{fake.url}/services/data/v66.0/sobjects/Lead/describe", headers=headers, timeout=5
    )
    assert answer.status_code == 200
    assert answer.headers["Sforce-Limit-Info"] == "api-usage=1/15000"


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"client_secret": "no"}, "invalid_client"),
        ({"client_id": "no"}, "invalid_client_id"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_wrong_credentials_are_refused_with_an_object_and_not_a_list(
    fake: SalesforceFake, wrong: dict[str, str], error: str
) -> None:
    answer = requests.post(f"{fake.url}/services/oauth2/token", data={**FORM, **wrong}, timeout=5)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_a_revoked_app_gets_no_token_and_its_sessions_end(fake: SalesforceFake, client: Salesforce) -> None:
    fake.revoke()
    assert requests.post(f"{fake.url}/services/oauth2/token", data=FORM, timeout=5).status_code == 400
    with pytest.raises(SalesforceExpiredSession) as caught:
        client.restful("sobjects/Lead/describe")
    content: Any = caught.value.content
    assert content[0]["errorCode"] == "INVALID_SESSION_ID"


def test_an_upsert_creates_then_updates_and_answers_in_order(
    fake: SalesforceFake, client: Salesforce
) -> None:
    first = upsert(client, lead("2"), lead("1"))
    second = upsert(client, lead("1", Title="CEO"), lead("3"))
    assert [row["created"] for row in first + second] == [True, True, False, True]
    assert second[0]["id"] == first[1]["id"]
    assert fake.org.by_key("1")[0]["Title"] == "CEO"
    assert client.api_usage["api-usage"].used == 2


@pytest.mark.parametrize(
    ("record", "word"),
    [
        (lead("1", LastName=None), "REQUIRED_FIELD_MISSING"),
        (lead("1", FirstName="x" * 41), "STRING_TOO_LONG"),
        (lead("1", FirstName="🌱" * 21), "STRING_TOO_LONG"),
        (lead("1", Email="nobody"), "INVALID_EMAIL_ADDRESS"),
        (lead("1", Rating="Tepid"), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        (lead("1", LastName="Refused"), "FIELD_CUSTOM_VALIDATION_EXCEPTION"),
        (lead(""), "MISSING_ARGUMENT"),
    ],
)
def test_a_row_that_does_not_fit_fails_alone_with_200(
    fake: SalesforceFake, client: Salesforce, record: dict[str, Any], word: str
) -> None:
    fake.org.fields["rating"].restricted = True
    fake.org.validation = lambda row: row["LastName"] != "Refused"
    refused, through = upsert(client, record, lead("2"))
    assert code(refused) == word
    assert through["success"]
    assert len(fake.org.leads) == 1


@pytest.mark.parametrize(
    ("record", "word"),
    [
        (lead("1", id="00Q000000000001AAA"), "INVALID_FIELD"),
        (lead("1", CTGO_Followers__c="many"), "JSON_PARSER_ERROR"),
        (lead("1", FirstName=5), "JSON_PARSER_ERROR"),
        (lead("1", FirstName="half \ud83d"), "JSON_PARSER_ERROR"),
        ({**lead("1"), "attributes": {"type": "Contact"}}, "INVALID_TYPE"),
    ],
)
def test_a_record_that_cannot_be_read_fails_the_call_and_nothing_is_written(
    fake: SalesforceFake, client: Salesforce, record: dict[str, Any], word: str
) -> None:
    with pytest.raises(SalesforceMalformedRequest) as caught:
        upsert(client, lead("2"), record)
    content: Any = caught.value.content
    assert content[0]["errorCode"] == word
    assert not fake.org.leads


@pytest.mark.parametrize(
    ("record", "word"),
    [
        (lead("1", Nothing__c="x"), "INVALID_FIELD"),
        (lead("1", IsConverted=True), "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ],
)
def test_a_column_that_is_not_there_or_not_to_be_written_fails_its_row_alone(
    client: Salesforce, record: dict[str, Any], word: str
) -> None:
    through, refused = upsert(client, lead("2"), record)
    assert (through["success"], code(refused)) == (True, word)


def test_more_than_two_hundred_rows_are_refused(client: Salesforce) -> None:
    with pytest.raises(SalesforceMalformedRequest):
        upsert(client, *(lead(str(n)) for n in range(201)))


def test_a_field_that_is_no_external_id_has_no_address(client: Salesforce) -> None:
    for name in ("Title", "Nothing__c"):
        with pytest.raises(SalesforceResourceNotFound):
            client.restful(f"composite/sobjects/Lead/{name}", method="PATCH", json={"records": []})


def test_the_same_key_twice_in_a_request_fails_every_row_of_it(client: Salesforce) -> None:
    rows = upsert(client, lead("1"), lead("2"), lead("1"))
    assert [row["success"] for row in rows] == [False, True, False]
    assert "Duplicate external id specified" in rows[0]["errors"][0]["message"]


def test_a_key_without_unique_can_be_there_twice_and_then_matches_several(
    fake: SalesforceFake, client: Salesforce
) -> None:
    for name in ("One", "Two"):
        fake.org.add_lead(**{KEY: "1", "LastName": name})
    assert code(upsert(client, lead("1"))[0]) == "DUPLICATE_EXTERNAL_ID"


def test_a_unique_field_is_unique_whatever_the_case(fake: SalesforceFake, client: Salesforce) -> None:
    fake.org.fields["title"].unique = True
    rows = upsert(client, lead("1", Title="ceo"), lead("2", Title="CEO"))
    assert code(rows[1]) == "DUPLICATE_VALUE"
    assert "on record with id" in rows[1]["errors"][0]["message"]


def test_a_converted_lead_cannot_be_updated_and_a_deleted_one_is_made_again(
    fake: SalesforceFake, client: Salesforce
) -> None:
    rows = upsert(client, lead("1"), lead("2"))
    fake.org.convert(rows[0]["id"])
    fake.org.delete(rows[1]["id"])
    again = upsert(client, lead("1"), lead("2"))
    assert code(again[0]) == "CANNOT_UPDATE_CONVERTED_LEAD"
    assert again[1]["created"]


@pytest.mark.parametrize(
    ("rule", "allow", "through"),
    [("alert", "false", False), ("alert", "true", True), ("block", "true", False), ("off", "false", True)],
)
def test_duplicate_rules_heed_the_header_as_far_as_they_warn_only(
    fake: SalesforceFake, client: Salesforce, rule: str, allow: str, *, through: bool
) -> None:
    fake.org.rule = rule
    contact = fake.org.add_contact(Email="a@b.example")
    (row,) = upsert(client, lead("1", Email="A@b.example"), Sforce_Duplicate_Rule_Header=f"allowSave={allow}")
    assert row["success"] is through
    if not through:
        matched = row["errors"][0]["duplicateResut"]["matchResults"][0]["matchRecords"]
        assert matched[0]["record"]["Id"] == contact


def test_assignment_rules_run_on_updates_too_unless_the_header_says_no(
    fake: SalesforceFake, client: Salesforce
) -> None:
    lead_id = upsert(client, lead("1"))[0]["id"]
    upsert(client, lead("1"))
    upsert(client, lead("1"), Sforce_Auto_Assign="FALSE")
    assert fake.org.assignments[lead_id] == 2


def test_records_are_updated_by_id(fake: SalesforceFake, client: Salesforce) -> None:
    lead_id = fake.org.add_lead()
    rows = [
        {"attributes": {"type": "Lead"}, "id": each, "Title": "CEO"}
        for each in (lead_id, "00Q000000000099AAA")
    ]
    answer: Any = client.restful("composite/sobjects", method="PATCH", json={"records": rows})
    assert answer[0]["success"]
    assert code(answer[1]) == "ENTITY_IS_DELETED"
    assert fake.org.leads[lead_id]["Title"] == "CEO"


def test_an_org_without_calls_left_refuses(fake: SalesforceFake, client: Salesforce) -> None:
    fake.limit = 1
    client.restful("sobjects/Lead/describe")
    with pytest.raises(SalesforceRefusedRequest) as caught:
        client.restful("sobjects/Lead/describe")
    content: Any = caught.value.content
    assert content[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"


def test_a_lost_answer_was_applied(fake: SalesforceFake, client: Salesforce) -> None:
    fake.lose_next_answer()
    with pytest.raises(requests.exceptions.RequestException):
        upsert(client, lead("1"))
    assert len(fake.org.leads) == 1
    assert upsert(client, lead("1"))[0]["created"] is False


def test_a_retired_version_is_gone(fake: SalesforceFake, client: Salesforce) -> None:
    client.base_url = f"{fake.url}/services/data/v31.0/"
    with pytest.raises(SalesforceGeneralError) as caught:
        client.restful("sobjects/Lead/describe")
    assert caught.value.status == 410


def test_a_new_field_is_hidden_until_a_permission_set_of_the_user_grants_it(
    fake: SalesforceFake, client: Salesforce
) -> None:
    def post(path: str, **body: Any) -> Any:
        return client.restful(path, method="POST", json=body)

    def visible() -> bool:
        described: Any = client.restful("sobjects/Lead/describe")
        return any(field["name"] == "New__c" for field in described["fields"])

    post("tooling/sobjects/CustomField", FullName="Lead.New__c", Metadata={"type": "Text", "length": 9})
    assert not visible()
    post("sobjects/PermissionSet", Name="One", Label="One")
    set_id = client.query("SELECT Id FROM PermissionSet WHERE Name = 'One'")["records"][0]["Id"]
    post("sobjects/FieldPermissions", ParentId=set_id, SobjectType="Lead", Field="Lead.New__c")
    assert not visible()
    root: Any = client.restful("")
    post(
        "sobjects/PermissionSetAssignment",
        PermissionSetId=set_id,
        AssigneeId=root["identity"].rpartition("/")[2],
    )
    assert visible()
    for path, body in (
        ("tooling/sobjects/CustomField", {"FullName": "Lead.New__c", "Metadata": {"type": "Text"}}),
        ("sobjects/FieldPermissions", {"ParentId": set_id, "Field": "Lead.New__c"}),
        ("sobjects/PermissionSet", {"Name": "One"}),
    ):
        with pytest.raises(SalesforceMalformedRequest):
            post(path, **body)
    fake.org.customizable = False
    with pytest.raises(SalesforceRefusedRequest):
        post("sobjects/PermissionSet", Name="Two", Label="Two")


def test_the_recycle_bin_is_found_by_asking_for_all_and_tells_what_was_merged(
    fake: SalesforceFake, client: Salesforce
) -> None:
    kept, lost, deleted = (row["id"] for row in upsert(client, lead("1"), lead("2"), lead("3")))
    fake.org.merge(kept, lost)
    fake.org.delete(deleted)
    soql = "SELECT Id, IsDeleted, MasterRecordId FROM Lead"
    live: Any = client.restful("query/", params={"q": soql})
    every: Any = client.restful("queryAll/", params={"q": soql})
    assert [one["Id"] for one in live["records"]] == [kept]
    assert [(one["Id"], one["IsDeleted"], one["MasterRecordId"]) for one in every["records"]] == [
        (kept, False, None),
        (lost, True, kept),
        (deleted, True, None),
    ]
