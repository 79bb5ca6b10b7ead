"""`export = false`, or a source that leaves, with exports owed: said everywhere, and no work that is left for ever."""

import json
from collections.abc import Callable

import pytest

from syncd.simulator import Fault
from tests.cli.conftest import Home


def _owing(home: Home) -> None:
    home.sim.world.fail(Fault("export", times=500, status=503))
    assert home.syncd("--once", "--max-wait", "0s").code == 69
    home.sim.world.gateway.clear_faults()


def _renamed(home: Home) -> None:
    text = home.config.read_text().replace("[sources.main]", '[sources.other]\nstart = "now"')
    home.config.write_text(text.replace("[sources.main.", "[sources.other."))


def _off(home: Home) -> None:
    home.source = "export = false\n"
    home.configure()


@pytest.mark.parametrize(
    ("change", "why"),
    [(_off, "`export` is false"), (_renamed, "the source is not in the configuration")],
    ids=["off", "renamed"],
)
def test_exports_that_nobody_makes_are_told_of_and_are_no_work_left(
    home: Home, change: Callable[[Home], None], why: str
) -> None:
    _owing(home)
    change(home)
    ran = home.syncd("--once")
    sentence = f"main: 3 exports are put off, because {why}; they are made once that has changed."
    assert ran.code == 0
    assert sentence in ran.out
    assert "exports_shelved" in ran.err
    told = home.syncd("status").out
    assert sentence in told
    assert "oldest unsettled" not in told
    status = json.loads(home.syncd("status", "--json").out)["sources"]["main"]
    assert status["exports"] == {"shelved": 3}
    assert status["leads"] == {"unexported": 3}
    assert not home.sim.world.exported
    home.source = ""
    home.configure()
    ran = home.syncd("--once")
    assert (ran.code, "main: 3 exported\n" in ran.out) == (0, True)
    assert len(home.sim.world.exported) == 3


def test_leads_to_enrich_of_a_source_that_left_are_no_work_of_a_run(home: Home) -> None:
    home.source = '[sources.main.enrich]\nwhere = ""\nper_day = 0\nwhen_exhausted = "hold"\n'
    home.configure()
    assert home.syncd("--once").code == 75
    _renamed(home)
    ran = home.syncd("--once")
    assert ran.code == 0
    assert "3 leads of main, which is not in the configuration, wait to be enriched" in ran.err
