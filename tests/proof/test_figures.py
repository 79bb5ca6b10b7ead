"""Figures of a run: added up over processes, and kept for whoever tells of them."""

from pathlib import Path

import pytest

from tests.proof.figures import read, record


def test_numbers_of_several_processes_are_added_up(tmp_path: Path) -> None:
    record("kills", {"points": 3, "before write": 2}, tmp_path)
    record("kills", {"points": 4, "worst": "none"}, tmp_path)
    record("kills", {"worst": "late"}, tmp_path)
    record("images", {"images": 1}, tmp_path)
    assert read(tmp_path) == {
        "images": {"images": 1},
        "kills": {"before write": 2, "points": 7, "worst": "late"},
    }


def test_nothing_recorded_is_no_figures(tmp_path: Path) -> None:
    assert read(tmp_path / "build") == {}


def test_a_name_is_a_plain_file_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        record("../kills", {}, tmp_path)
