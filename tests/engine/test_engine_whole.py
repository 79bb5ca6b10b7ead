"""Leads come in, go out and are marked, once each, within the allowance."""

import pytest

from tests.support import Bench


@pytest.mark.parametrize("window", ["fixed", "sliding"])
def test_130_leads_arrive_and_are_exported_once_within_the_allowance(bench: Bench, window: str) -> None:
    world = bench.ctgo(leads=130, window=window)
    far = bench.place()
    begun = bench.clock.monotonic()
    bench.once()
    bench.check()
    assert bench.leads() == {"exported": 130}
    assert sorted(far.lead_ids()) == sorted(world.exported)
    assert set(world.export_counts.values()) == {1}
    assert world.stats()["tooManyRequests"] == 0
    # 131 requests at 60 a minute: the last of them may be sent when two windows have passed
    assert bench.clock.monotonic() - begun <= 120 * 1.02
