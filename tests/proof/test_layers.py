"""What a run is said to have come to: zeros only of layers that ran and passed."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.proof.figures import Figure
from tests.proof.layers import LAYERS, ZEROS, layer_of, standing, zeros
from tests.proof.page import render, short

RUN: dict[str, Figure] = {
    **{f"{layer.figures} passed": 3 for layer in LAYERS},
    "seconds": 3720.0, "asked": "3600", "commit": "abc1234", "machine": "2 cores of x86_64", "python": "3.11.7",
}  # fmt: skip
FIGURES: Mapping[str, Mapping[str, Figure]] = {
    "run": RUN,
    "simulation": {
        "seeds": 60, "days": 421.5, "crashes": 1234, "starts": 2000, "requests": 98765, "commits": 5, "exports": 6,
        "fault_lost": 7, "fault_cut_short": 9, **dict.fromkeys(ZEROS, 0),
    },
    "kills": {"points of daemon": 8, "points of upgrade": 2, "killed": 11, "second kills": 1, "before write": 4},
    "power_cuts": {"images": 500, "images of a recovery": 20, "bad": 0},
    "host": {"points": 77, "descriptors": 1, "streams": 9, "bad": 0},
    "hostile": {"answers": 900, "kinds": 40, "fuzz_examples": 2000, "bad": 0},
    "defects": {"planted": 145, "caught": 145, "planted by their layers": 77},
}  # fmt: skip


def but(name: str, figures: Mapping[str, Figure] | None) -> Mapping[str, Mapping[str, Figure]]:
    """The figures with others under one name; None: without."""
    rest = {it: those for it, those in FIGURES.items() if it != name}
    return rest if figures is None else {**rest, name: figures}


def test_a_run_that_went_well_has_its_zeros() -> None:
    assert zeros(FIGURES) == (
        "Found: 0 leads lost, 0 duplicates, 0 exports without evidence, 0 leads stuck, 0 rates exceeded, 0 other promises broken."
    )
    assert {standing(layer, FIGURES) for layer in LAYERS} == {"ok"}


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.figures)
def test_a_layer_that_failed_is_seen_and_takes_the_zeros_away(layer: object) -> None:
    figures = next(it.figures for it in LAYERS if it is layer)
    told = short(but("run", {**RUN, f"{figures} failed": 1}))
    assert "**FAILED**: 1 of 4" in told
    assert "Nothing is claimed" in told
    assert "0 leads lost" not in told


@pytest.mark.parametrize("name", ["power_cuts", "host", "hostile"])
def test_a_layer_that_found_something_bad_takes_the_zeros_away(name: str) -> None:
    told = short(but(name, {**FIGURES[name], "bad": 2}))
    assert "**2 bad**" in told
    assert "Nothing is claimed" in told


def test_worlds_that_were_skipped_leave_no_zeros() -> None:
    run = {name: n for name, n in RUN.items() if not name.startswith("simulation")}
    told = short(
        {**but("simulation", None), "run": {**run, "simulation skipped": 70, "simulation passed": 1}}
    )
    assert "| Whole worlds | | skipped |" in told
    assert "No zeros are claimed, for whole worlds were skipped." in told


def test_another_layer_that_did_not_run_is_named() -> None:
    run = {name: n for name, n in RUN.items() if not name.startswith("host ")}
    told = short({**but("host", None), "run": run})
    assert "| Disk and host | | not run |" in told
    assert "0 leads lost" in told
    assert "Not tried: Disk and host." in told


def test_a_layer_of_which_a_part_was_skipped_says_so() -> None:
    assert standing(LAYERS[1], but("run", {**RUN, "kills skipped": 2})) == "ok, 2 skipped"


def test_nothing_at_all_is_told_as_that() -> None:
    assert "0 leads lost" not in render({})
    assert {standing(layer, {}) for layer in LAYERS} == {"not run"}


def test_the_page_says_how_it_was_made_and_what_was_met() -> None:
    page = render(FIGURES)
    assert (
        "`make proof SECONDS=3600` took 1 h 2 min on 2 cores of x86_64 with Python 3.11.7, of commit abc1234."
        in page
    )
    assert "60 worlds, 422 days of their time, 1,234 deaths" in page
    assert "16 faults of 2 kinds" in page
    assert "10 points, 11 kills, 1 of them while recovering" in page
    assert "Trouble on the way: cut short 9, lost 7." in page
    assert "Killed: before write 4." in page
    assert "77 points at which" in page
    assert "145 planted, 145 caught; 77 more that their layers plant" in page


def test_each_layer_knows_its_tests() -> None:
    found = {
        path: layer_of(path)
        for path in (
            "tests/proof/crash/test_kill_sweep.py::test_x",
            "tests/proof/crash/shim/test_shim.py::test_x",
        )
    }
    assert [layer and layer.figures for layer in found.values()] == ["kills", None]
    tree = Path(__file__).parents[2]
    assert all(
        list(tree.glob(f"{it.where}*")) for it in LAYERS if (tree / it.where.rpartition("/")[0]).is_dir()
    )
