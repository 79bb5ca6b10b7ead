import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from hubspot import HubSpot as HubSpotClient

from tests.opponent.crm import Crm, Reply, ask, listen
from tests.opponent.hubspot import HubSpot

SEEDS = range(20)
KEY = "ctgo_x_user_id"
UPSERT = "/crm/v3/objects/contacts/batch/upsert"


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 12, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def step(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@contextmanager
def served(crm: Crm) -> Iterator[str]:
    with listen(crm, 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


# -- HubSpot


def unique_property() -> dict[str, Any]:
    named = {"name": KEY, "label": "X", "groupName": "contactinformation"}
    return {**named, "type": "string", "fieldType": "text", "hasUniqueValue": True}


def portal(seed: int, *, calm: bool = True) -> tuple[HubSpot, Clock]:
    clock = Clock()
    crm = HubSpot(seed, clock)
    crm.define(unique_property())
    clock.step(60)
    if calm:
        crm.calm()
    return crm, clock


def hub(crm: HubSpot, method: str, path: str, body: Any = None) -> Reply:
    return ask(crm, method, path, body, {"Authorization": "Bearer pat-na1-opponent"})


def row(key: str, **properties: str) -> dict[str, Any]:
    return {"id": key, "idProperty": KEY, "objectWriteTraceId": f"t{key}", "properties": properties}


def healthy(crm: Crm, count: int) -> list[str]:
    """Keys of people that the seed does not poison."""
    return list(islice((str(n) for n in range(1000, 9999) if not crm.poison_of(str(n))), count))


@pytest.mark.parametrize("seed", SEEDS)
def test_hubspot_upsert_makes_one_contact_for_a_key_and_says_new_once(seed: int) -> None:
    crm, _ = portal(seed)
    (key,) = healthy(crm, 1)
    made = hub(crm, "POST", UPSERT, {"inputs": [row(key, firstname="Ann", email="Ann@Example.com")]}).json()
    again = hub(crm, "POST", UPSERT, {"inputs": [row(key, firstname="Anna")]}).json()
    assert [made["results"][0]["new"], again["results"][0]["new"]] == [True, False]
    assert made["results"][0]["id"] == again["results"][0]["id"]
    (person,) = crm.people()
    assert person["fields"] | {"firstname": "Anna", "email": "ann@example.com", KEY: key} == person["fields"]


@pytest.mark.parametrize("seed", SEEDS)
def test_hubspot_batches_are_limited_and_refuse_doubles(seed: int) -> None:
    crm, _ = portal(seed)
    many = hub(crm, "POST", UPSERT, {"inputs": [row(str(n), firstname="A") for n in range(101)]})
    twice = hub(crm, "POST", UPSERT, {"inputs": [row("1", firstname="A"), row("1", firstname="B")]})
    assert many.status == twice.status == 400
    assert twice.json()["message"].startswith("Duplicate IDs found in batch input")
    assert crm.people() == []


@pytest.mark.parametrize("seed", SEEDS)
def test_hubspot_rejects_all_rows_or_one_by_the_trace_ids(seed: int) -> None:
    crm, _ = portal(seed)
    one, two = healthy(crm, 2)
    rows = [row(one, firstname="A"), row(two, firstname="B", nosuch="x")]
    partly = hub(crm, "POST", UPSERT, {"inputs": rows})
    assert partly.status == 207
    assert partly.json()["numErrors"] == 1
    assert "PROPERTY_DOESNT_EXIST" in partly.json()["errors"][0]["message"]
    bare = [{k: v for k, v in given.items() if k != "objectWriteTraceId"} for given in rows]
    refused = hub(crm, "POST", UPSERT, {"inputs": bare})
    assert (refused.status, refused.json()["category"]) == (400, "VALIDATION_ERROR")
    assert [r.record for r in crm.refused] == [two, two]


@pytest.mark.parametrize("seed", SEEDS)
def test_hubspot_ids_of_merged_contacts_lead_to_the_survivor(seed: int) -> None:
    crm, _ = portal(seed)
    one, two = (crm.add({"email": f"{name}@example.com", "firstname": name}) for name in ("a", "b"))
    body = {"primaryObjectId": one.id, "objectIdToMerge": two.id}
    survivor = hub(crm, "POST", "/crm/v3/objects/contacts/merge", body).json()["id"]
    read = hub(
        crm, "POST", "/crm/v3/objects/contacts/batch/read", {"inputs": [{"id": one.id}, {"id": two.id}]}
    )
    assert {found["id"] for found in read.json()["results"]} == {survivor}
    by_mail = hub(crm, "GET", "/crm/v3/objects/contacts/b@example.com?idProperty=email")
    assert by_mail.json()["id"] == survivor
    assert sum(1 for person in crm.people() if "merged_into" not in person) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_hubspot_names_the_holder_of_an_email(seed: int) -> None:
    crm, _ = portal(seed)
    (key,) = healthy(crm, 1)
    holder = crm.add({"email": "a@example.com"})
    answer = hub(crm, "POST", UPSERT, {"inputs": [row(key, firstname="A", email="A@example.com")]})
    assert answer.status in {207, 409}
    assert holder.id in answer.raw.decode()
    assert len(crm.alive()) == 1


def test_hubspot_search_lags_and_then_finds() -> None:
    portals = (portal(seed, calm=False) for seed in SEEDS)
    crm, clock = next(pair for pair in portals if pair[0].readings["search_lag_s"] == 30)
    crm.readings["faults"] = ()
    crm.add({"email": "late@example.com"})
    asked = {
        "filterGroups": [
            {"filters": [{"propertyName": "email", "operator": "EQ", "value": "late@example.com"}]}
        ]
    }
    assert hub(crm, "POST", "/crm/v3/objects/contacts/search", asked).json()["total"] == 0
    clock.step(31)
    assert hub(crm, "POST", "/crm/v3/objects/contacts/search", asked).json()["total"] == 1


def test_hubspot_answers_the_official_client() -> None:
    crm, _ = portal(3)
    with served(crm) as host:
        client = HubSpotClient(access_token=crm.token, host=host, retry=False)
        keys = healthy(crm, 3)
        body = {"inputs": [row(key, firstname="A") for key in keys]}
        made, status, headers = client.crm.contacts.batch_api.upsert_with_http_info(
            body, _request_timeout=(3, 10)
        )
        known = client.crm.properties.core_api.get_by_name("contacts", KEY)
    assert (status, len(made.results), {found.new for found in made.results}) == (200, 3, {True})
    assert known.has_unique_value
    assert "X-HubSpot-RateLimit-Max" in headers


# -- all three


def story(make: Callable[[int, Clock], HubSpot], seed: int) -> list[object]:
    """Tell all that one seed answers to a fixed row of calls."""
    clock = Clock()
    crm = make(seed, clock)
    said: list[object] = [str(crm.readings)]
    crm.define(unique_property())
    for n in range(40):
        clock.step(20)
        crm.live()
        try:
            said.append(
                hub(
                    crm,
                    "POST",
                    UPSERT,
                    {"inputs": [row(str(n // 2 * 10 + i), firstname="A") for i in range(5)]},
                )
            )
        except ConnectionResetError as cut:
            said.append(str(cut))
    return [*said, crm.people(), crm.refused]


@pytest.mark.parametrize("seed", range(5))
def test_the_same_seed_clock_and_calls_give_the_same_answers(seed: int) -> None:
    assert story(HubSpot, seed) == story(HubSpot, seed)
