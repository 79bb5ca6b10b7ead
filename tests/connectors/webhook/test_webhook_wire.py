"""The client as a webhook has it against servers that no app could be: endless, dripping, broken, redirecting, silent."""

import socket
import subprocess
import sys

import pytest

from connectors.webhook.errors import failure
from connectors.webhook.http import LARGEST_BODY, client
from syncd.clock import SystemClock
from syncd.connector import Pause
from syncd.http.answer import Answer
from tests.connectors.scripted import Script, answer, drip, flood, scripted, silence

ONE_MEGABYTE = b"x" * 2**20


def came_to(found: Answer) -> tuple[int, str]:
    return found.status, found.trouble


def posted(script: Script, total: float = 5.0, times: int = 1) -> tuple[Answer, list[bytes], int]:
    """What the last of some requests came to, the requests, and how many connections they took."""
    with scripted(script) as (port, requests, connections):
        headers = {"authorization": "Bearer k3y", "content-type": "application/json"}
        url = f"http://127.0.0.1:{port}/hooks?a=b"
        wire = client(url, headers, SystemClock(), private=False, seconds=total)
        try:
            for _ in range(times):
                found = wire.send("POST", content=b'{"id":1}')
        finally:
            wire.close()
        return found, requests, len(connections)


def test_a_request_is_one_post_with_its_headers_and_its_body() -> None:
    found, requests, _ = posted(answer("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"))
    assert came_to(found) == (200, "")
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hooks?a=b HTTP/1.1\r\n")
    assert body == b'{"id":1}'
    lines = head.lower().split(b"\r\n")
    assert b"authorization: bearer k3y" in lines
    assert b"content-length: 8" in lines
    assert b"accept-encoding: identity" in lines
    assert sum(line.startswith(b"host: 127.0.0.1:") for line in lines) == 1


def test_leads_share_a_connection_while_the_receiver_keeps_it_open() -> None:
    _, requests, connections = posted(
        answer("HTTP/1.1 200 OK\nContent-Length: 2\n\nok", close=False), times=3
    )
    assert (len(requests), connections) == (3, 1)


@pytest.mark.parametrize(
    "script",
    [
        silence,
        drip("HTTP/1.1 200 OK\nX-Slow: "),
        drip("HTTP/1.1 200 OK\nContent-Length: 100000\n\n"),
        drip("HTTP/1.1 100 Continue\n\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        drip("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n", b"1\r\nx\r\n"),
    ],
    ids=["silence", "header", "body", "continue", "chunks"],
)
def test_what_has_no_end_ends_at_the_deadline(script: Script) -> None:
    clock = SystemClock()
    began = clock.monotonic()
    assert posted(script, total=0.3)[0].trouble == "late"
    assert clock.monotonic() - began < 3.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "HTTP/1.1 200 OK\n",
        "HTTP/1.1 200 OK\nContent-Length: 10\n\n{",
        "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nab",
        "HTTP/1.1 200 OK\nContent-Length: x\n\n",
        "HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 2\n\nab",
        "HTTP/1.1 200 OK\nNo colon\n\n",
        "HTTP/1.1 9999 What\n\n",
        "SSH-2.0-OpenSSH_9.2\n",
        "\x16\x03\x01",
    ],
)
def test_what_breaks_off_or_is_no_answer_is_no_delivery(text: str) -> None:
    assert posted(answer(text))[0].trouble == "broken"


@pytest.mark.parametrize(
    "head",
    ["HTTP/1.1 200 OK\nContent-Length: 99999999999\n\n", "HTTP/1.0 200 OK\n\n"],
    ids=["promised", "unbounded"],
)
def test_of_a_body_without_end_no_more_is_read_than_the_cap(head: str) -> None:
    assert came_to(posted(flood(head, ONE_MEGABYTE))[0]) == (200, "")


def test_headers_without_end_are_cut() -> None:
    found, _, _ = posted(flood("HTTP/1.1 200 OK\n", b"X-Many: " + b"y" * 1000 + b"\r\n"))
    assert found.trouble == "broken"


def test_after_an_answer_that_was_too_long_the_connection_is_another() -> None:
    long = f"HTTP/1.1 200 OK\nContent-Length: {4 * LARGEST_BODY}\n\n" + "x" * (4 * LARGEST_BODY)
    found, requests, connections = posted(answer(long, close=False), times=2)
    assert (found.status, found.unread, len(requests), connections) == (200, "too_large", 2, 2)


def test_a_redirect_is_not_followed() -> None:
    text = "HTTP/1.1 307 Temporary Redirect\nLocation: http://127.0.0.1:1/\nContent-Length: 0\n\n"
    found, requests, _ = posted(answer(text))
    assert (found.status, len(requests)) == (307, 1)


def test_an_answer_before_the_request_is_read_is_an_answer() -> None:
    found, _, _ = posted(answer("HTTP/1.1 413 Too Large\nContent-Length: 0\nConnection: close\n\n"))
    assert came_to(found) == (413, "")


def test_retry_after_comes_with_the_answer() -> None:
    found, _, _ = posted(answer("HTTP/1.1 429 Slow\nRETRY-AFTER: 37\nContent-Length: 0\n\n"))
    assert (found.status, found.headers["retry-after"]) == (429, "37")


def test_a_protocol_that_nobody_asked_for_is_no_delivery() -> None:
    text = "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade\n\n"
    assert isinstance(failure(posted(answer(text))[0], 0.0), Pause)


def test_where_nobody_listens_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    wire = client(f"http://127.0.0.1:{port}", {}, SystemClock(), private=False)
    assert wire.send("POST", content=b"{}").trouble == "unsent"
    assert wire.probe().trouble == "unsent"
    wire.close()


def test_a_look_sends_nothing() -> None:
    with scripted(answer("HTTP/1.1 200 OK\n\n")) as (port, requests, connections):
        wire = client(f"http://127.0.0.1:{port}", {}, SystemClock(), private=False)
        assert wire.probe().trouble == ""
        wire.close()
    assert requests == []
    assert len(connections) == 1


def test_httpx_is_imported_when_a_lead_is_sent_and_not_before() -> None:
    code = "import sys, connectors.webhook; sys.exit('httpx' in sys.modules or 'httpcore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
