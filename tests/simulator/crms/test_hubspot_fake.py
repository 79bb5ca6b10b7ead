"""The made-up HubSpot follows the vendor's documents: shown with the vendor's own library."""

from collections.abc import Iterator
from typing import Any

import pytest
from hubspot import HubSpot
from hubspot.crm.contacts.exceptions import ApiException
from urllib3.exceptions import ProtocolError

from syncd.simulator.crms.hubspot import TOKEN, HubSpotFake
from syncd.testing import ManualClock

CLOSED = (3.0, 3.0)


class Library:
    """The real client, as its documents use it."""

    def __init__(self, url: str) -> None:
        self.hubspot = HubSpot(access_token=TOKEN, retry=False, host=url)
        self.batch = self.hubspot.crm.contacts.batch_api
        self.refusal: type[Exception] = ApiException

    def upsert(self, *inputs: dict[str, Any]) -> tuple[Any, int]:
        model, status, _ = self.batch.upsert_with_http_info({"inputs": list(inputs)}, _request_timeout=CLOSED)
        return model, status

    def refused(self, *inputs: dict[str, Any]) -> Any:
        with pytest.raises(self.refusal) as why:
            self.upsert(*inputs)
        return why.value

    def close(self) -> None:
        self.batch.api_client.rest_client.pool_manager.clear()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def fake(clock: ManualClock) -> HubSpotFake:
    return HubSpotFake(clock.now, clock.monotonic)


@pytest.fixture
def library(fake: HubSpotFake) -> Iterator[Library]:
    with fake.served() as url:
        library = Library(url)
        yield library
        library.close()


def person(key: str, *, trace: str | None = None, **properties: str) -> dict[str, Any]:
    made = {"id": key, "idProperty": "ctgo_x_user_id", "properties": {"lastname": f"L{key}", **properties}}
    return made if trace is None else {**made, "objectWriteTraceId": trace}


def test_an_upsert_creates_once(fake: HubSpotFake, library: Library) -> None:
    first, status = library.upsert(person("1"))
    again, _ = library.upsert(person("1", firstname="Ada"))
    assert (status, first.results[0].new, again.results[0].new) == (200, True, False)
    assert first.results[0].id == again.results[0].id
    assert len(fake.objects()) == 1


def test_results_come_in_another_order_and_addresses_in_lower_case(library: Library) -> None:
    model, _ = library.upsert(*(person(str(n), email=f"A{n}@X.example") for n in range(3)))
    assert [each.properties["email"] for each in model.results] == [
        "a2@x.example",
        "a1@x.example",
        "a0@x.example",
    ]


def test_a_bad_row_is_reported_alone_only_with_trace_ids(fake: HubSpotFake, library: Library) -> None:
    good, bad = person("1", trace="a"), person("2", trace="b", email="nonsense")
    model, status = library.upsert(good, bad)
    assert (status, model.num_errors, model.errors[0].context) == (207, 1, {"objectWriteTraceId": ["b"]})
    assert "INVALID_EMAIL" in model.errors[0].message
    why = library.refused(person("3"), person("4", email="nonsense"))
    assert why.status == 400
    assert len(fake.objects()) == 1


def test_a_unique_value_is_held_once(fake: HubSpotFake, library: Library) -> None:
    holder = fake.portal.add(email="a@x.example")
    why = library.refused(person("1", email="A@x.example"))
    assert why.status == 409
    assert f"Existing ID: {holder}" in why.body


def test_a_conflict_may_have_the_whole_batch_refused(fake: HubSpotFake, library: Library) -> None:
    fake.portal.add(email="a@x.example")
    fake.batches.whole_conflicts = True
    assert library.refused(person("1", trace="1"), person("2", trace="2", email="a@x.example")).status == 409
    assert len(fake.objects()) == 1


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ([person(str(n)) for n in range(101)], "maximum batch size"),
        ([], "must not be empty"),
        ([person("1"), person("1")], "Duplicate IDs found"),
        ([{**person("1"), "idProperty": "lastname"}], "non-unique"),
        ([person("1", nowhere="x")], "PROPERTY_DOESNT_EXIST"),
        ([person("1", createdate="2026-01-01")], "READ_ONLY_VALUE"),
        ([person("1", lifecyclestage="Lead")], "INVALID_OPTION"),
        ([person("1", ctgo_bio="x" * 65_537)], "TOO_LONG"),
        ([person("1", ctgo_follower_count="many")], "INVALID_LONG"),
        ([person("1", ctgo_first_seen="once")], "INVALID_DATE"),
        ([{"id": "1", "idProperty": "ctgo_x_user_id", "properties": {}}], "firstname"),
    ],
)
def test_what_is_refused_whole(
    fake: HubSpotFake, library: Library, inputs: list[dict[str, Any]], says: str
) -> None:
    why = library.refused(*inputs)
    assert why.status == 400
    assert says in why.body
    assert fake.objects() == []


def test_a_blank_clears_and_a_stage_moves_forward_only(fake: HubSpotFake, library: Library) -> None:
    library.upsert(person("1", phone="1", lifecyclestage="customer"))
    library.upsert(person("1", phone="", lifecyclestage="lead"))
    (contact,) = fake.objects()
    assert "phone" not in contact
    assert contact["lifecyclestage"] == "customer"


def test_a_read_reports_whom_it_did_not_find(fake: HubSpotFake, library: Library) -> None:
    fake.portal.add(email="a@x.example", hs_additional_emails="b@x.example")
    inputs = [{"id": "B@x.example"}, {"id": "c@x.example"}]
    body = {"idProperty": "email", "properties": ["email"], "inputs": inputs}
    model, status, _ = library.batch.read_with_http_info(body, _request_timeout=CLOSED)
    assert (status, len(model.results), model.errors[0].category) == (207, 1, "OBJECT_NOT_FOUND")
    assert model.errors[0].context == {"ids": ["c@x.example"]}


def test_a_merge_makes_a_new_id_which_reads_follow_and_updates_do_not(
    fake: HubSpotFake, library: Library
) -> None:
    one, two = fake.portal.add(lastname="One"), fake.portal.add(lastname="Two", email="two@x.example")
    merged = fake.portal.merge(one, two)
    both = {"lastname": "One", "email": "two@x.example", "hs_merged_object_ids": f"{one};{two}"}
    assert fake.portal.contacts == {merged: both}
    for old in (one, two):
        body = {"properties": ["lastname"], "inputs": [{"id": old}]}
        assert library.batch.read(body, _request_timeout=CLOSED).results[0].id == merged
        body = {"inputs": [{"id": old, "properties": {"phone": "5"}}]}
        model, status, _ = library.batch.update_with_http_info(body, _request_timeout=CLOSED)
        assert (status, model.results) == (200, [])
    assert fake.portal.contacts == {merged: both}


def test_the_index_of_the_search_lags(fake: HubSpotFake, library: Library, clock: ManualClock) -> None:
    filters = [{"propertyName": "twitterhandle", "operator": "IN", "values": ["ada"]}]
    body = {"filterGroups": [{"filters": filters}], "properties": ["twitterhandle"], "limit": 10}
    search = library.hubspot.crm.contacts.search_api
    fake.portal.add(twitterhandle="Ada")
    assert search.do_search(body, _request_timeout=CLOSED).total == 0
    clock.advance(30)
    assert search.do_search(body, _request_timeout=CLOSED).total == 1
    search.api_client.rest_client.pool_manager.clear()


@pytest.mark.parametrize("policy", ["DAILY", "TEN_SECONDLY_ROLLING"])
def test_the_two_limits_say_which_they_are(
    fake: HubSpotFake, library: Library, clock: ManualClock, policy: str
) -> None:
    if policy == "DAILY":
        fake.daily = 1
    else:
        fake.burst = 1
    library.upsert(person("1"))
    why = library.refused(person("1"))
    assert why.status == 429
    assert f'"policyName": "{policy}"' in why.body
    assert why.headers["X-HubSpot-RateLimit-Daily" if policy == "DAILY" else "X-HubSpot-RateLimit-Max"] == "1"
    clock.advance(86_400 if policy == "DAILY" else 10)
    library.upsert(person("1"))


def test_scopes_tokens_and_plans_are_looked_at(fake: HubSpotFake, library: Library) -> None:
    fake.scopes.discard("crm.objects.contacts.write")
    assert "MISSING_SCOPES" in library.refused(person("1")).body
    fake.plan_has_api = False
    assert library.refused(person("1")).status == 403
    fake.revoke()
    assert library.refused(person("1")).status == 401


def test_a_lost_answer_was_applied_and_a_failure_was_not(fake: HubSpotFake, library: Library) -> None:
    fake.fail_next()
    assert library.refused(person("1")).status == 500
    assert fake.objects() == []
    fake.lose_next_answer()
    with pytest.raises(ProtocolError):
        library.upsert(person("1"))
    assert len(fake.objects()) == 1


def test_definitions_are_made_once_and_checked(fake: HubSpotFake, library: Library) -> None:
    properties = library.hubspot.crm.properties.core_api
    body = {
        "name": "score",
        "label": "Score",
        "groupName": "contactinformation",
        "type": "number",
        "fieldType": "number",
    }
    properties.create("contacts", body, _request_timeout=CLOSED)
    statuses = []
    for bad in (body, {**body, "name": "b", "fieldType": "text"}, {**body, "name": "c", "groupName": "none"}):
        with pytest.raises(Exception, match="HTTP response") as why:
            properties.create("contacts", bad, _request_timeout=CLOSED)
        statuses.append(getattr(why.value, "status", 0))
    assert statuses == [409, 400, 400]
    properties.api_client.rest_client.pool_manager.clear()
    assert "score" in fake.portal.definitions


def test_a_contact_that_was_deleted_is_not_found(fake: HubSpotFake, library: Library) -> None:
    id_ = fake.portal.add(lastname="Gone")
    fake.portal.edit(id_, phone="1")
    fake.portal.delete(id_)
    body = {"inputs": [{"id": id_, "properties": {"phone": "5"}}]}
    with pytest.raises(library.refusal, match="404"):
        library.batch.update(body, _request_timeout=CLOSED)


def test_one_locked_contact_has_its_whole_batch_refused(fake: HubSpotFake, library: Library) -> None:
    first, _ = library.upsert(person("1", trace="a"))
    fake.portal.locked[first.results[0].id] = 1
    assert library.refused(person("1", trace="a"), person("2", trace="b")).status == 423
    assert len(fake.objects()) == 1
    _, status = library.upsert(person("1", trace="a"), person("2", trace="b"))
    assert status == 200


def test_a_firewall_before_it_answers_with_a_page(fake: HubSpotFake, library: Library) -> None:
    fake.firewall = b"<script>"
    why = library.refused(person("1", ctgo_bio="<script>"))
    assert (why.status, "category" in why.body) == (403, False)
    library.upsert(person("1", ctgo_bio="script"))
