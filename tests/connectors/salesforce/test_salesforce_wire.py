"""Below the library: connections that break, answers without end, and what must not replace the token."""

import gzip
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.salesforce import http
from connectors.salesforce.connector import SalesforceConnector
from syncd.connector import Delivered, Failure, Pause
from syncd.simulator.crms.salesforce import SalesforceFake
from syncd.testing import ManualClock
from tests.connectors.salesforce.salesforce_bench import PLAIN, Remote, Table, one, raised, table
from tests.ctgo.remote import served as raw_served


def test_a_port_where_nobody_listens_makes_no_suspects() -> None:
    with table() as bench:
        closed = bench.fake.url
    said = f"{closed.removeprefix('http://')} refused the connection"
    app: dict[str, Any] = {"client_id": "id", "client_secret": "s3cret"}
    for credentials, detail in ((app, f"signing in: {said}"), ({"session_id": "00D!session"}, said)):
        unreachable = Table.open(SalesforceConnector, {**credentials, "instance_url": closed}, bench.remote)
        why = raised(unreachable, bench.delivery(1))
        assert isinstance(why, Pause)
        assert (why.code, why.unexplained, why.detail) == ("salesforce_unreachable", False, detail)
        unreachable.connector.close()


def _raw(body: bytes, *headers: str) -> bytes:
    return (
        "\r\n".join(["HTTP/1.1 200 OK", "Content-Type: application/json", *headers, "", ""]).encode() + body
    )


def _told(answer: Callable[[Any], None], clock: ManualClock | None = None) -> Pause:
    """What a describe comes to that a raw server answers."""
    with raw_served(lambda connection, _: answer(connection)) as url:
        options = {"session_id": "00D!x", "instance_url": "/".join(url.split("/")[:3])}
        bench = Table.open(SalesforceConnector, options, Remote(SalesforceFake()), clock=clock)
        try:
            why = raised(bench, bench.delivery(1))
        finally:
            bench.connector.close()
    assert isinstance(why, Pause)
    return why


class HastyClock(ManualClock):
    """A clock by which every look at it takes most of a minute."""

    def monotonic(self) -> float:
        self.advance(50)
        return super().monotonic()


def test_an_answer_that_takes_for_ever_is_cut_off() -> None:
    body = b" " * 500_000
    why = _told(
        lambda connection: connection.sendall(_raw(body, f"Content-Length: {len(body)}")), HastyClock()
    )
    assert "no end" in why.detail


def test_a_bomb_of_zeros_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LARGEST", 100_000)
    body = gzip.compress(b" " * 50_000_000)
    head = "Content-Encoding: gzip"
    why = _told(lambda connection: connection.sendall(_raw(body, head, f"Content-Length: {len(body)}")))
    assert "no end" in why.detail


def test_an_answer_that_is_zipped_and_in_chunks_is_read() -> None:
    body = gzip.compress(b'{"fields": []}')
    pieces = b"".join(b"1\r\n" + body[n : n + 1] + b"\r\n" for n in range(len(body))) + b"0\r\n\r\n"
    heads = ("Content-Encoding: gzip", "Transfer-Encoding: chunked")
    why = _told(lambda connection: connection.sendall(_raw(pieces, *heads)))
    assert why.detail == "describe: it lists no fields"


def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LARGEST", 1000)
    why = _told(lambda connection: connection.sendall(_raw(b" " * 5000, "Content-Length: 5000")))
    assert "no end" in why.detail


def test_a_connection_that_breaks_in_the_middle_is_unexplained() -> None:
    def half(connection: Any) -> None:
        connection.sendall(_raw(b'{"fields": [', "Content-Length: 5000"))
        connection.close()

    why = _told(half)
    assert (why.code, why.unexplained) == ("salesforce_failed", True)


def test_a_connection_that_breaks_before_an_answer_is_unexplained() -> None:
    why = _told(lambda connection: connection.close())
    assert (why.code, why.unexplained) == ("salesforce_failed", True)


def test_no_netrc_replaces_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "netrc"
    home.write_text("machine 127.0.0.1 login somebody password else\n")
    home.chmod(0o600)
    monkeypatch.setenv("NETRC", str(home))
    with table(fields=PLAIN) as bench:
        assert isinstance(one(bench, bench.delivery(1)), Delivered)


def test_the_environments_proxy_is_used_and_a_host_can_be_excepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "excepted.example")
    made = http.session(ManualClock(), lambda _: None)

    def proxy(host: str) -> object:
        settings = made.merge_environment_settings(f"https://{host}/services", {}, None, None, None)
        return settings["proxies"].get("https")

    assert proxy("acme.my.salesforce.com") == "http://proxy.example:3128"
    assert proxy("excepted.example") is None


def test_no_proxy_is_shown_what_is_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client secret would be in its hands, in plain text."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = closed.getsockname()[1]
    with table(fields=PLAIN) as bench:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{nobody}")
        try:
            said: object = one(bench, bench.delivery(1))
        except Failure as why:
            said = why
        assert isinstance(said, Delivered)


def test_opening_is_what_imports_the_library() -> None:

    code = "import sys, connectors.salesforce; sys.exit(any(m in sys.modules for m in ('simple_salesforce', 'requests')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
