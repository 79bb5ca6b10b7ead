"""The same calls by the vendor's SDK, as its documentation shows it, and nothing else: no lead is read, mapped or remembered.

Apollo has no SDK: there it is httpx. Usage: bare_calls.py hubspot|salesforce|apollo URL CALLS. `CALLS` is a file of JSON lines: method, path, query, body. Prints the
processor seconds of making them.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import requests

HUBSPOT_TOKEN = "pat-na1-0f0e0d0c-canary"
Send = Callable[[str, str, str, object], object]


def hubspot(url: str) -> Send:
    """By the methods and models of `hubspot-api-client`."""
    from hubspot import HubSpot  # noqa: PLC0415 - one vendor's library, not both
    from hubspot.crm import contacts  # noqa: PLC0415

    batches = HubSpot(access_token=HUBSPOT_TOKEN, host=url).crm.contacts.batch_api

    def read(body: Any) -> object:
        inputs = [contacts.SimplePublicObjectId(id=each["id"]) for each in body["inputs"]]
        body = {
            "properties_with_history": [],
            "id_property": body.get("idProperty"),
            "properties": body["properties"],
        }
        return batches.read(contacts.BatchReadInputSimplePublicObjectId(inputs=inputs, **body))

    def upsert(body: Any) -> object:
        inputs = [
            contacts.SimplePublicObjectBatchInputUpsert(
                id=each["id"], id_property=each["idProperty"], object_write_trace_id=each["objectWriteTraceId"],
                properties=each["properties"],
            )
            for each in body["inputs"]
        ]  # fmt: skip
        return batches.upsert(contacts.BatchInputSimplePublicObjectBatchInputUpsert(inputs=inputs))

    known = {"read": read, "upsert": upsert}
    return lambda _method, path, _query, body: known[path.rpartition("/")[2]](body)


def salesforce(url: str) -> Send:
    """By `query` and `restful` of simple-salesforce; it has no method of its own for collections."""
    from simple_salesforce.api import Salesforce  # noqa: PLC0415

    form = {
        "grant_type": "client_credentials",
        "client_id": "3MVG9.client.canary",
        "client_secret": "client-secret-canary-77",
    }
    token = requests.post(f"{url}/services/oauth2/token", data=form, timeout=10).json()["access_token"]
    client = Salesforce(session_id=token, instance_url=url, version="66.0")
    client.base_url = f"{url}/services/data/v66.0/"

    def send(method: str, path: str, query: str, body: object) -> object:
        path = path.partition("/v66.0/")[2]
        if method == "GET":
            return client.query(parse_qs(query)["q"][0]) if query else client.restful(path)
        return client.restful(path, method=method, json=body)

    return send


def apollo(url: str) -> Send:
    """By httpx, one client for all, and each answer read."""
    import httpx  # noqa: PLC0415

    client = httpx.Client(base_url=url, headers={"x-api-key": "apollo-Canary7-Canary7-Ca"}, timeout=60.0)

    def send(method: str, path: str, query: str, body: object) -> object:
        answer = client.request(method, path, params=query or None, json=body)
        answer.raise_for_status()
        return answer.json()

    return send


def main(vendor: str, url: str, calls: Path) -> None:
    """Make the calls."""
    send = {"hubspot": hubspot, "salesforce": salesforce, "apollo": apollo}[vendor](url)
    batches = [
        (method, path, query, json.loads(body) if body else None)
        for method, path, query, body in map(json.loads, calls.read_text().splitlines())
    ]
    begin = time.process_time()
    for batch in batches:
        send(*batch)
    print(time.process_time() - begin)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
