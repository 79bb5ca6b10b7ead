"""What was measured: rows with their bars, what is drawn, and how a person reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- bench: written by `python -m tests.benchmarks --page` -->", "<!-- /bench -->"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a ratio, its bar, and which side of it is good. Without a bar it is there to be known.

    `note`: how it was measured, where that is not plain. `essence`: whether docs/performance.md shows it.
    """

    case: str
    ours: str
    theirs: str
    ratio: float
    bar: float | None
    at_most: bool = True
    note: str = ""
    essence: bool = True

    @property
    def met(self) -> bool:
        """Whether the bar is met; no bar is."""
        if self.bar is None:
            return True
        return self.ratio <= self.bar if self.at_most else self.ratio >= self.bar

    @property
    def asked(self) -> str:
        """The bar, for a person."""
        return "" if self.bar is None else f"{'≤' if self.at_most else '≥'} {self.bar:g}"

    def __str__(self) -> str:
        told = f"{self.case:58} {self.ours:>27} {self.theirs:>27} {self.ratio:7.3f}"
        if self.bar is not None:
            told = f"{told} {self.asked:>8}  {'ok' if self.met else 'MISSED'}"
        return f"{told}\n    {self.note}" if self.note else told


@dataclass
class Series:
    """Something to draw. `lines`: a name each, with points (x, y) or (x, y, least, most)."""

    title: str
    x: str
    y: str
    lines: dict[str, list[tuple[float, ...]]] = field(default_factory=dict)
    kind: str = "line"
    """`line`, `log` (x is logarithmic), or `bars` (one point a line)."""


@dataclass
class Results:
    """All of a run."""

    machine: str
    times: int
    versions: dict[str, str] = field(default_factory=dict)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    series: dict[str, Series] = field(default_factory=dict)
    promises: dict[str, dict[str, str]] = field(default_factory=dict)
    """By contestant and question: what was seen of what it leaves behind."""
    seconds: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """Cases that came to no end, and why."""

    @property
    def met(self) -> bool:
        """Whether every bar that was measured is met."""
        return not self.failed and all(row.met for rows in self.rows.values() for row in rows)

    def as_json(self) -> dict[str, Any]:
        """As a file has it."""
        whole = asdict(self)
        whole["rows"] = {
            case: [asdict(row) | {"met": row.met} for row in rows] for case, rows in self.rows.items()
        }
        return whole

    @classmethod
    def from_json(cls, whole: Mapping[str, Any]) -> "Results":
        """What `as_json` made."""
        rows = {
            case: [Row(**{k: v for k, v in row.items() if k != "met"}) for row in each]
            for case, each in whole["rows"].items()
        }
        series = {name: Series(**each) for name, each in whole["series"].items()}
        return cls(**{**whole, "rows": rows, "series": series})


def printed(results: Results) -> str:
    """The whole, for a terminal."""
    parts = [f"{results.machine}; medians of {results.times} runs, least and most in brackets"]
    parts += [", ".join(f"{name} {version}" for name, version in results.versions.items())]
    for case, rows in results.rows.items():
        parts += ["", f"{case} ({results.seconds.get(case, 0):.0f} s)", *map(str, rows)]
    if results.promises:
        parts += ["", *_promises(results)]
    parts += [f"\n{case} came to no end: {why}" for case, why in results.failed.items()]
    return "\n".join(parts)


def _promises(results: Results) -> Sequence[str]:
    questions = list(dict.fromkeys(question for each in results.promises.values() for question in each))
    widths = [
        max(len(question), *(len(each.get(question, "")) for each in results.promises.values()))
        for question in questions
    ]
    head = " ".join(f"{q:{w}}" for q, w in zip(questions, widths, strict=True))
    lines = [f"{'':10} {head}"]
    for who, each in results.promises.items():
        cells = " ".join(f"{each.get(q, ''):{w}}" for q, w in zip(questions, widths, strict=True))
        lines.append(f"{who:10} {cells}")
    return lines


def markdown(results: Results) -> str:
    """The figures for docs/performance.md: what matters, the machine, and what peers leave behind."""
    lines = [
        (
            f"Measured by `make bench` on {results.machine}; medians of {results.times} alternating runs. "
            "Ratios are what carries over to another machine."
        ),
        "",
        "| | syncd | against | ratio | bar |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row.case} | {row.ours} | {row.theirs} | {row.ratio:.2f} | {_verdict(row)} |"
        for rows in results.rows.values()
        for row in rows
        if row.essence
    ]
    if results.promises:
        questions = list(dict.fromkeys(q for each in results.promises.values() for q in each))
        lines += ["", f"| | {' | '.join(questions)} |", f"| --- |{' --- |' * len(questions)}"]
        lines += [
            f"| {who} | {' | '.join(each.get(q, '') for q in questions)} |"
            for who, each in results.promises.items()
        ]
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    return "\n".join([*lines, "", f"Versions: {versions}."])


def _verdict(row: Row) -> str:
    if row.bar is None:
        return ""
    return row.asked if row.met else f"{row.asked}, missed"


def write_into(page: Path, results: Results) -> None:
    """Put the section between the markers. Raises ValueError if there are none."""
    text = page.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{page} has no place for it: {BEGIN} … {END}")
    before, _, rest = text.partition(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{markdown(results)}\n{END}{rest.partition(END)[2]}")
