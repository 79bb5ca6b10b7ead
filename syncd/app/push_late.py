"""The lanes of push, and the listeners that wake them. Imported late: only when some source has push, or had it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.core.failure import CODES
from syncd.engine.engine import Engine
from syncd.engine.lane import LaneTools
from syncd.engine.pull.lane import Pull
from syncd.engine.push import Push, Wanted
from syncd.engine.source import SourceContext
from syncd.log import redact_values
from syncd.push import Answer, Receiver, judge
from syncd.settings import Listen, Settings, Source


def push_lanes(
    settings: Settings,
    known: Collection[str],
    contexts: Sequence[SourceContext],
    pulls: Sequence[Pull],
    tools: LaneTools,
) -> list[Push]:
    """Make the lanes `push:SOURCE`, and redact their tokens. `known`: sources that the ledger keeps a subscription of."""
    for name in sorted(set(known) - set(settings.sources)):
        tools.log.warning(
            "push_left_behind", source=name, fix=CODES["push_left_behind"].replace("SOURCE", name)
        )
    lanes = []
    for context, pull in zip(contexts, pulls, strict=True):
        wanted = wanted_of(settings.sources[context.name])
        if wanted is not None or context.name in known:
            lanes.append(Push(context, pull, tools, wanted))
    redact_values(lane.token for lane in lanes)
    return lanes


def wanted_of(source: Source) -> Wanted | None:
    """Describe the subscription that a source wants; None: no subscription. One campaign is subscribed to alone."""
    if source.push is None:
        return None
    filters = {"streamId": source.stream_ids[0]} if len(source.stream_ids) == 1 else {}
    return Wanted(source.base_url, source.push.public_url, filters)


@dataclass(slots=True)
class PushListeners:
    """One listener for each address in the settings, usually one. The token tells which source a push is for."""

    clock: Clock
    log: Logger
    counted: Callable[[str, str], None]
    _lanes: Mapping[str, Push] = field(default_factory=dict)
    _receivers: dict[Listen, Receiver] = field(default_factory=dict)

    def follow(self, engine: Engine) -> None:
        """Listen where these sources say, and nowhere else. This is quick, for the daemon waits for it."""
        wanted = {it.push.listen for it in engine.settings.sources.values() if it.push is not None}
        self._lanes = {lane.name: lane for lane in engine.others if isinstance(lane, Push)}
        for listen in set(self._receivers) - wanted:
            self._receivers.pop(listen).close()
        for listen in wanted - set(self._receivers):
            self._receivers[listen] = Receiver(listen.host, listen.port, self.judge, self.clock, self.log)
        self.ensure()
        self._pull_soon()  # a push that came while the lanes were replaced woke nobody

    def ensure(self) -> None:
        """Try to bind addresses again; pull when one was bound, for pushes were lost until then."""
        if any([receiver.ensure() for receiver in self._receivers.values()]):  # noqa: C419 - each of them
            self._pull_soon()

    def unserved(self) -> str:
        """Return the reason why pushes cannot be received at some address; empty if they can."""
        return next((it.unserved for it in list(self._receivers.values()) if it.unserved), "")

    def close(self) -> None:
        """Stop listening."""
        while self._receivers:
            self._receivers.popitem()[1].close()

    def judge(self, line: bytes) -> Answer:
        """Judge a request by its first line, and wake the lane of its source. Runs in a listener's thread."""
        lanes = self._lanes
        answer = judge(line, {name: lane.token for name, lane in lanes.items() if lane.on})
        if answer.source:
            lanes[answer.source].came()
        self.counted(answer.source, "taken" if answer.source else "refused")
        return answer

    def _pull_soon(self) -> None:
        for lane in self._lanes.values():
            lane.pull_soon()
