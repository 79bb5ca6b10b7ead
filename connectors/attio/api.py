"""The calls of Attio's API that the connector makes. Each returns the `data` of its answer, or raises a failure."""

import json
from collections.abc import Mapping
from typing import Any

from connectors.attio.options import FAILURES, AttioOptions
from syncd.connector import Context, Reject
from syncd.http.kit import LateClient

CONNECT_SECONDS = 5.0
LARGEST_BODY = 4 * 1024 * 1024
"""Bytes."""


class Api:
    """One token's view of Attio. It opens its connection with the first call."""

    def __init__(self, options: AttioOptions, context: Context) -> None:
        token = options.access_token.get_secret_value()
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        self._clock = context.clock
        self._client = LateClient(
            FAILURES,
            options.base_url,
            context.clock,
            headers=headers,
            connect=CONNECT_SECONDS,
            most=LARGEST_BODY,
            called=context.called,
        )
        self.close = self._client.close

    def call(self, method: str, path: str, body: object = None, *, wants: type = dict) -> Any:
        """Make one call to a path below `/v2/objects/people`; `wants`: the type of the `data` that it returns."""
        try:
            content = None if body is None else json.dumps(body, allow_nan=False).encode()
        except ValueError:
            raise Reject("attio_refused", "a field holds a number that JSON does not have") from None
        answer = self._client.send(method, f"/v2/objects/people{path}", content=content)
        found = answer.json()
        found = found if isinstance(found, dict) else {}
        if not answer.ok or not isinstance(found.get("data"), wants):
            raise FAILURES.failure(answer, self._clock.now(), found.get("code"), found.get("type"))
        return found["data"]

    def find(self, either: Mapping[str, object]) -> Any:
        """Return the records that Attio finds for one of these values, each under its attribute."""
        body = {"filter": {"$or": [{slug: test} for slug, test in either.items()]}, "limit": 20}
        return self.call("POST", "/records/query", body, wants=list)
