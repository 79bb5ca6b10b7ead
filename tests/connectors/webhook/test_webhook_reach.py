"""Where a name may lead: addresses are judged when they are connected to, and TLS still proves the name."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from connectors.webhook.connector import WebhookConnector
from syncd.clock import SystemClock
from syncd.connector import Context
from syncd.http.client import Client
from syncd.testing import Journal
from syncd.testing.wire import Script, answer, scripted
from tests.connectors.certificates import issued

HOST = "hooks.test"
OK = answer("HTTP/1.1 200 OK\nContent-Length: 0\nConnection: close\n\n")


class Zone:
    """What DNS says of `HOST`: one list of addresses after the other, the last for good."""

    def __init__(self) -> None:
        self.answers: list[list[str]] = [["127.0.0.1"]]
        self.asked = 0
        self.hangs: threading.Event | None = None

    def look_up(self, real: Any, host: Any, port: Any, *args: Any, **named: Any) -> Any:
        if host != HOST:
            return real(host, port, *args, **named)
        self.asked += 1
        if self.hangs:
            self.hangs.wait(30)
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "nobody knows that name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Zone:
    found, real = Zone(), socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: found.look_up(real, *a, **k))
    return found


def posted(wire: Client) -> tuple[int, str]:
    found = wire.send("POST", content=b"{}")
    return found.status, found.trouble


@contextmanager
def wired(url: str, *, private: bool = False, total: float = 5.0) -> Iterator[Client]:
    wire = Client(url, SystemClock(), reach="private" if private else "public", seconds=total)
    try:
        yield wire
    finally:
        wire.close()


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["10.0.0.1", "192.168.0.1"], ["169.254.169.254"], ["0.1.2.3"], ["fd00::1"]]
)
def test_a_name_that_leads_inside_is_not_connected_to(zone: Zone, addresses: list[str]) -> None:
    zone.answers = [addresses]
    with scripted(OK) as (port, _, connections), wired(f"http://{HOST}:{port}/") as wire:
        assert posted(wire) == (0, "private")
        assert wire.probe().trouble == "private"
    assert connections == []


def test_an_address_that_libc_takes_for_this_machine_is_not_connected_to() -> None:
    with scripted(OK) as (port, _, connections):
        for spelling in ("2130706433", "0x7f.1", "127.1"):
            with wired(f"http://{spelling}:{port}/") as wire:
                assert posted(wire)[1] in {"private", "unsent"}
    assert connections == []


def test_a_name_that_changes_its_mind_is_judged_for_each_connection(zone: Zone) -> None:
    zone.answers = [["127.0.0.1"], ["169.254.169.254"]]
    with scripted(OK) as (port, _, connections), wired(f"http://{HOST}:{port}/", private=True) as wire:
        assert posted(wire) == (200, "")
        assert zone.asked == 1
        assert posted(wire) == (0, "private")
    assert len(connections) == 1
    assert zone.asked == 2


def test_the_name_is_resolved_once_for_a_connection(zone: Zone) -> None:
    """So that no answer can come between the look and the step."""
    zone.answers = [["127.0.0.1"], []]
    with scripted(OK) as (port, _, _), wired(f"http://{HOST}:{port}/", private=True) as wire:
        assert posted(wire) == (200, "")
    assert zone.asked == 1


def test_the_next_address_is_tried_when_one_does_not_answer(zone: Zone) -> None:
    with scripted(OK) as (port, requests, _):
        zone.answers = [["127.0.0.2", "127.0.0.1", "127.0.0.3"]]  # somebody listens at the second only
        with wired(f"http://{HOST}:{port}/", private=True) as wire:
            assert posted(wire) == (200, "")
    assert f"Host: {HOST}:{port}".lower().encode() in requests[0].lower()


def test_a_name_that_nobody_knows_is_no_delivery(zone: Zone) -> None:
    zone.answers = [[]]
    with wired(f"https://{HOST}/") as wire:
        assert posted(wire) == (0, "unsent")


def test_a_look_up_that_hangs_ends_at_the_deadline(zone: Zone) -> None:
    zone.hangs = threading.Event()
    clock = SystemClock()
    began = clock.monotonic()
    with wired(f"https://{HOST}/", total=0.3) as wire:
        assert posted(wire) == (0, "unsent")
    assert clock.monotonic() - began < 3.0
    zone.hangs.set()


@contextmanager
def secured(
    folder: Path, name: str, script: Script = OK, **of: Any
) -> Iterator[tuple[int, list[bytes], Path]]:
    """A TLS server, its requests, and the file with its issuer."""
    context, issuer = issued(folder, name, **of)
    with scripted(script, context) as (port, requests, _):
        yield port, requests, issuer


def test_tls_proves_the_name_and_not_the_address(
    zone: Zone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with secured(tmp_path, HOST) as (port, requests, issuer):
        monkeypatch.setenv("SSL_CERT_FILE", str(issuer))
        with wired(f"https://{HOST}:{port}/", private=True) as wire:
            assert wire.probe().trouble == ""
            assert requests == []
            assert posted(wire) == (200, "")
    assert zone.asked == 2


@pytest.mark.parametrize("wrong", ["name", "issuer", "expired"])
def test_a_certificate_that_is_not_its_own_gets_no_lead(
    zone: Zone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    name = "other.test" if wrong == "name" else HOST
    with secured(tmp_path, name, days=-1 if wrong == "expired" else 1) as (port, requests, issuer):
        if wrong != "issuer":
            monkeypatch.setenv("SSL_CERT_FILE", str(issuer))
        with wired(f"https://{HOST}:{port}/", private=True) as wire:
            assert posted(wire) == (0, "untrusted")
            assert wire.probe().trouble == "untrusted"
    assert requests == []
    assert zone.asked == 2


def test_a_server_that_speaks_no_tls_gets_no_lead(zone: Zone) -> None:
    text = answer("HTTP/1.1 400 Bad Request\nContent-Length: 0\n\n")
    with scripted(text) as (port, _, _), wired(f"https://{HOST}:{port}/", private=True, total=1.0) as wire:
        assert posted(wire)[1] in {"untrusted", "unsent"}
    assert zone.asked == 1


def check(**options: object) -> list[tuple[str, str]]:
    chosen = WebhookConnector.Options.model_validate(options)
    connector = WebhookConnector(chosen, Context("hook", SystemClock(), Journal()))
    try:
        return [(found.level, found.code) for found in connector.check()]
    finally:
        connector.close()


def test_check_says_what_is_wrong_with_the_way(
    zone: Zone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with secured(tmp_path, HOST) as (port, requests, issuer):
        url = f"https://{HOST}:{port}/hooks"
        assert check(url=url) == [("error", "webhook_private_address")]
        assert check(url=url, allow_private=True) == [("error", "webhook_untrusted")]
        monkeypatch.setenv("SSL_CERT_FILE", str(issuer))
        assert check(url=url, allow_private=True) == [("ok", "webhook_ready")]
        monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
        assert check(url=url, allow_private=True)[1] == ("warning", "webhook_proxy_unused")
        zone.answers = [[]]
        assert check(url=url, allow_private=True) == [("error", "webhook_unreachable")]
    assert requests == []
