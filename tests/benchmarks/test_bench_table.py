"""What the benchmark says of itself: which side of a bar is good, and what it writes into docs/performance.md."""

from pathlib import Path

import pytest

from tests.benchmarks.limited_one import used
from tests.benchmarks.running import asked_for
from tests.benchmarks.table import BEGIN, END, Results, Row, Series, printed, write_into

FAST = Row("wall", "1 s", "2 s", 0.5, 0.65)
SLOW = Row("wall", "2 s", "2 s", 1.0, 0.65)


def found(*rows: Row) -> Results:
    results = Results("a machine", 3, {"syncd": "1"}, {"csv": list(rows)})
    results.series["memory"] = Series("Memory", "s", "MiB", {"syncd": [(0.0, 1.0)]})
    results.promises["dlt"] = {"missing": "0"}
    return results


def test_a_bar_is_met_on_its_good_side_only() -> None:
    assert FAST.met
    assert not SLOW.met
    assert Row("exports", "", "", 0.95, 0.9, at_most=False).met
    assert not Row("exports", "", "", 0.85, 0.9, at_most=False).met
    assert Row("to be known", "", "", 99.0, None).met


def test_one_missed_bar_or_a_case_that_broke_fails_the_run() -> None:
    assert found(FAST).met
    assert not found(FAST, SLOW).met
    broken = found(FAST)
    broken.failed["crms"] = "ValueError"
    assert not broken.met


def test_a_file_gives_back_what_was_found() -> None:
    results = found(FAST, SLOW)

    assert Results.from_json(results.as_json()) == results


def test_the_page_is_written_between_its_marks_again_and_again(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    for _ in range(2):
        write_into(page, found(FAST, SLOW))

    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\nMeasured by `make bench` on a machine")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert "| wall | 2 s | 2 s | 1.00 | ≤ 0.65, missed |" in text
    assert "| dlt | 0 |" in text


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("nothing here")
    with pytest.raises(ValueError, match="no place"):
        write_into(page, found(FAST))

    assert page.read_text() == "nothing here"


def test_the_table_names_what_was_missed() -> None:
    assert "MISSED" in printed(found(SLOW))
    assert "MISSED" not in printed(found(FAST))


def test_cases_are_picked_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_ONLY", "csv")
    assert asked_for(["start", "csv"]) == ["csv"]
    monkeypatch.setenv("BENCH_ONLY", "cvs")
    with pytest.raises(ValueError, match="no case cvs"):
        asked_for(["start", "csv"])
    monkeypatch.delenv("BENCH_ONLY")
    assert asked_for(["start", "csv"]) == ["start", "csv"]


def test_what_somebody_else_took_is_not_ours_to_use() -> None:
    minutes = [60.6 * n for n in range(6)]
    alone = [(at, False) for at in minutes for _ in range(60)]
    beside = [(at, n < 20) for at in minutes for n in range(60)]

    assert used(alone) == pytest.approx(60 / 60.6)
    assert used(beside) == pytest.approx(40 / (60.6 - 20))
