"""The lanes of feedback put together. Imported only where some connector is asked for any."""

from collections.abc import Mapping, Sequence
from functools import partial

from syncd.app.compose import Mapped
from syncd.clock import Clock
from syncd.connector import Connector, Logger, TellsStatus
from syncd.core.feedback import BAD, GOOD, Judgement, Judging, plain
from syncd.core.lane_state import Policy
from syncd.engine.feedback.collect import CollectFeedback, FeedbackPoll
from syncd.engine.feedback.send import SendFeedback
from syncd.engine.lane import Lane, Wake
from syncd.engine.pull.lane import Pull
from syncd.engine.source import SourceContext
from syncd.ledger import Ledger
from syncd.settings import Feedback


def judging_of(type_: str, chosen: Feedback) -> Judging:
    """A `feedback` table as the engine has it. `type_`: of the connector, for a cursor is nothing to another."""
    words = {plain(value): Judgement(GOOD) for value in chosen.good}
    words |= {
        plain(value): Judgement(BAD, reason, " ".join(chosen.notes.get(value, "").split()))
        for value, reason in chosen.bad.items()
    }
    return Judging(f"{type_} {chosen.property}", words, chosen.poll)


def ears(
    mapped: Sequence[Mapped], opened: Mapping[str, Connector], *, probe: float | None, repeats: bool = False
) -> list[FeedbackPoll]:
    """The connectors that are asked; one that could not be opened is none, and its other lane says why.

    `probe`: as of its other lane; `repeats`: whether each is asked again after its `poll`, for this run goes on.
    """
    found = []
    for m in mapped:
        chosen, connector = m.configured.settings.feedback, opened[m.name]
        if chosen is not None and isinstance(connector, TellsStatus):
            policy = Policy(attempts=m.configured.settings.attempts, probe=probe)
            found.append(
                FeedbackPoll(m.name, connector, judging_of(m.configured.type, chosen), policy, repeats)
            )
    return found


def hearing(
    listening: Sequence[FeedbackPoll], ledger: Ledger, clock: Clock, log: Logger, wake: Wake
) -> list[Lane]:
    """A lane for each connector that is asked."""
    return [CollectFeedback(ear, ledger, clock, log, wake) for ear in listening]


def telling(
    contexts: Sequence[SourceContext], pulls: Sequence[Pull], ledger: Ledger, clock: Clock, log: Logger
) -> list[Lane]:
    """A lane for each source: whose leads are judged is not known before."""
    return [
        SendFeedback(context, ledger, clock, log, partial(getattr, pull, "busy"))
        for context, pull in zip(contexts, pulls, strict=True)
    ]
