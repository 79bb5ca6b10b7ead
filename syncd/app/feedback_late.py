"""The lanes of feedback. Imported late: only where some connector is asked for feedback."""

from collections.abc import Mapping, Sequence
from functools import partial

from syncd.app.connectors import Mapped
from syncd.connector import Connector, TellsStatus
from syncd.core.feedback import BAD, GOOD, Judgement, Judging, plain
from syncd.core.lane_state import Policy
from syncd.engine.feedback import CollectFeedback, FeedbackPoll, SendFeedback
from syncd.engine.lane import Lane, LaneTools
from syncd.engine.pull.lane import Pull
from syncd.engine.source import SourceContext
from syncd.settings import Feedback


def judging_of(type_: str, chosen: Feedback) -> Judging:
    """Translate a `feedback` table for the engine. `type_`: the connector's, for no other type knows its cursor."""
    judgements = {plain(value): Judgement(GOOD) for value in chosen.good}
    judgements |= {
        plain(value): Judgement(BAD, reason, " ".join(chosen.notes.get(value, "").split()))
        for value, reason in chosen.bad.items()
    }
    return Judging(f"{type_} {chosen.property}", judgements, chosen.poll)


def feedback_polls(
    mapped: Sequence[Mapped], opened: Mapping[str, Connector], *, probe: float | None = None
) -> list[FeedbackPoll]:
    """Choose the connectors that are asked; one that could not be opened is left out, and its other lane says why.

    `probe`: as of its other lane; with one the run goes on, so each is asked again after its `poll`.
    """
    found = []
    for m in mapped:
        chosen, connector = m.configured.settings.feedback, opened[m.name]
        if chosen is not None and isinstance(connector, TellsStatus):
            policy = Policy(attempts=m.configured.settings.attempts, probe=probe)
            judging = judging_of(m.configured.type, chosen)
            found.append(FeedbackPoll(m.name, connector, judging, policy, probe is not None))
    return found


def poll_lanes(
    mapped: Sequence[Mapped],
    opened: Mapping[str, Connector],
    tools: LaneTools,
    *,
    probe: float | None,
) -> list[Lane]:
    """Make a lane for each connector that is asked. Arguments as `feedback_polls`."""
    return [CollectFeedback(poll, tools) for poll in feedback_polls(mapped, opened, probe=probe)]


def send_lanes(contexts: Sequence[SourceContext], pulls: Sequence[Pull], tools: LaneTools) -> list[Lane]:
    """Make a lane for each source: nobody knows beforehand which source's leads are judged."""
    return [
        SendFeedback(context, tools, partial(getattr, pull, "busy"))
        for context, pull in zip(contexts, pulls, strict=True)
    ]
