"""HubSpot's library, opened once: one way to call it, paced, bounded in time, and with four failures for every trouble.

The library's generated methods know only the v3 paths and spend most of their time in building models. So calls go through
its `call_api`, with the paths in one constant and bodies as plain JSON.
"""

from collections.abc import Mapping
from json import loads
from threading import Event
from typing import Any, NamedTuple

from connectors.hubspot.errors import Answer, daily_quota, judge_call
from connectors.hubspot.options import HubSpotOptions
from connectors.hubspot.rate_limit import RateLimit, known_zone
from syncd.connector import Context, Failure, Halt, Pause
from syncd.http.answer import whole_number


class _Paths(NamedTuple):
    contacts: str
    properties: str


PATHS = _Paths("/crm/v3/objects/contacts", "/crm/v3/properties/contacts")
"""Version 3, until September 2027. Next: /crm/objects/2026-09/contacts and /crm/properties/2026-09/0-1."""
_ACCOUNT = "/account-info/v3/details"

_JSON = {"Accept": "application/json", "Content-Type": "application/json"}
_PLAIN = dict.fromkeys(range(200, 300), "object")
"""Every success as plain JSON."""
_SEARCHES_A_SECOND = 4.0
"""HubSpot allows 5 for the account, and its answers do not tell how many are left."""
_GARBLED = 3


class Api:
    """The only place that calls HubSpot."""

    def __init__(self, options: HubSpotOptions, context: Context) -> None:
        """Build the library's client; nothing is sent."""
        from hubspot import HubSpot  # noqa: PLC0415 - imported by those who use it: 60 ms and 20 MB
        from hubspot.crm.contacts.exceptions import ApiException  # noqa: PLC0415

        from connectors.hubspot.http import TIMEOUT, Wire  # noqa: PLC0415

        token = options.access_token.get_secret_value()
        hubspot = HubSpot(access_token=token, retry=False, host=options.base_url)
        self._client = hubspot.crm.contacts.batch_api.api_client
        self._wire = Wire(self._client.rest_client.pool_manager, context.clock, context.called)
        self._client.rest_client.pool_manager = self._wire
        self._refusal, self._timeout = ApiException, TIMEOUT
        self._clock, self._log, self._name = context.clock, context.log, context.name
        self._limit, self._searches = RateLimit(options.requests_per_second), RateLimit(_SEARCHES_A_SECOND)
        self._zone = options.time_zone
        self._asked_zone = False
        self.portal = ""
        """The account's id, once `learn_zone` has asked for it."""
        self._left_today: int | None = None
        self._garbled = 0

    def contacts(self, what: str, body: Mapping[str, Any]) -> Answer:
        """POST to the contacts. `what`: `batch/read` and the like. Raises Pause or Halt."""
        return self.call("POST", f"{PATHS.contacts}/{what}", body)

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """One request.

        Returns:
            A success, or a refusal of what was asked (400, 404 for an object, 409 and the like).

        Raises:
            Failure: Pause or Halt, when it is not about what was asked.
        """
        limits = self._wait_for_turn(search=path.endswith("/search"))
        try:
            answer = self._ask(method, path, body)
        finally:
            for limit in limits:
                limit.answered(self._clock.monotonic())
        failure = judge_call(answer, self._clock.now(), self._zone)
        if failure is not None:
            if failure.code == "hubspot_edge_failed":
                self._log.warning("hubspot_edge_failed", connector=self._name, status=answer.status)
            raise failure
        if answer.fine and not answer.body:
            raise self._bad_answer()
        if answer.fine:
            self._garbled = 0
        return answer

    def learn_zone(self) -> None:
        """Ask once for the portal's time zone, which is when its daily quota comes back."""
        if self._zone or self._asked_zone:
            return
        self._asked_zone = True
        try:
            account = self.call("GET", _ACCOUNT).body
            self._zone = known_zone(account.get("timeZone"))
            self.portal = str(account.get("portalId") or "")
        except Failure:
            return  # a nicety: without it the quota is looked for every quarter of an hour

    def close(self) -> None:
        """Close every connection."""
        self._wire.clear()

    def _wait_for_turn(self, *, search: bool) -> list[RateLimit]:
        """Wait for the request's turn; return the limits that count it."""
        if self._left_today == 0:
            self._left_today = None  # the next call after the pause is the probe
            raise daily_quota(self._clock.now(), self._zone)
        limits = [self._limit, self._searches] if search else [self._limit]
        while wait := max(limit.wait(self._clock.monotonic()) for limit in limits):
            self._clock.wait(Event(), wait)
            if self._clock.stopping:
                raise Pause("hubspot_stopping", "syncd stops", after=0.0)
        for limit in limits:
            limit.sent(self._clock.monotonic())
        return limits

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> Answer:
        try:
            found, status, headers = self._client.call_api(
                path, method, {}, [], dict(_JSON),
                body=body, post_params=[], files={}, response_types_map=_PLAIN, auth_settings=["oauth2"],
                _request_timeout=self._timeout,
            )  # fmt: skip
        except self._refusal as refusal:
            found, status, headers = _parsed(refusal.body), refusal.status or 0, refusal.headers or {}
        except RecursionError:  # the library's parser, on a nesting without end
            raise self._bad_answer() from None
        finally:
            self._client.last_response = None  # it would keep the last batch of people in memory
        answer = Answer(status, found if isinstance(found, dict) else {}, headers)
        self._observe(headers, fine=answer.fine)
        return answer

    def _observe(self, headers: Mapping[str, str], *, fine: bool) -> None:
        self._limit.observe(headers, self._clock.monotonic())
        left = whole_number(headers.get("x-hubspot-ratelimit-daily-remaining"))
        self._left_today = left if fine else None  # a refusal says itself what it is
        daily = whole_number(headers.get("x-hubspot-ratelimit-daily"))
        if left and daily and left * 50 < daily:
            self.learn_zone()  # while there still are calls

    def _bad_answer(self) -> Pause | Halt:
        """A success that is no JSON object: a proxy, or a login page."""
        self._garbled += 1
        code, detail = "hubspot_bad_answer", "HubSpot's answer is not what its API promises"
        if self._garbled >= _GARBLED:
            self._garbled = 0
            return Halt(code, f"{detail}, {_GARBLED} times in a row")
        return Pause(code, detail, unexplained=True)


def _parsed(text: str | None) -> object:
    try:
        return loads(text or "")
    except (ValueError, RecursionError):
        return {}
