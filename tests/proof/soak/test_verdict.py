"""A long run's verdict sees each kind of growth, and none where there is none."""

import pytest

from tests.proof.soak.sampling import Sample
from tests.proof.soak.verdict import MIB, flat

HOUR = [Sample(float(n), 1, 90 * MIB, n * 0.01, 20, 12, 40 * MIB, 4 * MIB, 10_000, 9_990) for n in range(400)]


def unheld(samples: list[Sample]) -> list[str]:
    return [claim.what for claim in flat(samples) if not claim.holds]


def growing(field: str, by: float) -> list[Sample]:
    return [sample._replace(**{field: getattr(sample, field) + int(n * by)}) for n, sample in enumerate(HOUR)]


def test_what_stays_flat_holds() -> None:
    assert unheld(HOUR) == []


@pytest.mark.parametrize(
    ("field", "by", "claim"),
    [
        ("memory", 0.06 * MIB, "memory, last quarter / first"),
        ("descriptors", 0.05, "descriptors, last quarter / first half"),
        ("threads", 0.05, "threads, last quarter / first half"),
        ("wal", 0.05 * MIB, "WAL at its largest"),
        ("ledger", 0.3 * MIB, "ledger, bytes a lead"),
    ],
)
def test_what_grows_is_named(field: str, by: float, claim: str) -> None:
    assert unheld(growing(field, by)) == [claim]


def test_a_start_is_no_growth() -> None:
    start = [sample._replace(memory=40 * MIB, descriptors=8, threads=3) for sample in HOUR[:30]]
    assert unheld([*start, *HOUR[30:]]) == []


def test_only_the_longest_life_is_judged() -> None:
    short = [sample._replace(life=0, at=sample.at - 1000, memory=300 * MIB) for sample in HOUR[:50]]
    assert unheld([*short, *HOUR]) == []


def test_a_run_too_short_to_judge_says_so() -> None:
    with pytest.raises(ValueError, match="let it run longer"):
        flat(HOUR[:5])
