"""Links, sessions and roles: what lets somebody in, and what ends it."""

import sqlite3

import pytest

from syncd.console.access import LINK_SECONDS, MOST_SESSIONS
from syncd.console.app import ROUTES
from syncd.console.sign_in import PROXY_SECRET
from tests.console.conftest import CANARIES, PORT, World, proxied

SECRET = "a-long-shared-secret"
HOUR = 3600.0


def test_get_does_not_use_a_link_up_and_post_does_once(world: World) -> None:
    link = world.access.make_link("anna", "operator")
    scanner = world.browser()
    for _ in range(3):
        shown = scanner.get(f"/enter/{link}")
        assert (shown.status_code, "Set-Cookie" in shown.headers, "<button" in shown.text) == (
            200,
            False,
            True,
        )
    first, second = world.browser(), world.browser()
    assert first.post(f"/enter/{link}").status_code == 303
    assert first.get("/").status_code == 200
    again = second.post(f"/enter/{link}")
    assert (again.status_code, "Set-Cookie" in again.headers) == (403, False)
    assert second.get("/").status_code == 401


def test_a_link_that_is_too_old_lets_nobody_in(world: World) -> None:
    link = world.access.make_link("anna", "operator")
    world.clock.advance(LINK_SECONDS)
    assert world.browser().post(f"/enter/{link}").status_code == 403


def test_a_session_that_somebody_planted_is_not_taken_over(world: World) -> None:
    victim, secret = world.browser(), "planted-by-mallory"
    victim.client.set_cookie(f"syncd-{PORT}", secret, domain="127.0.0.1")
    answer = victim.post(f"/enter/{world.access.make_link('anna', 'operator')}")
    assert secret not in answer.headers["Set-Cookie"]
    mallory = world.browser()
    mallory.client.set_cookie(f"syncd-{PORT}", secret, domain="127.0.0.1")
    assert mallory.get("/").status_code == 401


def test_entering_again_ends_the_session_before(world: World) -> None:
    browser = world.entered()
    browser.post(f"/enter/{world.access.make_link('ben', 'viewer')}")
    assert [it.name for it in world.access.sessions()] == ["ben"]


def test_a_cookie_stolen_before_the_sign_out_is_worth_nothing_after(world: World) -> None:
    anna = world.entered()
    cookie = anna.client.get_cookie(f"syncd-{PORT}", domain="127.0.0.1")
    assert cookie is not None
    thief = world.browser()
    thief.client.set_cookie(f"syncd-{PORT}", cookie.value, domain="127.0.0.1")
    assert thief.get("/").status_code == 200
    assert anna.post("/leave", {"token": anna.token()}).status_code == 200
    assert (anna.get("/").status_code, thief.get("/").status_code) == (401, 401)


def test_only_hashes_are_stored_for_the_owner_alone(world: World) -> None:
    link = world.access.make_link("ben", "operator")
    anna = world.entered()
    cookie = anna.client.get_cookie(f"syncd-{PORT}", domain="127.0.0.1")
    assert cookie is not None
    stored = world.access.path.read_bytes()
    assert link.encode() not in stored
    assert cookie.value.encode() not in stored
    assert world.access.path.stat().st_mode & 0o777 == 0o600
    assert world.access.path.name == "syncd.console.db"
    told = repr(world.log.events)
    assert link not in told
    assert cookie.value not in told


def test_a_session_ends_when_it_is_idle_and_when_it_is_old(world: World) -> None:
    idle, busy = world.entered(), world.entered(name="ben")
    for _ in range(11):
        world.clock.advance(HOUR - 60)
        assert busy.get("/").status_code == 200
    assert idle.get("/").status_code == 401
    world.clock.advance(HOUR - 60)
    assert busy.get("/").status_code == 200
    world.clock.advance(13 * 60)  # twelve hours
    assert busy.get("/").status_code == 401


def test_a_page_that_refreshes_keeps_a_viewer_in_and_no_operator(world: World) -> None:
    wall, desk = world.entered("viewer", "wall"), world.entered()
    for _ in range(3):
        world.clock.advance(HOUR / 2)
        found = wall.get("/", X_Part="1").status_code, desk.get("/", X_Part="1").status_code
    assert found == (200, 401)


def test_a_link_may_say_how_long_its_session_lasts(world: World) -> None:
    browser = world.browser()
    browser.post(f"/enter/{world.access.make_link('phone', 'viewer', 30 * 24 * HOUR)}")
    world.clock.advance(7 * 24 * HOUR)
    assert browser.get("/").status_code == 200


def test_there_are_at_most_twenty_sessions_and_the_one_used_longest_ago_goes(world: World) -> None:
    browsers = [world.entered(name=f"p{n}") for n in range(MOST_SESSIONS)]
    world.clock.advance(120)
    assert browsers[0].get("/").status_code == 200
    world.entered(name="late")
    names = {it.name for it in world.access.sessions()}
    assert len(names) == MOST_SESSIONS
    assert {"p0", "late"} <= names


def test_sessions_are_ended_by_name_with_the_unused_links(world: World) -> None:
    anna, ben = world.entered(), world.entered(name="ben")
    link = world.access.make_link("anna", "operator")
    assert world.access.end(name="anna") == 1
    assert (anna.get("/").status_code, ben.get("/").status_code) == (401, 200)
    assert world.browser().post(f"/enter/{link}").status_code == 403
    assert world.access.end() == 1
    assert ben.get("/").status_code == 401


def test_tokens_of_ended_sessions_are_forgotten(world: World) -> None:
    anna = world.entered()
    anna.post("/zone", {"token": anna.token(), "zone": "UTC"})
    world.access.end()
    world.entered(name="ben")
    with sqlite3.connect(world.access.path) as db:
        assert db.execute("SELECT count(*) FROM spent").fetchone() == (0,)
    db.close()


def test_a_stranger_sees_no_page_and_nothing_of_the_ledger(world: World) -> None:
    stranger = world.browser()
    for route in ROUTES:
        path = route.path.replace("<token>", "x").replace("<name>", "x")
        answer = stranger.post(path) if route.method == "POST" else stranger.get(path)
        assert answer.status_code in ({200, 403, 404} if route.needs == "anybody" else {401})
        assert not any(word in answer.text for word in (*CANARIES, "crm", "webhook_gone"))


def test_a_viewer_is_refused_on_every_route_of_operators(world: World) -> None:
    viewer = world.entered("viewer")
    token = viewer.token()
    for route in ROUTES:
        if route.needs == "operator":
            path = route.path.replace("<name>", "crm")
            form = {"token": token}
            answer = viewer.post(path, form) if route.method == "POST" else viewer.get(path)
            assert (route.path, answer.status_code) == (route.path, 403)


@pytest.mark.parametrize("page", ["/", "/activity", "/more", "/activity?who=ben", "/nowhere"])
def test_nothing_about_people_reaches_a_viewer(world: World, page: str) -> None:
    viewer = world.entered("viewer")
    answer = viewer.get(page)
    sent = answer.get_data() + repr(answer.headers).encode()
    assert [word for word in CANARIES if word.encode() in sent] == []
    told = repr(world.log.events)
    assert [word for word in CANARIES if word in told] == []


def test_an_operator_sees_what_a_viewer_does_not(world: World) -> None:
    operator = world.entered()
    assert "Mara Canary" in operator.get("/").text
    assert "canary reason" in operator.get("/activity").text


def test_a_viewers_link_makes_no_operator(world: World) -> None:
    assert "wall · viewer" in world.entered("viewer", "wall").get("/").text


@pytest.mark.parametrize("secret", ["", "wrong", SECRET[:-1]])
def test_a_name_in_a_header_is_believed_from_the_proxy_only(world: World, secret: str) -> None:
    world.make(proxied(secret=SECRET))
    headers = {"Remote-User": "anna@example.com", **({PROXY_SECRET: secret} if secret else {})}
    stranger = world.browser(headers=headers)
    assert stranger.get("/").status_code == 401
    assert world.log.named("console_proxy_not_believed")


def test_without_the_table_of_a_proxy_its_header_means_nothing(world: World) -> None:
    assert world.browser(headers={"Remote-User": "anna@example.com"}).get("/").status_code == 401


def test_the_proxy_names_operators_and_all_others_are_viewers(world: World) -> None:
    world.make(proxied(secret=SECRET))
    for name, role in (("anna@example.com", "operator"), ("ben@example.com", "viewer")):
        browser = world.browser(headers={"Remote-User": name, PROXY_SECRET: SECRET})
        assert f"{name} · {role}" in browser.get("/").text
        assert browser.post("/zone", {"token": browser.token(), "zone": "UTC"}).status_code == 303
    assert "mallory" not in world.browser().get("/").text


def test_on_a_socket_the_proxy_needs_no_secret(world: World) -> None:
    world.make(proxied("unix:/run/syncd/console.sock"), port=0, by_socket=True)
    browser = world.browser(
        host="ops.example.com", scheme="https", headers={"Remote-User": "anna@example.com"}
    )
    assert browser.get("/").status_code == 200
    assert browser.get("/", Host=f"localhost:{PORT}").status_code == 421
