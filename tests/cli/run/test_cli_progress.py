"""A run on a terminal: what stands still is said with a clock, bars are drawn once, and lines of the log stand above them."""

import io
import re

import pytest
from rich.console import Console

from syncd.cli.run.progress import Pace, Scene, Wait, bars_on
from syncd.cli.run.report import Counts
from syncd.settings import Settings
from tests.cli.conftest import Home, MakeHome
from tests.support.screen import Screen


def _once(home: Home, columns: int = 80) -> Screen:
    return Screen("--config", str(home.config), "--once", columns=columns)


def _flat(text: str) -> str:
    return " ".join(text.split())


def test_a_ctgo_that_refuses_is_named_with_a_clock_also_when_the_ledger_knows_it(home: Home) -> None:
    home.configure("http://127.0.0.1:1/api/v2")
    line = (
        r"main: 127\.0\.0\.1:1 refused the connection; trying again in \d+ s, until \d\d:\d\d \(--max-wait\)"
    )
    for _ in range(2):
        screen = _once(home)
        screen.until(lambda text: re.search(line, _flat(text)))
        screen.interrupt()
        code, left = screen.end()
        assert code == 69
        assert "lane_paused" in left, "the second run says it as well"
        assert "Nothing could be pulled from main. It is safe to run again." in _flat(left)
        assert "trying again" not in left


@pytest.mark.parametrize("columns", [80, 48])
def test_at_the_limit_a_clock_runs_and_after_ctrl_c_each_bar_is_there_once(
    make_home: MakeHome, columns: int
) -> None:
    home = make_home(leads=130, rate_limit=60)
    screen = _once(home, columns)
    waiting = r"main: 60 requests a minute are used up; the next leaves in \d+ s"
    shown = screen.until(lambda text: re.search(waiting, _flat(text)) and re.search(r"left, 1 min", text))
    assert all(len(line) <= columns for line in shown.splitlines())
    screen.interrupt()
    code, left = screen.end()
    assert code == 75
    assert (left.count("deliver sheet"), left.count("export main")) == (1, 1)
    assert "used up" not in left
    first = next(line for line in left.splitlines() if "leads_pulled" in line)
    assert re.fullmatch(r"\d\d:\d\d:\d\d \[info\] leads_pulled n=130 pass=live( source=main)?", first)
    assert left.index("leads_pulled") < left.index("export main")


def _drawn(scene: Scene, *, width: int = 80) -> str:
    """What bars show of 71 exports and this scene."""
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=True, color_system=None)
    settings = Settings.model_construct(sources={}, connectors={})
    nothing = Counts({}, {}, {})
    with bars_on(console, settings, nothing, lambda: scene) as show:
        show(Counts({}, {}, {"main": {"pending": 71}}))
    return file.getvalue()


def test_a_bar_shows_the_time_of_the_plan() -> None:
    assert "71 left, 1 min 42 s" in _drawn(Scene((), {"main": Pace(60, 0.0, 102.0)}))


def test_a_bar_whose_lane_stands_still_claims_no_time() -> None:
    still = Wait("export", "main", "127.0.0.1 refused the connection.", 23.0, None)
    drawn = _drawn(Scene((still,), {"main": Pace(60, 12.0, 102.0)}))
    assert "71 left, waiting" in drawn
    assert "1 min 42 s" not in drawn
    assert "main: 127.0.0.1 refused the connection; trying again in 23 s" in drawn
    assert "used up" not in drawn
