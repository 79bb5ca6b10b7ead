"""A CRM that judges people, and what CTGO was told of them."""

from dataclasses import replace
from typing import Any

from syncd.core.feedback import Judgement, Judging
from syncd.simulator import World
from tests.support import Bench, Remote

GOOD, BAD, OTHER = Judgement("good"), Judgement("bad", "wrong_job"), Judgement("bad", "other", "Not now.")
JUDGING = Judging("hs_lead_status", {"customer": GOOD, "unqualified": BAD, "later": OTHER}, poll=900.0)
OFTEN = replace(JUDGING, poll=5.0)


def arrange(bench: Bench, leads: int = 3, judging: Judging = JUDGING, **options: Any) -> tuple[World, Remote]:
    """Leads that the CRM has, and CTGO knows as exported."""
    world = bench.ctgo(leads=leads, **options)
    far = bench.place(people=True, judging=judging)
    bench.once(120)
    return world, far


def told(world: World) -> dict[int, str]:
    """What CTGO was told last, by lead id."""
    return {
        lead_id: " ".join(filter(None, (it.judgement.feedback, it.judgement.reason, it.judgement.freeform)))
        for (lead_id, _), it in world.feedback.stored.items()
    }


def feedback(bench: Bench) -> dict[str, int]:
    return bench.counts("feedback", "main")
