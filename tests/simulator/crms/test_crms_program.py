"""The program that serves the fakes, and the fakes as strangers find them."""

import json
import re
import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[3]
VENDORS = ["hubspot", "salesforce", "apollo", "webhook", "attio"]


def test_every_fake_answers_and_all_stop_at_a_signal() -> None:
    ports = [f"--{vendor}-port=0" for vendor in VENDORS]
    command = [sys.executable, "-m", "syncd.simulator.crms", *ports]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in VENDORS]
        try:
            assert [line.split()[0] for line in lines] == VENDORS
            for line in lines:
                assert status(line.split()[1]) in range(400, 500), "without credentials, nobody is let in"
            for line in lines[:2]:
                assert control(line.split()[1]) == {"people": []}
                assert control(line.split()[1], {"person": "1", "value": "UNQUALIFIED"}) == {"marked": 0}
                assert "error" in control(line.split()[1], {"value": "UNQUALIFIED"})
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def status(url: str) -> int:
    place = urlsplit(url)
    assert place.hostname is not None
    assert re.fullmatch(r"127\.0\.0\.1:\d+", place.netloc)
    connection = HTTPConnection(place.hostname, place.port, timeout=10)
    try:
        connection.request("GET", f"{place.path}/nothing")
        return connection.getresponse().status
    finally:
        connection.close()


def control(url: str, order: dict[str, object] | None = None) -> Any:
    place = urlsplit(url)
    connection = HTTPConnection(str(place.hostname), place.port, timeout=10)
    try:
        connection.request("POST" if order else "GET", "/control", json.dumps(order) if order else None)
        return json.load(connection.getresponse())
    finally:
        connection.close()
