"""Whoever asks in a loop is given what was made a moment ago."""

from syncd.health.metrics import MOST_FORMATS, Exposition
from syncd.health.snapshot import Recent
from syncd.health.view import View
from tests.health.conftest import Health
from tests.support.virtual import Clock

OPEN = "application/openmetrics-text; version=1.0."


def test_metrics_are_made_once_a_second(health: Health) -> None:
    clock, looked = Clock(), []

    def look() -> View:
        looked.append(clock.now())
        return health.looker.look()

    exposition = Exposition(look, health.counting.read, Recent(clock))
    same = [exposition("text/plain") for _ in range(300)]
    assert len(looked) == 1
    assert len({body for _, body in same}) == 1
    clock.advance(1.0)
    exposition("text/plain")
    assert len(looked) == 2


def test_each_format_is_made_and_formats_without_end_are_not(health: Health) -> None:
    clock, looked = Clock(), []

    def look() -> View:
        looked.append(clock.now())
        return health.looker.look()

    exposition = Exposition(look, health.counting.read, Recent(clock))
    types = {exposition(accept)[0] for accept in ("", *(f"{OPEN}{n}" for n in range(300)))}
    assert len(looked) == len(types) == MOST_FORMATS
    clock.advance(1.0)
    assert "version=1.0.299" in exposition(f"{OPEN}299")[0]
