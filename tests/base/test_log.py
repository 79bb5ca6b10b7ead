"""What reaches the log is readable, redacted, and on lines of its own."""

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from syncd import log
from syncd.log import configure, escape, redact, redact_values, scrub

SHAPED = "ctgo_live_9f8e7d6c"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Logging is the process's own: put it back as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    known, pattern = set(log._known), list(log._known_pattern)  # of tests that ran before in this process
    log._known.clear()
    log._known_pattern.clear()
    quiet = {name: logging.getLogger(name).level for name in ("httpx", "sqlalchemy")}
    yield
    log._known.clear()
    log._known.update(known)
    log._known_pattern[:] = pattern
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, old in quiet.items():
        logging.getLogger(name).setLevel(old)
    structlog.reset_defaults()


def refuse(password: str) -> None:
    fail(f"refused {SHAPED} {len(password)}")


def fail(text: str) -> None:
    raise ValueError(text)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def logged(**values: object) -> dict[str, Any]:
    stream = io.StringIO()
    configure("json", "info", stream)
    structlog.get_logger("test").info("lead_delivered", **values)
    (line,) = lines(stream)
    return line


def test_elsewhere_than_on_a_terminal_a_line_is_json_with_time_level_and_event_first() -> None:
    stream = io.StringIO()
    configure("auto", "info", stream)
    structlog.get_logger("syncd.engine").info("lead_delivered", lead=7)
    (line,) = lines(stream)
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert line["timestamp"].endswith("Z")
    assert (line["level"], line["event"], line["lead"], line["logger"]) == (
        "info",
        "lead_delivered",
        7,
        "syncd.engine",
    )


def test_on_a_terminal_it_is_for_people() -> None:
    stream = Terminal()
    configure("auto", "info", stream)
    structlog.get_logger("x").info("lead_delivered", lead=7)
    assert not stream.getvalue().startswith("{")
    assert "lead_delivered" in stream.getvalue()


@pytest.mark.parametrize(("format_", "is_json"), [("json", True), ("console", False)])
def test_the_format_may_be_forced(format_: Any, *, is_json: bool) -> None:
    stream = Terminal() if is_json else io.StringIO()
    configure(format_, "info", stream)
    structlog.get_logger("x").info("it_happened")
    assert stream.getvalue().startswith("{") is is_json


@pytest.mark.parametrize(("stream", "no_color", "coloured"), [
    (Terminal(), False, True), (Terminal(), True, False), (io.StringIO(), False, False),
])  # fmt: skip
def test_colours_are_for_terminals_that_want_them(
    stream: io.StringIO, *, no_color: bool, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    configure("console", "info", stream)
    structlog.get_logger("x").info("it_happened")
    assert ("\x1b[" in stream.getvalue()) is coloured


def test_the_level_is_a_threshold_and_may_be_changed_later() -> None:
    stream = io.StringIO()
    log = structlog.get_logger("x")
    configure("json", "warning", stream)
    log.info("unheard")
    log.warning("heard")
    configure("json", "debug", stream)
    log.debug("heard_now")
    assert [line["event"] for line in lines(stream)] == ["heard", "heard_now"]


def test_libraries_speak_through_the_same_renderer_and_from_warnings_on() -> None:
    stream = io.StringIO()
    configure("json", "debug", stream)
    for name in (
        "httpx",
        "httpcore.connection",
        "apscheduler.scheduler",
        "sqlalchemy.engine",
        "waitress",
        "werkzeug",
    ):
        logging.getLogger(name).info("chatter")
        logging.getLogger(name).warning("trouble with %s", SHAPED)
    assert [line["event"] for line in lines(stream)] == ["trouble with [redacted]"] * 6
    assert {line["level"] for line in lines(stream)} == {"warning"}


def test_other_peoples_handlers_are_left_alone() -> None:
    mine = logging.NullHandler()
    logging.getLogger().addHandler(mine)
    for _ in range(3):
        configure("json", "info", io.StringIO())
    assert mine in logging.getLogger().handlers
    assert sum(type(it).__module__ == "syncd.log" for it in logging.getLogger().handlers) == 1


@pytest.mark.parametrize(
    "key", ["api_key", "key", "Authorization", "access_token", "client_secret", "password", "session_id"]
)
def test_what_stands_under_a_key_that_looks_secret_is_redacted_at_any_depth(key: str) -> None:
    assert logged(**{key: "x1"})[key] == "[redacted]"
    assert logged(request={"headers": [{key: ["x1"]}]})["request"] == {"headers": [{key: "[redacted]"}]}


def test_what_only_resembles_a_secret_stays_readable() -> None:
    line = logged(
        lead_key="7/1/0", token=None, lead=7, property="ctgo_x_user_id", other="ctgo_bio is read-only"
    )
    assert (line["lead_key"], line["token"], line["lead"]) == ("7/1/0", None, 7)
    assert (line["property"], line["other"]) == ("ctgo_x_user_id", "ctgo_bio is read-only")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"key {SHAPED}.", "key [redacted]."),
        ("ctgo_canary", "[redacted]"),
        ("ctgo_bio_9f8e", "[redacted]"),
        ("pat-na1-1234-abcd failed", "[redacted] failed"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer [redacted]"),
        ("GET https://h/x?api_key=abc&page=2", "GET https://h/x?api_key=[redacted]&page=2"),
        ('{"client_secret": "abc", "a": 1}', '{"client_secret": "[redacted]", "a": 1}'),
        ("https://user:pw@h/x", "https://[redacted]@h/x"),
        ("00D5g000004ABCD!AQ0AQ.x_y", "[redacted]"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_text_of_a_secrets_shape_is_redacted(text: str, expected: str) -> None:
    assert scrub(text) == expected
    assert logged(detail=text)["detail"] == expected


def test_known_secrets_are_redacted_wherever_they_turn_up() -> None:
    redact_values(["hunter two/3", "hunter two/3 and more", "abc", "", "LINE-ONE\nLINE-TWO"])
    assert scrub("<hunter two/3>") == "<[redacted]>"
    assert scrub("<hunter two/3 and more>") == "<[redacted]>"
    assert scrub("?q=hunter%20two%2F3") == "?q=[redacted]"
    assert scrub("LINE-TWO abc") == "[redacted] abc"
    assert redact({"hunter two/3": 1}) == {"[redacted]": 1}


def test_a_secret_in_an_exception_or_an_object_is_redacted() -> None:
    class Holder:
        def __str__(self) -> str:
            return f"holds {SHAPED}"

    assert logged(error=ValueError(SHAPED))["error"] == "ValueError('[redacted]')"
    assert logged(thing=Holder(), raw=SHAPED.encode())["thing"] == "holds [redacted]"


@pytest.mark.parametrize("format_", ["json", "console"])
def test_a_traceback_is_told_without_secrets_and_without_local_variables(format_: Any) -> None:
    stream = io.StringIO()
    configure(format_, "info", stream)
    try:
        refuse("canary local".replace(" ", "-"))
    except ValueError:
        structlog.get_logger("x").exception("it_broke")
        logging.getLogger("stranger").exception("it broke too")
    assert stream.getvalue().count("ValueError: refused [redacted] 12") == 2
    assert SHAPED not in stream.getvalue()
    assert "canary-local" not in stream.getvalue()


def test_control_characters_are_escaped_in_values_events_and_keys() -> None:
    hostile = "a\x1b[31m\r\nb\x00\u202ec\u2028"
    assert escape(hostile) == "a\\x1b[31m\\r\\nb\\x00\\u202ec\\u2028"
    assert logged(name=hostile, deep=[{hostile: 1}])["name"] == escape(hostile)
    assert redact({"deep": [{hostile: 1}]}) == {"deep": [{escape(hostile): 1}]}
    assert logged(name="Zoë 李 🙂")["name"] == "Zoë 李 🙂"


@pytest.mark.parametrize("format_", ["json", "console"])
def test_nothing_that_is_logged_can_forge_a_line(format_: Any) -> None:
    stream = io.StringIO()
    configure(format_, "info", stream)
    forged = '\n2026-01-01 [info] forged\n{"event": "forged"}'
    logging.getLogger("stranger").warning("x%s", forged)
    structlog.get_logger("x").info("seen", name=forged)
    try:
        fail(forged)
    except ValueError:
        structlog.get_logger("x").exception("it_broke")
    assert not [
        line for line in stream.getvalue().splitlines() if line.startswith(("2026-01-01", '{"event"'))
    ]


def test_an_endless_structure_ends() -> None:
    loop: dict[str, Any] = {}
    loop["again"] = loop
    assert "…" in json.dumps(logged(loop=loop), ensure_ascii=False)


def test_a_line_that_cannot_be_rendered_says_so_without_its_content() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError(SHAPED)

    stream = io.StringIO()
    configure("json", "info", stream)
    structlog.get_logger("x").info("it_happened", thing=Broken())
    assert stream.getvalue() == "log_line_lost logger=x\n"


@pytest.mark.parametrize("level", ["debug", "info", "warning"])
def test_urllib3_shows_no_address_of_a_call_whose_answer_is_odd(level: str) -> None:
    stream = io.StringIO()
    configure("json", level, stream)
    logging.getLogger("urllib3").setLevel(logging.WARNING)  # as HubSpot's library does when it is opened
    odd = "Failed to parse headers (url=%s): %s"
    logging.getLogger("urllib3.connection").warning(odd, "https://org/query/?q=Email+IN+('ada@x.test')", "x")
    assert stream.getvalue() == ""


def test_a_line_on_a_terminal_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    terminal, stream = Terminal(), io.StringIO()
    configure("auto", "info", terminal)
    log.logger().warning("lane_paused", code="unreachable")
    assert re.fullmatch(r"\d\d:\d\d:\d\d \[warning\] lane_paused code=unreachable\n", terminal.getvalue())
    configure("console", "info", stream)
    log.logger().warning("lane_paused", code="unreachable")
    assert re.match(r"\d{4}-\d\d-\d\dT.*Z \[warning  \] lane_paused +\[syncd\] code=", stream.getvalue())


def test_lines_go_elsewhere_while_somebody_draws_below_them() -> None:
    terminal = Terminal()
    above: list[str] = []
    configure("auto", "info", terminal)
    with log.lines_through(above.append):
        log.logger().info("leads_pulled", n=3)
    log.logger().info("leads_pulled", n=4)
    assert len(above) == 1
    assert terminal.getvalue().count("leads_pulled") == 1
