"""The program that serves a simulated CRM, as strangers find it."""

import json
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from syncd.simulator.crms.vendors import CRMS
from tests.support.patience import patience


@contextmanager
def program(*options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A simulated CRM as a process, and what it says until a blank line and the line after that."""
    command = [sys.executable, "-m", "syncd", "simulator", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield "".join(iter(process.stdout.readline, "\n")) + process.stdout.readline(), process
        finally:
            process.kill()


@pytest.mark.parametrize("type_", CRMS)
def test_all_that_it_prints_can_be_pasted_and_it_stops_at_a_signal(type_: str) -> None:
    with program("--crm", type_) as (told, process):
        ((table, options),) = tomllib.loads(told)["connectors"].items()
        assert table == CRMS[type_].table
        assert options["type"] == type_
        (url,) = {
            url for value in options.values() for url in re.findall(r"http://127\.0\.0\.1:\d+", str(value))
        }
        assert asked(f"{url}/nothing")[0] in range(400, 500), "without credentials, nobody is let in"
        assert asked(f"{url}/control") == (200, {"people": []})
        process.send_signal(signal.SIGTERM)
        assert process.wait(patience(10)) == 0


def test_a_salesperson_marks_people_in_hubspot_and_salesforce() -> None:
    for type_ in ("hubspot", "salesforce"):
        with program("--crm", type_) as (told, _):
            url = re.findall(r"http://127\.0\.0\.1:\d+", told)[0]
            order = {"person": "1", "value": "UNQUALIFIED"}
            assert asked(f"{url}/control", order) == (200, {"marked": 0})
            assert asked(f"{url}/control", {"value": "UNQUALIFIED"})[0] == 400


def test_with_v_each_request_is_a_line() -> None:
    with program("--crm", "hubspot", "-v") as (told, process):
        asked(re.findall(r"http://127\.0\.0\.1:\d+", told)[0] + "/crm/v3/properties/contacts?a=b")
        process.terminate()
        _, lines = process.communicate(timeout=patience(10))
    assert re.fullmatch(r"\d\d:\d\d:\d\d GET /crm/v3/properties/contacts\?a=b 401\n", lines)


def asked(url: str, order: dict[str, str] | None = None) -> tuple[int, Any]:
    place = urlsplit(url)
    connection = HTTPConnection(str(place.hostname), place.port, timeout=patience(10))
    try:
        path = place.path + (f"?{place.query}" if place.query else "")
        connection.request("POST" if order else "GET", path, json.dumps(order) if order else None)
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if body.startswith(b"{") else body
    finally:
        connection.close()
