"""The guard: names, origins, tokens, rates and headers, each attacked."""

import pytest

from syncd.console.app import Route
from syncd.console.guard import HEADERS, Names, refusal
from syncd.console.screens import now
from syncd.console.static_files import static_files
from syncd.settings import Console
from tests.console.conftest import HERE, PORT, PUBLIC, World

FOREIGN = ("evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:80", f"localhost.:{PORT}", f"127.0.0.1.nip.io:{PORT}", "",
           f"{HERE}, evil.example", f"user@{HERE}")  # fmt: skip


@pytest.mark.parametrize("host", FOREIGN)
def test_another_name_is_answered_421_before_a_cookie_is_read(world: World, host: str) -> None:
    browser = world.entered()
    before = len(world.log.events)
    answer = browser.client.get("/", headers={"Host": host})
    assert (answer.status_code, "things" in answer.text) == (421, False)
    assert [event for event, _ in world.log.events[before:]] == ["console_refused"]


@pytest.mark.parametrize("host", [f"localhost:{PORT}", HERE, f"[::1]:{PORT}", f"LOCALHOST:{PORT}"])
def test_the_names_of_this_machine_are_answered(world: World, host: str) -> None:
    assert world.entered(host=host.lower()).get("/", Host=host).status_code == 200


def test_the_public_name_is_answered_with_a_secure_cookie_and_hsts(world: World) -> None:
    world.make(Console(public_url=PUBLIC))
    browser = world.browser(host="ops.example.com", scheme="https")
    answer = browser.post(f"/enter/{world.access.make_link('anna', 'operator')}")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-syncd=")
    assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")


def test_a_cookie_on_loopback_is_http_only_and_named_by_its_port(world: World) -> None:
    answer = world.browser().post(f"/enter/{world.access.make_link('anna', 'operator')}")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"syncd-{PORT}=")
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Lax", "Path=/"))
    assert "Strict-Transport-Security" not in answer.headers


FORGED = [
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": ""},
    {"Origin": "", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "", "Sec-Fetch-Site": "same-site"},
    {"Origin": "", "Sec-Fetch-Site": "none"},
    {"Origin": "", "Sec-Fetch-Site": ""},
    {"Origin": "null", "Sec-Fetch-Site": ""},
    {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    {"Origin": f"http://localhost:{PORT}", "Sec-Fetch-Site": ""},  # another of our names: another origin
    {"Origin": f"https://{HERE}", "Sec-Fetch-Site": ""},
    {"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("headers", FORGED)
def test_a_form_of_another_site_does_nothing(world: World, headers: dict[str, str]) -> None:
    browser = world.entered()
    form = {"token": browser.token(), "zone": "Europe/Paris"}
    answer = browser.post("/zone", form, **headers)
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (403, False)
    assert browser.post("/zone", form).status_code == 303  # the token was not used up


@pytest.mark.parametrize("headers", FORGED)
def test_nobody_is_led_in_by_a_form_of_another_site(world: World, headers: dict[str, str]) -> None:
    link = world.access.make_link("mallory", "operator")
    assert world.browser().post(f"/enter/{link}", **headers).status_code == 403
    assert world.access.sessions() == []


@pytest.mark.parametrize("headers", [{"Origin": ""}, {"Sec-Fetch-Site": ""}])
def test_one_of_the_two_headers_is_enough(world: World, headers: dict[str, str]) -> None:
    browser = world.entered()
    assert browser.post("/zone", {"token": browser.token(), "zone": "UTC"}, **headers).status_code == 303


def test_a_form_without_its_own_sessions_token_does_nothing(world: World) -> None:
    anna, ben = world.entered(), world.entered(name="ben")
    mine, his = anna.token(), ben.token()
    nonce, _, signature = mine.partition(".")
    for token in (
        "",
        "x",
        his,
        f"{nonce}.",
        f".{signature}",
        f"x{mine}",
        mine[:-1],
        f"{nonce}.{signature[::-1]}",
        "é.é",
    ):
        answer = anna.post("/zone", {"token": token, "zone": "Europe/Paris"})
        assert (token, answer.status_code, "Set-Cookie" in answer.headers) == (token, 403, False)


def test_a_form_that_is_sent_twice_acts_once(world: World) -> None:
    browser = world.entered()
    form = {"token": browser.token(), "zone": "Europe/Paris", "back": "/more"}
    assert "Set-Cookie" in browser.post("/zone", form).headers
    again = browser.post("/zone", {**form, "zone": "Asia/Tokyo"})
    assert (again.status_code, again.headers["Location"], "Set-Cookie" in again.headers) == (
        303,
        "/more",
        False,
    )
    browser.get("/more")
    assert "That was sent twice" not in browser.get("/more").text  # said once


@pytest.mark.parametrize(
    "back", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nX: y"]
)
def test_a_form_leads_back_to_our_pages_only(world: World, back: str) -> None:
    browser = world.entered()
    form = {"token": browser.token(), "zone": "UTC", "back": back}
    browser.post("/zone", form)
    assert browser.post("/zone", form).headers["Location"] == "/"


def test_every_answer_has_the_headers(world: World) -> None:
    browser, stranger = world.entered(), world.browser()
    style = static_files()["console.css"].name
    answers = [
        browser.get("/"), browser.get("/activity"), browser.get("/more"), browser.get("/nowhere"), stranger.get("/"),
        stranger.get("/enter/x"), stranger.post("/enter/x"), stranger.get("/", Host="evil.example"),
        browser.post("/zone", {}, Origin="https://evil.example"), browser.post("/zone", {}), browser.get("/zone"),
        browser.get(f"/static/{style}"), stranger._send("DELETE", "/", {}),
    ]  # fmt: skip
    statuses = [answer.status_code for answer in answers]
    assert statuses == [200, 200, 200, 404, 401, 200, 403, 421, 403, 403, 405, 200, 405]
    for answer in answers:
        wanted = dict(HEADERS)
        if answer is answers[11]:
            wanted["Cache-Control"] = "public, max-age=31536000, immutable"
        assert {name: answer.headers.get(name) for name in wanted} == wanted
        assert all(len(answer.headers.getlist(name)) == 1 for name in wanted)
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; ")


def test_a_body_that_is_too_large_is_refused_before_it_is_read(world: World) -> None:
    browser = world.entered()
    answer = browser.post("/zone", {"token": "x" * (300 << 10)})
    assert answer.status_code == 413
    for length in ("-1", "x", "9" * 30):
        environ = {"HTTP_HOST": HERE, "REQUEST_METHOD": "POST", "CONTENT_LENGTH": length}
        assert (refusal(environ, Names.of(PORT, "")) or ("",))[0].startswith("413")


def test_wrong_links_of_one_peer_are_slowed(world: World) -> None:
    browser = world.browser()
    assert [browser.post(f"/enter/{n}").status_code for n in range(10)] == [403] * 10
    slowed = browser.post(f"/enter/{world.access.make_link('anna', 'operator')}")
    assert (slowed.status_code, slowed.headers["Retry-After"]) == (429, "61")
    other = world.browser()
    link = world.access.make_link("ben", "operator")
    environ = {"REMOTE_ADDR": "127.0.0.2"}
    sent = {"Origin": f"http://{HERE}"}
    assert other._send("POST", f"/enter/{link}", sent, environ_overrides=environ).status_code == 303
    world.clock.advance(61)
    assert browser.post("/enter/x").status_code == 403


def test_wrong_links_of_all_peers_are_slowed(world: World) -> None:
    browser, sent = world.browser(), {"Origin": f"http://{HERE}"}
    for n in range(60):
        peer = {"REMOTE_ADDR": f"127.0.1.{n}"}
        assert browser._send("POST", "/enter/x", sent, environ_overrides=peer).status_code == 403
    peer = {"REMOTE_ADDR": "127.0.2.1"}
    assert browser._send("POST", "/enter/x", sent, environ_overrides=peer).status_code == 429


def test_a_session_asks_so_often_a_second(world: World) -> None:
    browser = world.entered()
    assert {browser.get("/more").status_code for _ in range(60)} == {200}
    assert browser.get("/more").status_code == 429
    world.clock.advance(1.1)
    assert browser.get("/more").status_code == 200


def test_an_application_with_a_route_without_a_role_does_not_start(world: World) -> None:
    world.routes = (*world.routes, Route("/leak", now, ""))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the route /leak names no role"):
        world.make()
