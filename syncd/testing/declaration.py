"""Claims about the class itself: it is complete, reading reads, pure is pure, and nothing private is shown."""

import builtins
import io
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import BaseModel

from syncd.connector import Change, Connector, Finding, Route
from syncd.core.failure import CODES
from syncd.mapping import FieldMap
from syncd.testing import samples
from syncd.testing.base import ContractPart, Trouble, deliver_all, demand, few
from syncd.testing.bench import Bench, as_fields
from syncd.testing.lane_harness import LaneHarness

_PLAN, _MAKE = False, True
"""The two arguments of `setup`."""
_IO = (
    (socket.socket, "connect"),
    (socket.socket, "send"),
    (socket.socket, "sendall"),
    (socket, "getaddrinfo"),
    (os, "open"),
    (builtins, "open"),
    (io, "open"),
)


@contextmanager
def _no_io() -> Iterator[None]:
    """Files and sockets raise."""

    def fail(*_: object, **__: object) -> Any:
        raise AssertionError(
            "what is pure opened a file or a connection, or sent something: route, as_written or record_url"
        )

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in _IO:
            patch.setattr(owner, name, fail)
        yield


def _setup(bench: Bench) -> Connector:
    if type(bench.connector).setup is Connector.setup:
        pytest.skip("the connector needs no setup")
    return bench.connector


def _everything(bench: Bench) -> tuple[list[dict[str, object]], object]:
    """Return the remote's objects, and its schema if its handle has a method `schema`."""
    schema: Callable[[], object] | None = getattr(bench.remote, "schema", None)
    return bench.objects(), schema and schema()


def _left_to_do(changes: Sequence[Change]) -> list[str]:
    """Name the changes that `setup` could make and has not; the rest asks a person."""
    return [change.what for change in changes if not change.by_hand]


class DeclarationClaims(ContractPart):
    """The claims about the class itself."""

    def test_the_class_is_complete(self, bench: Bench) -> None:
        """Everything that `syncd.connector.Connector` names is there, with values that can be."""
        connector = bench.connector
        options: object = connector.Options
        demand(
            isinstance(options, type) and issubclass(options, BaseModel), "Options must be a pydantic model"
        )
        demand(connector.objects in {"people", "leads"}, "`objects` must be 'people' or 'leads'")
        size: object = connector.batch_size
        demand(isinstance(size, int) and size >= 1, "`batch_size` must be a number of deliveries, at least 1")
        ack: object = getattr(connector, "ack", "required")
        demand(ack in {"required", "best_effort"}, "`ack` must be 'required' or 'best_effort'")
        gate: object = getattr(connector, "gate", None)
        demand(
            gate is None or (isinstance(gate, int) and gate >= 0),
            "`gate` must be a number of deliveries, or None",
        )
        FieldMap.compile("the default mapping", as_fields(connector.defaults))

    def test_every_code_has_a_fix_and_none_is_the_cores(self, bench: Bench) -> None:
        """A fix is one sentence that tells the operator what to do; a code of the core keeps the core's."""
        for code, fix in bench.connector.codes.items():
            demand(
                code.replace("_", "").isalnum() and code.islower(),
                f"a code is lower_case words, not {code!r}",
            )
            demand(
                bool(fix.strip()),
                f"the code {code} has no fix: say in one sentence what the operator should do",
            )
            demand(
                code not in CODES,
                f"{code} is a code of the core, whose fix would win: choose another, with a prefix",
            )

    def test_check_reports_and_changes_nothing(self, bench: Bench) -> None:
        """Cheap and read-only; on a remote that is ready it finds no error."""
        deliver_all(bench, [bench.delivery(1)], "Before check")
        before = _everything(bench)
        findings = list(bench.connector.check())
        demand(_everything(bench) == before, "check() changed something at the remote: it must only read")
        demand(all(isinstance(found, Finding) for found in findings), "check() must return Findings")
        errors = [f"{found.code}: {found.detail}" for found in findings if found.level == "error"]
        demand(not errors, f"the remote of this bench is ready, and check() finds errors: {errors}")
        for found in findings:
            demand(
                found.level == "ok" or found.code in {**bench.connector.codes, **CODES},
                f"the finding {found.code} is not `ok`, and `codes` has no fix for it",
            )
        demand(not _shown(bench, repr(findings)), "a finding of check() shows a secret")

    def test_setup_without_apply_changes_nothing(self, bare: Bench) -> None:
        """`setup(False)` only plans."""
        connector, before = _setup(bare), _everything(bare)
        planned = list(connector.setup(_PLAN))
        demand(_everything(bare) == before, "setup(apply=False) changed something at the remote")
        done = [change.what for change in planned if change.done]
        demand(not done, f"setup(apply=False) reports that it did something: {done}")
        demand(
            list(connector.setup(_PLAN)) == planned, "setup(apply=False) plans something else the second time"
        )

    def test_setup_a_second_time_changes_nothing(self, bare: Bench) -> None:
        """`setup(True)` makes and reports what it planned, and then finds nothing left to make."""
        connector = _setup(bare)
        planned = _left_to_do(connector.setup(_PLAN))
        made = [change.what for change in connector.setup(_MAKE) if change.done]
        demand(
            set(planned) <= set(made),
            f"setup(apply=True) did not do what it planned: {set(planned) - set(made)}",
        )
        before = _everything(bare)
        left = _left_to_do(connector.setup(_MAKE))
        demand(not left, f"a second setup(apply=True) finds still to do, or does again: {left}")
        demand(_everything(bare) == before, "a second setup(apply=True) changed something at the remote")
        deliver_all(bare, few(bare), "After setup")

    def test_what_people_are_shown_is_known_without_the_remote(self, bench: Bench) -> None:
        """`as_written` and `record_url` open no file and no connection, and `as_written` adds no field."""
        connector, fields = bench.connector, bench.delivery(1).fields
        with _no_io():
            written = connector.as_written(fields)
            url: object = connector.record_url(connector.options, "1")
        demand(set(written) <= set(fields), "as_written must return mapped fields only")
        demand(url is None or isinstance(url, str), "record_url must return an address or None")

    def test_route_is_pure(self, bench: Bench) -> None:
        """It answers from the delivery alone, the same every time, without a file or a connection."""
        person: dict[str, Any] = {"x_user_id": samples.person_id(1)}
        one, other = bench.delivery(1, **person), bench.delivery(2, **person)
        unknown = bench.delivery(3, emailed=False, x_user_id=None, handle=None, display_name=None)
        with _no_io():
            routes = [bench.connector.route(each) for each in (one, other, unknown, one)]
        demand(all(isinstance(route, Route) for route in routes), "route must return a Route")
        demand(routes[0] == routes[3], "route answered differently the second time")
        demand(
            all(route.key for route in routes),
            "Route.key must name what the delivery must not share a call with",
        )
        if bench.connector.objects == "people":
            demand(
                routes[0].key == routes[1].key,
                "two leads of one person must have one Route.key: they are one object",
            )
        else:
            demand(
                routes[0].key != routes[1].key, "two leads are two objects: each must have its own Route.key"
            )

    def test_closing_twice_is_harmless(self, bench: Bench) -> None:
        """`close` lets go of what there is, also after a failure and when nothing was ever opened."""
        if bench.again is not None:
            unused = bench.again()
            unused.close()
            unused.close()
        if self.able("fail"):
            bench.remote.fail_next()
        LaneHarness(bench, bench.delivery(1)).step()
        before = _everything(bench)
        bench.connector.close()
        bench.connector.close()
        demand(
            _everything(bench) == before,
            "close() changed something at the remote: what deliver returned must be final",
        )

    def test_nothing_private_is_said_aloud(self, bench: Bench) -> None:
        """No secret and no personal data in failures, in the log, or where the connector is printed."""
        everybody = few(bench)
        troubles: list[tuple[Trouble, Callable[[], None]]] = [
            ("lose_answer", bench.remote.lose_next_answer),
            ("fail", bench.remote.fail_next),
            ("slow_down", lambda: bench.remote.slow_down(2.0)),
            ("poison", lambda: bench.remote.poison(everybody[0].person)),
            ("revoke", bench.remote.revoke),
        ]
        for what, cause in troubles:
            if self.able(what):
                cause()
                LaneHarness(bench, *everybody).settle()  # which looks at every failure
        shown = f"{bench.connector!r} {bench.connector}"
        demand(
            not _shown(bench, shown),
            "the connector shows a secret when it is printed: keep it in a SecretStr",
        )
        log = repr(bench.journal.events)
        demand(not _shown(bench, log), "the connector logged a secret")
        names = [one.lead.profile.display_name or "" for one in everybody]
        demand(
            not any(name and name in log for name in names),
            "the connector logged a name: log ids, never personal data",
        )


def _shown(bench: Bench, text: str) -> bool:
    return any(secret and secret in text for secret in bench.secrets)
