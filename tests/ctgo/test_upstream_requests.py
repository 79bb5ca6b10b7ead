"""What is sent, where to, and what never leaves."""

import logging
import ssl
import traceback
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import SecretStr

from syncd import __version__
from syncd.clock import SystemClock
from syncd.core.failure import Failure
from syncd.ctgo import Upstream
from syncd.http.addresses import is_loopback
from syncd.http.network import NetworkTransport, tls_context
from tests.ctgo.remote import BASE, KEY, Recorder, failure_of, upstream

PAGE: dict[str, object] = {"leads": []}


def test_leads_are_asked_for_by_since_lifecycle_limit_and_offset() -> None:
    app = Recorder(200, PAGE)
    client = upstream(app)
    client.leads(since=1_780_000_000.9, lifecycle="new", limit=100, offset=200)
    client.stream_leads(14, since=None)
    first, second = app.seen
    assert (first["REQUEST_METHOD"], first["PATH_INFO"]) == ("GET", "/api/v2/leads")
    assert parse_qs(first["QUERY_STRING"]) == {
        "since": ["2026-05-28T20:26:40Z"], "lifecycle": ["new"], "limit": ["100"], "offset": ["200"]
    }  # fmt: skip
    assert second["PATH_INFO"] == "/api/v2/streams/14/leads"
    assert parse_qs(second["QUERY_STRING"]) == {"limit": ["500"], "offset": ["0"]}


def test_every_request_names_the_client_carries_the_key_and_asks_for_gzip() -> None:
    app = Recorder(200, PAGE)
    upstream(app).leads(since=None)
    sent = app.seen[0]
    assert sent["HTTP_AUTHORIZATION"] == f"Bearer {KEY}"
    assert sent["HTTP_USER_AGENT"] == f"ctgo-syncd/{__version__}"
    assert sent["HTTP_ACCEPT_ENCODING"] == "gzip"
    assert sent["HTTP_ACCEPT"] == "application/json"


def test_an_export_has_no_body() -> None:
    app = Recorder(200, {})
    upstream(app).export(90211)
    assert (app.seen[0]["REQUEST_METHOD"], app.seen[0]["PATH_INFO"]) == ("POST", "/api/v2/leads/90211/export")
    assert app.bodies == [b""]


def test_an_enrichment_asks_for_outputs() -> None:
    app = Recorder(200, {"leadId": 7, "result": {}})
    upstream(app).enrich(7, ("email", "linkedin_url"), "verified")
    assert app.seen[0]["PATH_INFO"] == "/api/v2/leads/7/enrich"
    assert (
        app.seen[0]["HTTP_CONTENT_TYPE" if "HTTP_CONTENT_TYPE" in app.seen[0] else "CONTENT_TYPE"]
        == "application/json"
    )
    assert app.bodies == [b'{"requested_outputs": ["email", "linkedin_url"], "email_mode": "verified"}']


def test_a_cookie_is_not_sent_back() -> None:
    app = Recorder(200, PAGE, [("Set-Cookie", "session=1")])
    client = upstream(app)
    client.leads(since=None)
    client.leads(since=None)
    assert "HTTP_COOKIE" not in app.seen[1]


def test_a_slash_at_the_end_of_the_address_changes_nothing() -> None:
    app = Recorder(200, PAGE)
    client = Upstream(BASE + "/", SecretStr(KEY), SystemClock(), transport=httpx.WSGITransport(app))
    client.leads(since=None)
    assert app.seen[0]["PATH_INFO"] == "/api/v2/leads"


@pytest.mark.parametrize(
    "address",
    [
        "http://www.catchthegoodones.com/api/v2",
        "http://127.0.0.1.example/api/v2",
        "http://localhost.example/api/v2",
        "http://10.0.0.1/api/v2",
        "ftp://127.0.0.1/",
        "www.catchthegoodones.com/api/v2",
        "https:///api/v2",
        "https://noor:hunter2@www.catchthegoodones.com/api/v2",
        "https://www.catchthegoodones.com/api/v2?key=hunter2",
        "https://[nonsense/api/v2",
        "https://a.example:0/api/v2",
        "https://a.example:99999/api/v2",
        "",
    ],
)
def test_an_address_that_would_give_the_key_away_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="base_url") as caught:
        Upstream(address, SecretStr(KEY), SystemClock())
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST"])
def test_plain_http_may_go_to_this_machine(host: str) -> None:
    assert is_loopback(host)
    Upstream(f"http://{f'[{host}]' if ':' in host else host}:1/x", SecretStr(KEY), SystemClock()).close()


@pytest.mark.parametrize("key", ["", "ctgo_x\n", "ctgo_ x", "ctgo_é", "ctgo_\r\nX: y"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ValueError, match="api_key") as caught:
        Upstream(BASE, SecretStr(key), SystemClock())
    assert caught.value.__cause__ is None
    assert "ctgo_" not in "".join(traceback.format_exception(caught.value)).split("ValueError")[-1]


def shown(error: BaseException) -> str:
    """All that a traceback with local variables would show of our own frames and httpx's."""
    text = "".join(traceback.format_exception(error))
    frames = traceback.walk_tb(error.__traceback__)
    return text + "".join(
        repr(value) for frame, _ in frames if "remote" not in frame.f_code.co_filename and "test_" not in frame.f_code.co_filename
        for value in frame.f_locals.values()
    )  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [Recorder(401, {"error": KEY}), Recorder(500, b""), Recorder(200, b'{"leads": "mara@x.example"}')],
)
def test_a_failure_shows_neither_key_nor_body(answer: Recorder) -> None:
    client = upstream(answer)
    failure = failure_of(lambda: client.leads(since=None))
    assert failure.__context__ is None
    assert KEY not in shown(failure) + repr(client) + repr(vars(client))
    assert "mara" not in shown(failure)


def test_a_lost_connection_keeps_no_frame_that_held_the_key() -> None:
    def lost(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("lost")

    client = Upstream(BASE, SecretStr(KEY), SystemClock(), transport=httpx.MockTransport(lost))
    failure = failure_of(client.me)
    assert failure.__context__ is None
    assert failure.__cause__ is None
    assert KEY not in shown(failure)


def test_nothing_is_logged_above_debug(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        upstream(Recorder(200, PAGE)).leads(since=None)
    assert caplog.records == []


def test_all_clients_share_one_tls_context_of_1_2_or_later() -> None:
    one, two = (NetworkTransport(httpx.URL("https://a.example"), 1) for _ in range(2))
    assert one._pool._ssl_context is two._pool._ssl_context is tls_context()
    assert tls_context().minimum_version >= ssl.TLSVersion.TLSv1_2
    assert tls_context().verify_mode == ssl.CERT_REQUIRED


def test_plain_http_pays_for_no_tls_context() -> None:
    assert NetworkTransport(httpx.URL("http://127.0.0.1:1"), 1)._pool._ssl_context is None


def test_a_proxy_is_taken_from_the_environment_but_never_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://user:word@127.0.0.1:3128")
    monkeypatch.setenv("no_proxy", "direct.example")
    monkeypatch.delenv("NO_PROXY", raising=False)
    proxied, direct, local = (
        NetworkTransport(httpx.URL(address), 1)._pool._proxy
        for address in ("https://a.example", "https://direct.example", "http://localhost:1")
    )
    assert proxied is not None
    assert proxied.url.port == 3128
    assert proxied.auth == (b"user", b"word")
    assert direct is None
    assert local is None


def test_a_proxy_of_a_kind_that_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://user:word@127.0.0.1:1080")
    with pytest.raises(ValueError, match="proxy") as caught:
        NetworkTransport(httpx.URL("https://a.example"), 1)
    assert "word" not in str(caught.value)


def test_a_failure_is_one_of_the_four_for_every_status() -> None:
    for status in [*range(300, 600), 101, 150, 600, 999]:
        for call in ("me", "export"):
            client = upstream(Recorder(status, {}))
            failure = failure_of(client.me if call == "me" else lambda client=client: client.export(1))  # type: ignore[misc]
            assert isinstance(failure, Failure)
            assert failure.fix
