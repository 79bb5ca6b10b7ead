"""What a lead costs here beside its calls, told by what can be counted: functions called, the environment read."""

import sys
from collections.abc import Callable

import pytest
import requests

from connectors.salesforce.identity import Known, Write, decide
from syncd.connector import Delivered
from tests.connectors.salesforce.salesforce_bench import one, table


def functions_called(work: Callable[[], object]) -> int:
    """How many functions of Python's own kind `work` calls."""
    called = []
    sys.setprofile(lambda _frame, event, _argument: called.append(1) if event == "call" else None)
    try:
        work()
    finally:
        sys.setprofile(None)
    return len(called)


def test_a_value_that_fits_as_it_is_calls_no_function() -> None:
    with table() as bench:
        mapped, delivery = bench.salesforce._mapping(), bench.delivery(1)
    plain = {name: "plain" for name, place in mapped.places.items() if place.plain > 0 and name != "Email"}
    many = delivery._replace(fields=plain)
    few = delivery._replace(fields=dict(list(plain.items())[:2]))
    row = decide(many, Known(), mapped)
    assert isinstance(row, Write)
    assert len(row.record) == len(plain) + 2 > 15
    assert functions_called(lambda: decide(many, Known(), mapped)) == functions_called(
        lambda: decide(few, Known(), mapped)
    )


def test_the_environment_is_read_once_and_not_for_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    asked = requests.utils.get_environ_proxies

    def counted(url: str, no_proxy: str | None = None) -> dict[str, str]:
        read.append(url)
        return asked(url, no_proxy=no_proxy)

    monkeypatch.setattr("requests.sessions.get_environ_proxies", counted)
    with table() as bench:
        assert all(isinstance(one(bench, bench.delivery(n)), Delivered) for n in (1, 2, 3))
        assert len(bench.fake.calls) > len(read) == 1


def test_the_mapping_is_joined_with_the_org_as_often_as_the_org_is_described() -> None:
    with table() as bench:
        one(bench, bench.delivery(1))
        first = bench.salesforce._mapping()
        one(bench, bench.delivery(2))
        assert bench.salesforce._mapping() is first
        bench.clock.advance(3600)
        one(bench, bench.delivery(3))
        assert bench.salesforce._mapping() is not first
