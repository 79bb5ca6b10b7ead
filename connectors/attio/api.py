"""The calls of Attio's API that the connector makes. Each returns the `data` of its answer, or raises a failure."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from connectors.attio.errors import failure
from connectors.attio.options import AttioOptions
from syncd.connector import Context, Halt, Reject

if TYPE_CHECKING:
    from connectors.attio.http import Http


class Api:
    """One token's view of Attio. It opens its connection with the first call."""

    def __init__(self, options: AttioOptions, context: Context) -> None:
        self._options, self._clock = options, context.clock
        self._http: Http | None = None

    def call(self, method: str, path: str, body: object = None, *, wants: type = dict) -> Any:
        """Make one call to a path below `/v2/objects/people`; `wants`: the type of the `data` that it returns."""
        try:
            content = None if body is None else json.dumps(body, allow_nan=False).encode()
        except ValueError:
            raise Reject("attio_refused", "a field holds a number that JSON does not have") from None
        answer = self._opened().call(method, f"/v2/objects/people{path}", content)
        if answer.status // 100 != 2 or not isinstance(answer.body.get("data"), wants):  # noqa: PLR2004
            raise failure(answer, self._clock.now())
        return answer.body["data"]

    def find(self, either: Mapping[str, object]) -> Any:
        """Return what Attio finds for one of these values, each under its attribute."""
        body = {"filter": {"$or": [{slug: test} for slug, test in either.items()]}, "limit": 20}
        return self.call("POST", "/records/query", body, wants=list)

    def close(self) -> None:
        """Close the connection."""
        http, self._http = self._http, None
        if http is not None:
            http.close()

    def _opened(self) -> "Http":
        if self._http is None:
            from connectors.attio.http import Http  # noqa: PLC0415 - httpx costs 40 ms and 15 MB

            token = self._options.access_token.get_secret_value()
            try:
                self._http = Http(self._options.base_url, token, self._clock)
            except ValueError as error:
                raise Halt("attio_proxy_invalid", str(error)) from None
        return self._http
