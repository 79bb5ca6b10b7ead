"""A lane's part of the journal of calls: its deliveries with their outcomes, and the requests that its connector told of.

Texts are made fit to be kept here, in the process that knows the secrets: redacted, bounded, and without most headers.
"""

import json
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Literal

from syncd.clock import Clock
from syncd.core.delivery import Change, Delivery
from syncd.ledger import Ledger
from syncd.ledger.call_log import Attempt, Call, CallsFile, forget
from syncd.log import redact, scrub

MOST = 64 * 1024
"""Characters of a body that are kept."""
MARGIN = 8 * 1024
"""Characters that are looked at beyond it: more than a secret has, so that none is cut into what is not recognised."""
MOST_CALLS = 64
"""Requests of one call to a connector; older ones are left out."""
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class CallJournal:
    """The journal of one connector's lane. Nothing here raises."""

    def __init__(
        self, name: str, file: CallsFile, ledger: Ledger, clock: Clock, which: Literal["all", "refused"]
    ) -> None:
        """`which`: with `refused`, what was delivered whole is not kept."""
        self._name, self._file, self._ledger, self._clock, self._which = name, file, ledger, clock, which
        self._calls: deque[Call] = deque(maxlen=MOST_CALLS)
        self._lock = threading.Lock()
        self._begun = 0.0

    def called(
        self,
        method: str,
        path: str,
        status: int,
        *,
        request: object = None,
        response: str | bytes | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        """See `syncd.connector.Called`."""
        with suppress(Exception):  # whatever a connector tells: its call has been made
            where = scrub(str(path).partition("?")[0])[:512]
            call = Call(str(method)[:16], where, int(status), _kept(headers), fit(request), fit(response))
            with self._lock:
                self._calls.append(call)

    def begin(self) -> None:
        """The connector is about to be called."""
        with self._lock:
            self._calls.clear()
        self._begun = self._clock.monotonic()

    def end(self, batch: Sequence[Delivery], changes: Sequence[Change], now: float) -> None:
        """Keep a call whose outcomes are in the ledger."""
        outcome = {change.id: change for change in changes}
        if self._which == "refused" and all(
            it.id in outcome and outcome[it.id].state == "delivered" for it in batch
        ):
            return
        ms = round((self._clock.monotonic() - self._begun) * 1000)
        with self._lock:
            calls = list(self._calls)
        attempts = [
            Attempt(it.id, change.state if change else "", change.code if change else "", ms, dict(it.fields))
            for it, change in ((it, outcome.get(it.id)) for it in batch)
        ]
        if self._file.keep(self._name, attempts, calls, now):
            # Who was forgotten during the call: whoever forgets looks into the file after this, or is seen here
            forget(self._ledger, [it.id for it in batch])


def fit(body: object) -> str:
    """Return a body without secrets, cut to `MOST`; JSON also without what its names tell to be one."""
    if body is None:
        return ""
    text = (
        body.decode("utf-8", "replace")
        if isinstance(body, bytes)
        else body
        if isinstance(body, str)
        else json.dumps(body)
    )
    if len(text) > MOST:
        return scrub(text[: MOST + MARGIN])[:MOST]
    try:
        return json.dumps(redact({"": json.loads(text)})[""], ensure_ascii=False)
    except (ValueError, RecursionError):
        return scrub(text)


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the few headers that explain an answer."""
    return {
        name.lower(): scrub(str(value))[:256] for name, value in headers.items() if _explains(name.lower())
    }


def _explains(name: str) -> bool:
    return (
        name in {"content-type", "retry-after", "sforce-limit-info"}
        or "ratelimit" in name.replace("-", "")
        or name.endswith(("request-id", "correlation-id"))
    )
