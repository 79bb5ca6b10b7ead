"""The whole of CTGO's API for people: campaigns and all that belongs to them.

Built on the same client as the engine's questions: `Api(upstream.ask)` shares its key, deadlines, table of errors and
observer. One method is one request unless its docstring says otherwise, so a caller that has a budget to keep wraps `ask`. A daemon
imports nothing of this.

Every method raises one of the four failures, or DraftError for what cannot be sent at all.
"""

import json
import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from pydantic import SecretStr

from syncd.clock import SystemClock
from syncd.ctgo.campaigns.accounts import AccountsApi
from syncd.ctgo.campaigns.drafts import DraftError
from syncd.ctgo.campaigns.leads import LeadsApi, LookupsApi
from syncd.ctgo.campaigns.requests import (
    Ask,
    Billing,
    act,
    anything,
    listing,
    once,
    one,
    refuse_unless_accepted,
)
from syncd.ctgo.campaigns.runs import RunsApi
from syncd.ctgo.campaigns.streams import SegmentsApi, StreamsApi
from syncd.ctgo.campaigns.team import NotificationsApi, TemplatesApi
from syncd.ctgo.client import Upstream
from syncd.ctgo.models import Me
from syncd.http.client import Transport

BASE_URL = "https://www.catchthegoodones.com/api/v2"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

_PATH = re.compile(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+/?", re.ASCII)
_QUERY = re.compile(r"[!-~]*", re.ASCII)


class Api:
    """The API by kind of thing: each has a member of its own."""

    def __init__(self, ask: Ask) -> None:
        """`ask`: sends a request; `Upstream.ask`, or one around it that waits for a slot."""
        self._ask = ask
        self.streams = StreamsApi(ask)
        self.segments = SegmentsApi(ask)
        self.accounts = AccountsApi(ask)
        self.runs = RunsApi(ask)
        self.leads = LeadsApi(ask)
        self.templates = TemplatesApi(ask)
        self.notifications = NotificationsApi(ask)
        self.lookups = LookupsApi(ask)

    def me(self) -> Me:
        """Return the key's owner and rights: subscription, budgets of each account, credits. `GET /me`."""
        return self._ask(listing("/me", "whose key this is"), one(Me))

    def request(self, method: str, path: str, data: Any = None, *, billing: Billing | None = None) -> Any:
        """Any request below the source's address, for what has no method of its own.

        Args:
            method: GET, POST, PUT, PATCH or DELETE.
            path: from the address on, with a query if need be: `/streams/14/runs?limit=5`.
            data: a JSON value for the body, None for none; not for GET.
            billing: needed for what may change a bill (`may_bill`).

        Returns:
            The JSON value of the answer, None if it is empty.

        Raises:
            DraftError: a method or path that is none, or would lead elsewhere.
            Reject: `billing_not_accepted`, `not_found`, `request_refused`.
            Halt: `outcome_unknown` for a POST, or what may change a bill, whose answer is lost.
        """
        verb = method.upper()
        if verb not in METHODS:
            raise DraftError(f"the method must be one of {', '.join(METHODS)}")
        if verb == "GET" and data is not None:
            raise DraftError("a GET has no data")
        bills = may_bill(verb, checked_path(path), data)
        if bills:
            refuse_unless_accepted(billing, "This request")
        call = act(verb, path, f"for {verb} {path.partition('?')[0]}", _json(data), bills=bills)
        return once(self._ask, call, anything) if bills or verb == "POST" else self._ask(call, anything)


def checked_path(path: str) -> str:
    """A path without its query, if the whole can only lead below the source's address.

    Raises DraftError: anything else: an address, dots that climb, escapes, a fragment, blanks, control characters.
    """
    bare, _, query = path.partition("?")
    if not _PATH.fullmatch(bare) or not _QUERY.fullmatch(query) or "#" in query:
        raise DraftError(
            "the path must begin with / and hold plain names and numbers, such as /streams/14/runs?limit=5"
        )
    return bare


def may_bill(method: str, path: str, data: Any) -> bool:
    """True if a request may change what CTGO bills: any act on accounts, and a body that names a handle or a tier."""
    if method == "GET":
        return False
    return path.lower().strip("/").split("/")[0] == "accounts" or _names_one(data)


def _names_one(data: Any) -> bool:
    if isinstance(data, Mapping):
        named = any(str(key).lower() in ("accounthandle", "accounttier", "newtier") for key in data)
        return named or any(_names_one(value) for value in data.values())
    return isinstance(data, list | tuple) and any(_names_one(value) for value in data)


def _json(data: Any) -> Any:
    try:
        json.dumps(data, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        raise DraftError("the data must be JSON") from None
    return data


class Client(Api):
    """One API key, opened. Its members are those of `Api`: `streams`, `segments`, `accounts`, `runs`, `leads` and the rest.

    A method sends one request and tries once. It raises `Retry`, `Pause`, `Reject` or `Halt` of `syncd.core.failure`;
    `Pause.after` holds the seconds that CTGO asks for. A daemon on the same key shares CTGO's budget of 60 requests a minute.
    """

    def __init__(self, api_key: str, base_url: str = BASE_URL, *, transport: Transport | None = None) -> None:
        """Open nothing yet. Raises ValueError where the address or the key cannot be used."""
        self._upstream = Upstream(base_url, SecretStr(api_key), SystemClock(), transport=transport)
        super().__init__(self._upstream.ask)

    def close(self) -> None:
        """Close the connection. Calling it again does nothing."""
        self._upstream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
