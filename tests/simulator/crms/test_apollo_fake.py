"""The fake Apollo does what Apollo's reference says, asked by a plain client."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from syncd.simulator.crms.apollo import KEY, ApolloFake
from syncd.simulator.crms.apollo.book import ABSENT, HIDDEN, REMOVED


class Time:
    """What the fake takes for now."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def fake(time: Time) -> ApolloFake:
    return ApolloFake(time)


@pytest.fixture
def client(fake: ApolloFake) -> Iterator[httpx.Client]:
    transport = httpx.WSGITransport(fake.wsgi)
    with httpx.Client(transport=transport, base_url="http://fake/api/v1", headers={"x-api-key": KEY}) as one:
        yield one


def create(
    client: httpx.Client, *contacts: dict[str, Any], dedupe: bool = True, labels: tuple[str, ...] = ()
) -> Any:
    body = {"contacts": list(contacts), "run_dedupe": dedupe, "append_label_names": list(labels)}
    return client.post("/contacts/bulk_create", json=body)


def test_a_wrong_key_is_told_in_plain_text(client: httpx.Client) -> None:
    found = client.get("/fields", headers={"x-api-key": "other"})
    assert (found.status_code, found.headers["content-type"]) == (401, "text/plain")
    assert "x-minute-usage" not in found.headers


def test_a_scope_that_is_missing_is_a_403(client: httpx.Client, fake: ApolloFake) -> None:
    fake.scopes = {"fields/index"}
    assert client.get("/fields").status_code == 200
    found = client.post("/contacts/search", json={})
    assert (found.status_code, found.json()["error_code"]) == (403, "API_INACCESSIBLE")


def test_a_free_plan_cannot_search(client: httpx.Client, fake: ApolloFake) -> None:
    fake.not_in_plan.add("contacts/search")
    assert "paid plans" in client.post("/contacts/search", json={}).json()["message"]


def test_dedupe_returns_what_is_there_unchanged(client: httpx.Client) -> None:
    first = create(client, {"email": "a@x.io", "first_name": "A"}).json()["created_contacts"][0]
    again = create(client, {"email": "A+tag@x.io", "first_name": "B"}).json()
    assert (again["created_contacts"], again["existing_contacts"]) == ([], [first])


def test_dedupe_matches_name_and_company_but_no_name_alone(client: httpx.Client) -> None:
    create(client, {"first_name": "A", "last_name": "B", "organization_name": "Acme", "email": "a@x.io"})
    same = {"first_name": "a", "last_name": "b", "organization_name": "ACME", "email": "other@x.io"}
    assert len(create(client, same).json()["existing_contacts"]) == 1
    alone = {"first_name": "A", "last_name": "B", "linkedin_url": "http://www.linkedin.com/in/a"}
    assert [len(create(client, alone).json()["created_contacts"]) for _ in range(2)] == [1, 1]


def test_without_dedupe_there_are_duplicates(client: httpx.Client, fake: ApolloFake) -> None:
    for _ in range(2):
        create(client, {"email": "a@x.io"}, dedupe=False)
    assert len(fake.book.contacts) == 2


def test_more_than_a_hundred_and_no_array_are_refused(client: httpx.Client, fake: ApolloFake) -> None:
    assert "100 contacts" in create(client, *[{"email": f"{n}@x.io"} for n in range(101)]).json()["error"]
    assert client.post("/contacts/bulk_create", json={}).status_code == 422
    assert not fake.book.contacts


def test_an_unknown_custom_field_is_not_a_valid_id(client: httpx.Client) -> None:
    found = create(client, {"email": "a@x.io", "typed_custom_fields": {"nope": "1"}})
    assert (found.status_code, "not a valid ID" in found.json()["error"]) == (422, True)


def test_the_order_of_the_answer_is_not_that_of_the_request(client: httpx.Client) -> None:
    found = create(client, {"email": "a@x.io"}, {"email": "b@x.io"}).json()["created_contacts"]
    assert [each["email"] for each in found] == ["b@x.io", "a@x.io"]


def test_one_poison_refuses_the_call_and_nothing_or_some_is_written(
    client: httpx.Client, fake: ApolloFake
) -> None:
    field = fake.book.field("key")
    fake.book.poisoned.add("bad")
    batch: list[dict[str, Any]] = [
        {"email": "a@x.io"},
        {"email": "b@x.io", "typed_custom_fields": {field: "bad"}},
    ]
    assert create(client, *batch).status_code == 422
    assert len(fake.book.contacts) == 0
    fake.refuses_in_part = True
    assert create(client, *batch).status_code == 422
    assert len(fake.book.contacts) == 1


def test_an_update_changes_replaces_lists_and_clears_by_blanks(
    client: httpx.Client, fake: ApolloFake
) -> None:
    made = create(client, {"email": "a@x.io", "title": "T"}, labels=("one",)).json()["created_contacts"][0]
    client.patch(f"/contacts/{made['id']}", json={"title": "", "label_names": ["two"]})
    now = client.get(f"/contacts/{made['id']}").json()["contact"]
    assert (now["title"], now["email"], now["label_ids"]) == (None, "a@x.io", [fake.book.labels["two"]])


def test_lists_are_added_without_taking_away(client: httpx.Client, fake: ApolloFake) -> None:
    made = create(client, {"email": "a@x.io"}, labels=("one",)).json()["created_contacts"][0]
    body = {"entity_ids": [made["id"], "unknown"], "label_names": ["two"], "modality": "contacts"}
    for _ in range(2):
        assert client.post("/labels/add_entity_ids_to_label_names", json=body).status_code == 200
    assert fake.book.contacts[made["id"]]["label_ids"] == [fake.book.labels[name] for name in ("one", "two")]


def test_a_deleted_contact_and_an_unknown_one_are_told_apart(client: httpx.Client, fake: ApolloFake) -> None:
    made = create(client, {"email": "a@x.io"}).json()["created_contacts"][0]
    fake.book.delete(made["id"])
    found = client.patch(f"/contacts/{made['id']}", json={"title": "T"})
    assert (found.status_code, found.json()["deleted_contact_ids"]) == (422, [made["id"]])
    unknown = client.patch("/contacts/none", json={})
    assert (unknown.status_code, unknown.json()["error"]) == (
        422,
        "Parameters misconfigured. none is not a valid ID",
    )


def test_a_contact_that_is_not_to_be_viewed_is_a_422_that_says_why(
    client: httpx.Client, fake: ApolloFake
) -> None:
    gone, hidden = create(client, {"email": "a@x.io"}, {"email": "b@x.io"}).json()["created_contacts"]
    fake.book.delete(gone["id"])
    fake.book.hidden.add(hidden["id"])
    said = [client.get(f"/contacts/{id_}") for id_ in ("none", gone["id"], hidden["id"])]
    assert [(each.status_code, each.json()["error"]) for each in said] == [
        (422, ABSENT),
        (422, REMOVED),
        (422, HIDDEN),
    ]


def test_search_filters_sorts_pages_and_lags(client: httpx.Client, fake: ApolloFake, time: Time) -> None:
    for n in range(3):
        create(client, {"first_name": "Ada", "email": f"{n}@x.io"}, labels=("one",) if n else ())
        time.now += 10
    body = {
        "q_keywords": "ada",
        "contact_label_ids": [fake.book.labels["one"]],
        "sort_by_field": "contact_created_at",
        "per_page": 1,
        "page": 2,
    }
    found = client.post("/contacts/search", json=body).json()
    assert [each["email"] for each in found["contacts"]] == ["1@x.io"]
    assert found["pagination"]["total_pages"] == 2
    fake.book.lag = 15.0
    found = client.post("/contacts/search", json={**body, "page": 1}).json()
    assert [each["email"] for each in found["contacts"]] == ["1@x.io"]


def test_an_unknown_filter_brings_an_unfiltered_page(client: httpx.Client, fake: ApolloFake) -> None:
    create(client, {"email": "a@x.io"})
    assert len(client.post("/contacts/search", json={"x_user_id": "7"}).json()["contacts"]) == 1
    fake.book.drops_filters = True
    assert len(client.post("/contacts/search", json={"q_keywords": "zz"}).json()["contacts"]) == 1


def test_each_window_is_counted_and_told(client: httpx.Client, fake: ApolloFake, time: Time) -> None:
    fake.limits = {60: 2, 3600: 3}
    headers = [client.get("/fields").headers for _ in range(2)]
    assert [each["x-minute-requests-left"] for each in headers] == ["1", "0"]
    assert headers[1]["x-hourly-usage"] == "2"
    assert "x-24-hour-usage" not in headers[0]
    found = client.get("/fields")
    assert (found.status_code, found.headers["retry-after"], "per minute" in found.text) == (429, "61", True)
    assert client.get("/labels").status_code == 200
    time.now += 60
    assert client.get("/fields").status_code == 200
    assert "per hour" in client.get("/fields").text


def test_a_lost_answer_and_a_500_come_after_the_work(client: httpx.Client, fake: ApolloFake) -> None:
    fake.lose_next_answer()
    found = create(client, {"email": "a@x.io"})
    assert len(found.content) < int(found.headers["content-length"])
    fake.fail_after_next()
    assert create(client, {"email": "b@x.io"}).status_code == 500
    assert len(fake.book.contacts) == 2


def test_an_answer_forgets_whom_it_is_told_to(client: httpx.Client, fake: ApolloFake) -> None:
    fake.forgets.add("a@x.io")
    found = create(client, {"email": "a@x.io"}, {"email": "b@x.io"}).json()
    assert [each["email"] for each in found["created_contacts"]] == ["b@x.io"]


def test_fields_and_lists_are_made_and_listed(client: httpx.Client) -> None:
    made = client.post("/fields", json={"label": "Score", "modality": "contact", "type": "number"}).json()
    assert [each["label"] for each in made["typed_custom_fields"]] == ["Score"]
    client.post("/labels", json={"name": "one", "modality": "contacts"})
    (field,) = client.get("/fields").json()["fields"]
    assert (field["label"], field["id"].startswith("contact.")) == ("Score", True)
    assert [each["name"] for each in client.get("/labels").json()] == ["one"]
    taken = client.post("/labels", json={"name": "one"})
    assert (taken.status_code, taken.json()["error"]) == (422, "one already exists")


def test_values_of_custom_fields_are_texts_and_times_are_written_out(
    client: httpx.Client, fake: ApolloFake
) -> None:
    field = fake.book.field("count", "number")
    assert create(client, {"email": "a@x.io", "typed_custom_fields": {field: 7}}).status_code == 422
    (made,) = create(client, {"email": "a@x.io", "typed_custom_fields": {field: "7"}}).json()[
        "created_contacts"
    ]
    assert made["created_at"] == "1970-01-01T00:16:40.000Z"


def test_a_change_ignores_what_it_is_told_to(client: httpx.Client, fake: ApolloFake) -> None:
    fake.book.ignored.add("twitter_url")
    (made,) = create(client, {"email": "a@x.io"}).json()["created_contacts"]
    changed = client.patch(
        f"/contacts/{made['id']}", json={"twitter_url": "https://x.com/a", "title": "T"}
    ).json()
    assert (changed["contact"]["twitter_url"], changed["contact"]["title"]) == (None, "T")


def test_an_unknown_route_is_a_404(client: httpx.Client) -> None:
    assert client.post("/people/match", json={}).status_code == 404
