"""Now and Activity say what the ledger holds; and each trouble of the ledger is a page with a sentence."""

import re
import sqlite3
from datetime import UTC
from typing import Any

import pytest

from syncd.console.formats import NARROW, Times, length, number
from syncd.console.pages.now import now_page
from syncd.console.static_files import static_files
from syncd.core.lane_state import LaneState
from syncd.ledger import Ledger, history
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.lanes import load_lane, save_lane
from syncd.log import redact_values
from syncd.settings import Console
from tests.console.conftest import Browser, World
from tests.ledger.rows import admission, put


def h1(browser: Browser, path: str = "/") -> str:
    found = re.findall(r"<h1[^>]*>(.*?)</h1>", browser.get(path).text)
    assert len(found) == 1
    return str(found[0])


def titles(world: World) -> list[str]:
    page = now_page(world.readings.look(), world.settings)
    return ["".join(card.title) for card in page.cards]


def lane(world: World, state: LaneState) -> None:
    with Ledger.open(world.path) as ledger, ledger.write() as connection:
        save_lane(connection, state)
    world.clock.advance(1.1)


def test_the_verdict_counts_what_needs_somebody(world: World) -> None:
    browser = world.entered()
    assert h1(browser) == "Two things need you."
    assert "<title>Two things need you. · syncd on ledger-1</title>" in browser.get("/").text
    assert titles(world) == ["Webhook crm stands still: gone", "1 lead was refused, for 1 reason"]


def test_a_halt_says_for_how_long_how_many_wait_and_what_to_do(world: World) -> None:
    text = world.entered().get("/").text
    assert "For 28 min, since" in text
    assert "1 lead waits for it." in text
    assert (
        "What to do:</b> Nothing takes leads at that address: check url, and that the workflow behind it is switched on."
        in text
    )


def test_a_pause_by_hand_is_a_lane_and_no_card(world: World) -> None:
    lane(world, LaneState("deliver", "crm"))
    assert titles(world) == ["1 lead was refused, for 1 reason"]
    assert "Paused by ben" in world.entered().get("/").text


def test_without_an_engine_a_card_says_so_and_no_late_pull_is_one(world: World) -> None:
    world.engine[0] = None
    assert titles(world)[0] == "Nothing runs on this ledger"
    world.clock.advance(3 * 86400)
    assert [it for it in titles(world) if "pulled" in it] == []


def test_a_late_pull_is_a_card_after_its_quarter_of_an_hour(world: World) -> None:
    world.clock.advance(150 + 800)
    assert "main is not being pulled" not in titles(world)
    world.clock.advance(200)
    assert "main is not being pulled" in titles(world)


def test_a_failing_lane_is_a_card_when_leads_have_waited_a_quarter_of_an_hour(world: World) -> None:
    now = world.clock.now()
    lane(world, LaneState("deliver", "crm", "paused", "webhook_unavailable", "503", "syncd", now, now + 300))
    assert titles(world) == ["1 lead was refused, for 1 reason"]
    world.clock.advance(900)
    with Ledger.open(world.path) as ledger, ledger.write() as connection:
        connection.exec_driver_sql("UPDATE lane SET failures = failures + 1 WHERE name = 'crm'")
    assert "Webhook crm does not get through: unavailable" in titles(world)


def test_a_closed_gate_is_a_card_and_no_halt(world: World) -> None:
    with Ledger.open(world.path) as ledger:
        put(ledger, *(admission(n, "crm") for n in range(8000, 8012)))
        with ledger.write() as connection:
            save_lane(connection, LaneState("deliver", "crm"))
            flood_gate.know(connection, "crm", 3)
            flood_gate.close(connection, "crm", world.clock.now())
    found = titles(world)
    assert [it for it in found if "held before webhook crm" in it]
    assert not [it for it in found if "stands still" in it]


def test_all_is_well_when_nothing_needs_anybody(world: World) -> None:
    with Ledger.open(world.path) as ledger, ledger.write() as connection:
        connection.exec_driver_sql("UPDATE delivery SET state = 'pending' WHERE state = 'rejected'")
        save_lane(connection, LaneState("deliver", "crm"))
    browser = world.entered()
    assert h1(browser) == "All is well. Nothing needs you."
    assert "card need" not in browser.get("/").text


def test_a_new_ledger_says_that_nothing_has_come(bare: World) -> None:
    Ledger.open(bare.path).close()
    assert h1(bare.entered()) == "Nothing has come yet."


@pytest.mark.parametrize("path", ["/", "/activity"])
def test_without_a_ledger_there_are_no_leads_yet(bare: World, path: str) -> None:
    answer = bare.entered().get(path)
    assert (answer.status_code, "No leads yet." in answer.text, "syncd check" in answer.text) == (
        200,
        True,
        True,
    )


def test_a_ledger_that_appears_is_shown(bare: World) -> None:
    browser = bare.entered()
    assert h1(browser) == "No leads yet."
    Ledger.open(bare.path).close()
    bare.clock.advance(1.1)
    assert h1(browser) == "Nothing has come yet."


def test_a_ledger_put_in_place_of_another_is_shown(world: World) -> None:
    browser = world.entered()
    assert h1(browser) == "Two things need you."
    other = world.folder / "other.db"
    Ledger.open(other).close()
    for end in ("-wal", "-shm"):
        (world.folder / f"syncd.db{end}").unlink(missing_ok=True)
    other.replace(world.path)
    world.clock.advance(1.1)
    assert h1(browser) == "Nothing has come yet."


def revised(world: World, revision: str) -> None:
    connection = sqlite3.connect(world.path)
    connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.commit()
    connection.close()


@pytest.mark.parametrize("path", ["/", "/activity"])
def test_a_newer_ledger_asks_for_a_restart(world: World, path: str) -> None:
    revised(world, "9999")
    answer = world.entered().get(path)
    assert (answer.status_code, "restart the console" in answer.text) == (503, True)


@pytest.mark.parametrize("path", ["/", "/activity"])
def test_a_damaged_ledger_has_its_sentence_and_no_traceback(bare: World, path: str) -> None:
    bare.path.write_bytes(b"no database at all, " * 1000)
    answer = bare.entered().get(path)
    assert answer.status_code == 503
    assert "is not a database" in answer.text
    assert "Traceback" not in answer.text


def test_a_bug_is_a_page_with_a_number_that_is_in_the_log(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("h7001")

    browser = world.entered()
    monkeypatch.setattr(world.readings, "look", broken)
    answer = browser.get("/more")
    assert answer.status_code == 200
    answer = browser.get("/")
    (event,) = world.log.named("console_bug")
    assert answer.status_code == 500
    assert str(event["number"]) in answer.text
    assert "ZeroDivisionError" not in answer.text
    assert "h7001" not in answer.text


def test_a_page_that_did_not_change_is_not_sent_again(world: World) -> None:
    browser = world.entered()
    tag = browser.get("/").headers["ETag"]
    again = browser.get("/", If_None_Match=tag, X_Part="1")
    assert (again.status_code, again.get_data(), again.headers["Cache-Control"]) == (304, b"", "no-store")
    with Ledger.open(world.path) as ledger:
        put(ledger, admission(9000))
    assert browser.get("/", If_None_Match=tag).status_code == 304  # the reading is shared for a second
    world.clock.advance(1.1)
    assert browser.get("/", If_None_Match=tag).status_code == 200


def test_a_tag_is_of_one_person_and_zone(world: World) -> None:
    operator, viewer = world.entered(), world.entered("viewer", "wall")
    tag = operator.get("/").headers["ETag"]
    assert viewer.get("/", If_None_Match=tag).status_code == 200
    operator.post("/zone", {"token": operator.token(), "zone": "Asia/Tokyo"})
    operator.get("/more")
    assert operator.get("/", If_None_Match=tag).status_code == 200


def test_ten_people_share_one_reading(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    read, whole = [], world.readings._read

    def counting(*given: Any) -> Any:
        read.append(given)
        return whole(*given)

    monkeypatch.setattr(world.readings, "_read", counting)
    for browser in [world.entered(name=f"p{n}") for n in range(10)]:
        browser.get("/")
    assert len(read) == 1
    world.clock.advance(5)
    world.entered().get("/")
    assert len(read) == 1  # nothing changed


def test_a_count_that_takes_too_long_is_left_out_and_the_rest_stands(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"

    def slow(connection: object) -> object:
        world.clock.advance(1)
        return connection.exec_driver_sql(endless).all()  # type: ignore[attr-defined]

    monkeypatch.setattr("syncd.console.readings.queries.set_aside", slow)
    text = world.entered().get("/").text
    assert "Counting took too long" in text
    assert "One thing needs you." in text


def test_static_files_never_change_under_their_name_and_come_compressed(world: World) -> None:
    for name, it in static_files().items():
        answer = world.browser().get(f"/static/{it.name}", Accept_Encoding="gzip")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Encoding"] == "gzip"
        assert world.browser().get(f"/static/{it.name}").get_data() == it.body
        assert world.browser().get(f"/static/{name}").status_code == 404


def test_the_first_visit_is_small(world: World) -> None:
    sizes = {name: (len(it.body), len(it.compressed)) for name, it in static_files().items()}
    assert sizes["console.css"][0] <= 18 << 10
    assert sizes["console.js"][0] <= 3 << 10
    page = len(world.entered().get("/").get_data())
    assert page + sum(compressed for _, compressed in sizes.values()) <= 50_000


@pytest.mark.parametrize("path", ["/", "/activity", "/more"])
def test_no_page_has_a_script_or_a_style_of_its_own_or_asks_another_machine(world: World, path: str) -> None:
    text = world.entered().get(path).text
    assert re.findall(r"<script(?![^>]* src=\"/static/)|<style| style=|\son[a-z]+=|javascript:", text) == []
    assert re.findall(r"(?:src|href|action)=\"(?!/|#)[^\"]*", text) == []
    assert re.findall(r'=(?!")\S', re.sub(r'"[^"]*"|>[^<]*<', '""', text)) == []  # attributes are quoted


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{7*7}}",
    "\u202eevil",
    "\x1b[31m",
    "</title>",
    "'",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_strangers_wrote_is_text(world: World, text: str) -> None:
    lane(
        world,
        LaneState("deliver", "crm", "halted", "webhook_gone", f"a {text} b", "syncd", world.clock.now()),
    )
    with Ledger.open(world.path) as ledger, ledger.write() as connection:
        history.log_action(
            connection, world.clock.now(), who=f"m {text}", verb="pause", name="crm", detail=f"c {text}"
        )
    browser = world.entered()
    for page in (browser.get("/").text, browser.get("/activity").text):
        assert "<img" not in page
        assert "<script>" not in page
        assert "49" not in re.sub(r"[0-9]{3,}|:[0-9]+|[0-9a-f]{12,}", "", page) or "{{7*7}}" in page
        assert not {"\u202e", "\x1b"} & set(page)
        assert page.count("</title>") == 1


def test_a_long_text_is_cut_and_a_secret_redacted(world: World) -> None:
    lane(
        world,
        LaneState(
            "deliver", "crm", "halted", "webhook_gone", "Bearer abcdef0123456789 " + "x" * 9000, "syncd", 1.0
        ),
    )
    redact_values(["planted-secret-1"])
    text = world.entered().get("/").text
    assert "abcdef0123456789" not in text
    assert "x" * 2001 not in text


def test_activity_lists_acts_with_visits_for_operators(world: World) -> None:
    text = world.entered().get("/activity").text
    assert h1(world.entered(), "/activity") == "Who did what"
    assert "canary reason" in text
    assert "signed in" in text
    assert "signed in" not in world.entered("viewer").get("/activity").text


def test_activity_is_filtered_and_paged(world: World) -> None:
    with Ledger.open(world.path) as ledger, ledger.write() as connection:
        for n in range(120):
            history.log_action(
                connection, world.clock.now() + n, who="cleo", verb="release", name="crm", detail=f"d{n:03}."
            )
    browser = world.entered("viewer")
    seen: list[str] = []
    path: str | None = "/activity?who=cleo"
    browser = world.entered()
    while path:
        text = browser.get(path).text
        seen += re.findall(r"d\d{3}\.", text)
        assert "ben" not in re.sub(r"<option.*?</option>", "", text)
        older = re.search(r'href="(/activity\?[^"]+)">Older', text)
        path = older[1].replace("&amp;", "&") if older else None
    assert seen == [f"d{n:03}." for n in reversed(range(120))]
    assert "Nothing of that kind was done." in browser.get("/activity?who=nobody").text


def test_times_are_in_the_zone_of_the_settings_or_of_a_persons_choice(world: World) -> None:
    world.make(Console(time_zone="Europe/Paris"))
    browser = world.entered()
    assert "Times are Europe/Paris" in browser.get("/").text
    browser.post("/zone", {"token": browser.token(), "zone": "Asia/Tokyo"})
    assert "Times are Asia/Tokyo" in browser.get("/more").text
    assert browser.post("/zone", {"token": browser.token(), "zone": "../etc/passwd"}).status_code == 400


def test_numbers_lengths_and_instants() -> None:
    assert (number(999), number(1312), number(1_000_000)) == (
        "999",
        f"1{NARROW}312",
        f"1{NARROW}000{NARROW}000",
    )
    lengths = [length(it) for it in (0, 12.9, 60, 1709, 3600, 5400, 12 * 86400 + 4 * 3600, -5)]
    assert lengths == ["0 s", "12 s", "1 min", "28 min", "1 h", "1 h 30 min", "12 d 4 h", "0 s"]
    times = Times(1_790_000_000.0, UTC)
    assert [times.ago(1_790_000_000 - it) for it in (0, 12, 1700, 7200, 90_000)] == [
        "just now", "12 s ago", "28 min ago", "12:13", "20 Sep 13:13",
    ]  # fmt: skip
    assert times.at(1_790_000_000.0).startswith('<time datetime="2026-09-21T')


def test_a_lane_that_a_person_resumed_is_read_anew(world: World) -> None:
    with Ledger.open_to_read(world.path) as ledger, ledger.read() as connection:
        assert load_lane(connection, "deliver", "sheet").status == "paused"
    lane(world, LaneState("deliver", "sheet"))
    assert "Paused by ben" not in world.entered().get("/").text
