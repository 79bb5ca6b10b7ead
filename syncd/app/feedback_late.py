"""The lanes of feedback put together. Imported only where some connector is asked for any."""

from collections.abc import Mapping, Sequence
from functools import partial

from syncd.app.compose import Mapped
from syncd.clock import Clock
from syncd.connector import Connector, Logger, TellsStatus
from syncd.core.delivery import Policy
from syncd.core.feedback import BAD, GOOD, Judging, Word, plain
from syncd.engine.deliver import Wake
from syncd.engine.feedback.collect import Ear, Hear
from syncd.engine.feedback.send import FeedBack
from syncd.engine.lane import Stepper
from syncd.engine.pull.pull import Pull
from syncd.engine.source import Desk
from syncd.ledger import Ledger
from syncd.settings import Feedback


def judging_of(type_: str, chosen: Feedback) -> Judging:
    """A `feedback` table as the engine has it. `type_`: of the connector, for a cursor is nothing to another."""
    words = {plain(value): Word(GOOD) for value in chosen.good}
    words |= {
        plain(value): Word(BAD, reason, " ".join(chosen.notes.get(value, "").split()))
        for value, reason in chosen.bad.items()
    }
    return Judging(f"{type_} {chosen.property}", words, chosen.poll)


def ears(
    mapped: Sequence[Mapped], opened: Mapping[str, Connector], *, probe: float | None, repeats: bool = False
) -> list[Ear]:
    """The connectors that are asked; one that could not be opened is none, and its other lane says why.

    `probe`: as of its other lane; `repeats`: whether each is asked again after its `poll`, for this run goes on.
    """
    found = []
    for m in mapped:
        chosen, connector = m.configured.settings.feedback, opened[m.name]
        if chosen is not None and isinstance(connector, TellsStatus):
            policy = Policy(attempts=m.configured.settings.attempts, probe=probe)
            found.append(Ear(m.name, connector, judging_of(m.configured.type, chosen), policy, repeats))
    return found


def hearing(listening: Sequence[Ear], ledger: Ledger, clock: Clock, log: Logger, wake: Wake) -> list[Stepper]:
    """A lane for each connector that is asked."""
    return [Hear(ear, ledger, clock, log, wake) for ear in listening]


def telling(
    desks: Sequence[Desk], pulls: Sequence[Pull], ledger: Ledger, clock: Clock, log: Logger
) -> list[Stepper]:
    """A lane for each source: whose leads are judged is not known before."""
    return [
        FeedBack(desk, ledger, clock, log, partial(getattr, pull, "busy"))
        for desk, pull in zip(desks, pulls, strict=True)
    ]
