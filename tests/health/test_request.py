"""Who may ask for health: whoever asks by an address or a name that nobody else can own, and no page of another site."""

import pytest

from syncd.health.server import LONGEST, Request, is_ours, parse
from tests.health.conftest import Health

NAMES = {"syncd.example", "vps1.example"}


@pytest.mark.parametrize(
    "host",
    [
        "", "127.0.0.1:8377", "127.0.0.1", "[::1]:8377", "::1", "10.1.2.3:8377", "[fe80::1]", "localhost:8377", "LocalHost",
        "syncd", "syncd:8377", "a.localhost", "localhost.", "syncd.example", "SYNCD.Example:80", "vps1.example.",
    ],
)  # fmt: skip
def test_what_nobody_else_can_own_is_ours(host: str) -> None:
    assert is_ours(host, NAMES)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8377", "127.0.0.1.evil.example", "localhost.evil.example", "x.syncd.example",
        "syncd.example@evil.example", "127.0.0.1, evil.example", "[evil.example]", "evil.example:1:2", "alocalhost.example",
    ],
)  # fmt: skip
def test_a_name_that_somebody_else_may_own_is_not(host: str) -> None:
    assert not is_ours(host, NAMES)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Host": "syncd.example:8377"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_pages_of_other_sites_learn_nothing(
    health: Health, path: str, headers: dict[str, str], status: int
) -> None:
    health.bench.once()
    assert health.client.get(path, headers=headers).status_code == status


def test_a_name_that_is_not_known_is_told_where_it_belongs(health: Health) -> None:
    assert "health.hosts" in health.client.get("/metrics", headers={"Host": "vps1.example"}).text


def test_a_request_of_the_real_world_is_read(health: Health) -> None:
    said = health.client.get("/readyz?verbose=1", headers={"Accept": "*/*"})
    assert said.status_code == 503
    assert said.headers["connection"] == "close"
    head = health.client.head("/healthz")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "6")


@pytest.mark.parametrize(
    ("head", "request_"),
    [
        (b"GET /metrics?a=b HTTP/1.1\r\nHost: x\r\nACCEPT: text/plain", Request("GET", "/metrics", "text/plain", "x")),
        (b"GET / HTTP/1.0\nno colon\n: nothing", Request("GET", "/")),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b", Request("GET", "/", host="a, b")),
        (b"GET / HTTP/1.1\r\nOrigin: http://x", Request("GET", "/", foreign=True)),
        (b"GET /\xff HTTP/1.1", Request("GET", "/\xff")),
        (b"GET  / HTTP/1.1", None),
        (b"GET /", None),
        (b"GET / HTTP/2.0", None),
        (b"PRI * HTTP/2.0", None),
        (b"", None),
        (b"\x16\x03\x01\x02" * (LONGEST // 4), None),
    ],
)  # fmt: skip
def test_a_head_is_read_or_is_none(head: bytes, request_: Request | None) -> None:
    assert parse(head) == request_
