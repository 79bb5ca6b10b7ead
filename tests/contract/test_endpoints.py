"""Every endpoint that the vendor names is served by the simulator, and said to be in its OpenAPI document."""

import re
from typing import Any

from syncd.simulator import Options, World, create_app
from tests.contract.endpoints import ENDPOINTS

PENDING: set[tuple[str, str]] = set()
METHODS = {"get", "post", "put", "patch", "delete"}


def nameless(path: str) -> str:
    return re.sub(r"{\w+}", "{}", path)


def document() -> dict[str, Any]:
    app = create_app(Options(), world=World(Options(leads=0)))
    answer = app.test_client().get("/api/v2/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.get_json()
    return found


def published() -> set[tuple[str, str]]:
    return {
        (method.upper(), nameless(path))
        for path, item in document()["paths"].items()
        for method in item.keys() & METHODS
    }


def test_the_list_names_no_endpoint_twice() -> None:
    assert len({(method, nameless(path)) for method, path in ENDPOINTS}) == len(ENDPOINTS)


def test_the_document_holds_every_endpoint_and_no_other() -> None:
    every = {(method, nameless(path)) for method, path in ENDPOINTS}
    assert every - published() - PENDING == set()
    assert published() - every == set()


def test_the_document_needs_no_key_and_takes_no_request_off_an_allowance() -> None:
    world = World(Options(leads=0, rate_limit=1))
    client = create_app(world.options, world=world).test_client()
    assert [client.get("/api/v2/openapi.json").status_code for _ in range(3)] == [200, 200, 200]
    assert world.requests == ()
