"""The way to Salesforce: signing in, one call, and what may go wrong between here and there.

simple-salesforce is used for its REST call alone, with a session of ours. Left to itself, the library (1.12.10)
knows no time-out, signs in again without end while a server keeps refusing a session, and repeats a call without its
headers. So the token is fetched here, a call is repeated once with a new one, and the headers that
must not get lost stand on the session.

This module imports the library, which takes a tenth of a second and 40 MiB: it is imported when a connector opens.
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from pydantic_core import to_json
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError
from simple_salesforce.format import format_soql

from connectors.salesforce.errors import TOKEN_WAITS, judge_call, problem
from connectors.salesforce.http import broken, session
from connectors.salesforce.match import Select, Where
from connectors.salesforce.options import API_VERSION, SalesforceOptions, base_address
from connectors.salesforce.rate_limit import Budget
from syncd.connector import Called, Clock, Failure, Halt, Pause, Refused, untold
from syncd.http.answer import http_date, retry_after
from syncd.http.urllib3 import reason

LONGEST_QUERY = 12_000
"""Characters of an encoded query: Salesforce takes 16,384 of address and headers together."""
QUERIES_AT_ONCE = 5
"""Of the 25 requests that may share a call, so many may be queries."""

_QUOTED = re.compile(rb"[^A-Za-z0-9_.-]")
"""Bytes that an address has as three characters, and as six if the query must have a backslash before them."""
_ENCODED = {each: quote(each, safe="") for each in "% ',@()="}
"""The percent sign first: it is in all the others."""
_PAGES = 50
_ERROR = re.compile(r"[a-z_]{3,40}")


class _Expired(Exception):  # noqa: N818 - it never leaves this module
    """The session is not known (any more)."""


class Wire:
    """One connector's session. Not for several threads at once."""

    def __init__(
        self, options: SalesforceOptions, budget: Budget, clock: Clock, called: Called = untold
    ) -> None:
        """Connects to nothing yet."""
        self._called = called
        self._options, self._budget, self._clock = options, budget, clock
        self._client: Salesforce | None = None
        self._limit_hits = 0
        self._after: float | None = None
        self.server_time: float | None = None
        """The time at Salesforce with the last answer, in seconds since the epoch; None: not given."""
        self._session = session(clock, self._noted)
        save = str(options.duplicates == "save").lower()
        self._session.headers["Sforce-Duplicate-Rule-Header"] = f"allowSave={save}"
        self.assignment = "FALSE"

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def call(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: object = None
    ) -> Any:
        """One REST call, repeated once with a new session if the old one is not known.

        Args:
            method: HTTP.
            path: below `/services/data/vXX.0/`.
            params: of the query.
            body: sent as JSON.

        Returns:
            The parsed answer; None if it is empty.

        Raises:
            Failure: the call failed whole, see the tables of `errors`.
            Refused: Salesforce refused it and wrote nothing.
        """
        self._session.headers["Sforce-Auto-Assign"] = self.assignment
        try:
            return self._once(method, path, params, body)
        except _Expired:
            self._client = None
        if not self._options.renewable:
            raise Halt("salesforce_session", "the session_id is not known to Salesforce (any more)")
        try:
            return self._once(method, path, params, body)
        except _Expired:
            raise Halt("salesforce_session", "Salesforce refuses a session that it has just given") from None

    def select(self, wanted: Select) -> list[Mapping[str, Any]]:
        """The records of an object that match.

        Raises as `call` does; a record twice found is twice there.
        """
        return self.select_each([wanted])[0]

    def select_each(self, wanted: Sequence[Select]) -> list[list[Mapping[str, Any]]]:
        """The records of several objects. Their queries share a call, which counts as one. Raises as `call` does."""
        queries = [(n, (one.resource, soql)) for n, one in enumerate(wanted) for soql in queries_for(one)]
        found: list[list[Mapping[str, Any]]] = [[] for _ in wanted]
        for begin in range(0, len(queries), QUERIES_AT_ONCE):
            part = queries[begin : begin + QUERIES_AT_ONCE]
            for (n, _), answer in zip(part, self._ask([query for _, query in part]), strict=True):
                found[n] += self._to_the_end(answer)
        return found

    def records(self, soql: str) -> list[Mapping[str, Any]]:
        """Return the records that a query finds, all pages. Raises as `call` does."""
        return self._to_the_end(self.call("GET", "query/", params={"q": soql}))

    def _ask(self, queries: Sequence[tuple[str, str]]) -> list[Any]:
        """The first page of each query, `QUERIES_AT_ONCE` at most."""
        if len(queries) == 1:
            resource, soql = queries[0]
            return [self.call("GET", f"{resource}/", params={"q": soql})]
        answers = answers_of(self.call("POST", "composite", body=composite(queries)), len(queries))
        if answers is None:
            detail = "an answer to several queries cannot be read"
            raise Pause("salesforce_unexpected_answer", detail, unexplained=True)
        for status, content in answers:
            if status != HTTPStatus.OK:
                raise self._judged(status, content)
        return [content for _, content in answers]

    def _to_the_end(self, answer: Any) -> list[Mapping[str, Any]]:
        """All pages of a query, of which `answer` is the first."""
        found: list[Mapping[str, Any]] = []
        for _ in range(_PAGES):
            records = answer.get("records") if isinstance(answer, Mapping) else None
            if not isinstance(records, list) or not all(
                isinstance(r, Mapping) and r.get("Id") for r in records
            ):
                break
            found += records
            if answer.get("done") is True:
                return found
            following = str(answer.get("nextRecordsUrl", "")).rpartition("/")[2]
            answer = self.call("GET", f"query/{quote(following, safe='')}")
        raise Pause("salesforce_unexpected_answer", "the answer to a query cannot be read", unexplained=True)

    def user_id(self) -> str | None:
        """The run-as user's id, from the identity address of the API's list of resources."""
        answer = self.call("GET", "")
        identity = str(answer.get("identity", "")) if isinstance(answer, Mapping) else ""
        found = re.search(r"/(005[A-Za-z0-9]{12,15})$", identity)
        return found[1] if found else None

    def _once(self, method: str, path: str, params: Mapping[str, str] | None, body: object) -> Any:
        client = self._client = self._client or self._signed_in()
        self._budget.spend()
        try:
            # What `json=` would send, at less than half the cost.
            extra: dict[str, Any] = {} if body is None else {"data": to_json(body)}
            answer = client.restful(
                path, params=dict(params or {}), method=method, allow_redirects=False, **extra
            )
        except SalesforceError as error:
            code = problem(error.content).code
            if error.status == HTTPStatus.UNAUTHORIZED and code in {"", "INVALID_SESSION_ID"}:
                raise _Expired from None
            raise self._judged(error.status, error.content) from None
        except (requests.exceptions.RequestException, ValueError, TypeError, RecursionError) as error:
            raise broken(error, client.base_url) from None
        self._limit_hits = 0
        self._budget.learn(client.api_usage)
        return answer

    def _judged(self, status: int, content: object) -> Failure | Refused:
        if HTTPStatus.MULTIPLE_CHOICES < status < HTTPStatus.BAD_REQUEST:  # 300 is "several records"
            return Pause("salesforce_redirected", f"HTTP {status}")
        failure = judge_call(status, content, after=self._after, limit_hits=self._limit_hits)
        if failure.code == "salesforce_limit":
            self._limit_hits += 1
        return failure

    def _noted(self, response: requests.Response) -> None:
        """Keep what the library's exceptions leave out."""
        self._after = retry_after(response.headers, self._clock.now())
        self.server_time = http_date(response.headers)
        sent, path = response.request, urlsplit(response.url).path
        if not path.startswith("/services/oauth2/"):  # signing in
            self._called(
                sent.method or "", path, response.status_code, request=sent.body, response=response.content,
                headers=response.headers,
            )  # fmt: skip

    def _signed_in(self) -> Salesforce:
        token, home = self._token() if self._options.renewable else (
            self._options.session_id.get_secret_value(), self._options.instance_url,
        )  # fmt: skip
        client = Salesforce(
            session_id=token, instance_url=home, session=self._session, version=API_VERSION,
            object_pairs_hook=None,  # plain dicts: its own default makes each object an OrderedDict
        )  # fmt: skip
        # The library would make it https, also on loopback.
        client.base_url = f"{home}/services/data/v{API_VERSION}/"
        return client

    def _token(self) -> tuple[str, str]:
        """A new token and the org's address. Raises Pause or Halt."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self._options.client_id,
            "client_secret": self._options.client_secret.get_secret_value(),
        }
        url = f"{self._options.home}/services/oauth2/token"
        try:
            response = self._session.post(url, data=form, allow_redirects=False)
        except requests.exceptions.RequestException as error:  # about no lead, so none becomes a suspect
            raise Pause("salesforce_unreachable", f"signing in: {reason(error, url)}") from None
        try:
            answer = response.json()
        except (ValueError, RecursionError):  # no JSON, a charset that is none, a number of too many digits
            answer = None
        answer = answer if isinstance(answer, dict) else {}
        token, home = answer.get("access_token"), answer.get("instance_url")
        if (
            response.status_code != HTTPStatus.OK
            or not isinstance(token, str)
            or not re.fullmatch(r"[\x21-\x7e]+", token)
        ):
            raise self._not_signed_in(response.status_code, answer.get("error"))
        try:
            return token, base_address(self._options.instance_url or str(home or "")) or self._options.home
        except ValueError:
            raise Pause("salesforce_unexpected_answer", "signing in answered with a wrong address") from None

    def _not_signed_in(self, status: int, error: object) -> Failure:
        code = error if isinstance(error, str) and _ERROR.fullmatch(error) else ""
        detail = f"signing in: HTTP {status}{', ' + code if code else ''}"
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            return Pause("salesforce_redirected", detail)
        waits = status == HTTPStatus.TOO_MANY_REQUESTS or code in TOKEN_WAITS
        if waits or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Pause("salesforce_unavailable", detail, after=self._after)
        if code:
            return Halt("salesforce_credentials", detail)
        return Pause("salesforce_unexpected_answer", detail)


def queries_for(wanted: Select) -> list[str]:
    """SOQL; as few as can be, so that each fits into an address."""
    what, fields, where, _ = wanted
    head = f"SELECT {', '.join(fields)} FROM {what} WHERE "  # noqa: S608 - names of fields; values are quoted below
    return [
        head + " OR ".join(f"{name} IN {_listed(values)}" for name, values in part.items() if values)
        for part in _parts(where)
    ]


def _listed(values: Sequence[str]) -> str:
    """The values in brackets, quoted one by one if the library would do more to any than put it in quotes."""
    together = "".join(values)
    if format_soql("{}", together) == f"'{together}'":
        return "('" + "','".join(values) + "')"
    return format_soql("{}", values)


def composite(queries: Sequence[tuple[str, str]]) -> Mapping[str, Any]:
    """The body of one call that asks them all, each with its resource. What one comes to is nothing to the others."""
    address = f"/services/data/v{API_VERSION}"
    return {
        "allOrNone": False,
        "compositeRequest": [
            {"method": "GET", "url": f"{address}/{resource}/?q={_encoded(soql)}", "referenceId": f"q{n}"}
            for n, (resource, soql) in enumerate(queries)
        ],
    }


def _encoded(soql: str) -> str:
    """As `quote` has it. What it does a character at a time is done beforehand for those that every query is full of."""
    for character, encoded in _ENCODED.items():
        soql = soql.replace(character, encoded)
    return quote(soql, safe="%")


def answers_of(answer: object, count: int) -> list[tuple[int, Any]] | None:
    """Status and body for each query of a `composite`, in order; None: it is not what was promised."""
    listed = answer.get("compositeResponse") if isinstance(answer, Mapping) else None
    by_id: dict[str, tuple[int, Any]] = {}
    for each in listed if isinstance(listed, list) else ():
        status = each.get("httpStatusCode") if isinstance(each, Mapping) else None
        if isinstance(status, int):
            by_id[str(each.get("referenceId"))] = status, each.get("body")
    names = [f"q{n}" for n in range(count)]
    return [by_id[name] for name in names] if by_id.keys() >= set(names) else None


def _parts(where: Where) -> Sequence[Where]:
    """The same in parts that each fit into one query: nearly always it is one."""
    values = [value for listed in where.values() for value in listed]
    if not values:
        return []
    if _size("".join(values), len(values)) <= LONGEST_QUERY:
        return [where]
    parts: list[dict[str, list[str]]] = []
    room = 0
    for name, listed in where.items():
        for value in listed:
            size = _size(value)
            if not parts or size > room:
                parts.append({})
                room = LONGEST_QUERY
            parts[-1].setdefault(name, []).append(value)
            room -= size
    return parts


def _size(text: str, values: int = 1) -> int:
    """Characters that so many values of this text in all take in an address at the most, with quotes and commas."""
    raw = text.encode("utf-8", "replace")
    return len(raw) + 5 * len(_QUOTED.findall(raw)) + values * len("%27%27%2C")
