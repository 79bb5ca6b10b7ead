"""The client that everybody shares: the request that leaves, and the outcome as a value. Hostile servers: `tests/ctgo`, `tests/proof`."""

import gzip
import socket
import threading
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import httpx
import pytest

from syncd import __version__
from syncd.clock import SystemClock
from syncd.http.answer import Answer, Trouble
from syncd.http.client import LARGEST_REFUSAL, Client
from syncd.testing.wire import answer, scripted
from tests.ctgo.remote import Recorder


def client(app: Recorder, base: str = "https://a.example/v1", **options: object) -> Client:
    return Client(base, SystemClock(), transport=httpx.WSGITransport(app), **options)  # type: ignore[arg-type]


def test_a_request_is_its_address_its_headers_and_its_body() -> None:
    app = Recorder(201, {"id": 7})
    found = client(app, headers={"Authorization": "Bearer k3y", "X-A": "1"}).send(
        "POST", "/people", json={"name": "Ada"}, query={"a b": "c&d"}, headers={"x-a": "2"}
    )
    assert (found.ok, found.status, found.json()) == (True, 201, {"id": 7})
    (sent,) = app.seen
    assert (sent["REQUEST_METHOD"], sent["PATH_INFO"], sent["QUERY_STRING"]) == (
        "POST",
        "/v1/people",
        "a+b=c%26d",
    )
    assert (sent["HTTP_AUTHORIZATION"], sent["HTTP_X_A"]) == ("Bearer k3y", "2")
    assert (sent["HTTP_USER_AGENT"], sent["HTTP_ACCEPT_ENCODING"]) == (
        f"ctgo-syncd/{__version__}",
        "identity",
    )
    assert app.bodies == [b'{"name": "Ada"}']


def test_without_a_path_the_address_is_asked_to_the_letter() -> None:
    app = Recorder()
    for base in ("https://a.example/hook/?k=v", "https://a.example/hook"):
        client(app, base).send("POST", content=b"x")
    assert [(one["PATH_INFO"], one["QUERY_STRING"]) for one in app.seen] == [("/hook/", "k=v"), ("/hook", "")]


def test_an_address_that_cannot_be_used_is_refused_without_showing_it() -> None:
    with pytest.raises(ValueError, match="cannot be used") as caught:
        Client("https://a.example:hunter2/", SystemClock())
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", [b"", b"<html>", b"[" * 100_000, b"\xff", b"9" * 5000])
def test_a_body_that_is_no_json_is_none(text: bytes) -> None:
    assert Answer(200, body=text).json() is None


@pytest.mark.parametrize(
    ("trouble", "maybe"),
    [
        ("unsent", False),
        ("untrusted", False),
        ("private", False),
        ("late", True),
        ("broken", True),
        ("", True),
    ],
)
def test_only_what_certainly_never_left_is_safe_to_repeat(trouble: Trouble, *, maybe: bool) -> None:
    found = Answer(200, trouble=trouble)
    assert (found.maybe_sent, found.ok) == (maybe, not trouble)


def test_neither_headers_nor_body_are_shown() -> None:
    assert "Ada" not in repr(Answer(200, {"set-cookie": "Ada"}, b"Ada"))


def test_of_a_refusal_less_is_read_than_of_a_success() -> None:
    body = b"x" * (LARGEST_REFUSAL + 1)
    assert [client(Recorder(status, body)).send("GET", "/").unread for status in (200, 422)] == [
        "",
        "too_large",
    ]


PACKED = gzip.compress(b"{}")


@pytest.mark.parametrize(
    ("encoding", "body", "unread"),
    [
        pytest.param("gzip", PACKED, "", id="whole"),
        pytest.param("gzip", b"{}", "garbled", id="plain"),
        pytest.param("gzip", PACKED[:-1], "garbled", id="cut"),
        pytest.param("br", b"{}", "encoded", id="another"),
    ],
)
def test_a_compressed_body_is_inflated_where_it_was_asked_for(
    encoding: str, body: bytes, unread: str
) -> None:
    app = Recorder(200, body, [("Content-Encoding", encoding)])
    found = client(app, gzip=True).send("GET", "/")
    assert (found.unread, found.body) == (unread, b"" if unread else b"{}")
    assert client(app).send("GET", "/").unread == "encoded"


@pytest.mark.parametrize("fits", [True, False])
def test_an_answer_that_does_not_fit_costs_its_connection(*, fits: bool) -> None:
    with scripted(answer("HTTP/1.1 200 OK\nContent-Length: 2\n\nok", close=False)) as (port, _, connections):
        made = Client(f"http://127.0.0.1:{port}", SystemClock())
        for _ in range(3):
            assert made.send("GET", "/", fits=lambda _: fits).ok
        made.close()
    assert len(connections) == (1 if fits else 3)


def test_a_look_up_that_hangs_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(30) and [])
    clock = SystemClock()
    began = clock.monotonic()
    made = Client("http://slow.example", clock, seconds=0.2)
    found = made.send("GET", "/")
    assert (found.trouble, found.why) == ("unsent", "A connection to slow.example was not made in time.")
    assert clock.monotonic() - began < 3.0
    over.set()


def test_a_bug_below_is_raised_as_it_is() -> None:
    def app(_: WSGIEnvironment, __: StartResponse) -> Iterable[bytes]:
        raise LookupError("a bug")

    with pytest.raises(LookupError):
        Client("http://a.example", SystemClock(), transport=httpx.WSGITransport(app)).send("GET", "/")
