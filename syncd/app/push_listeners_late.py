"""The listeners for pushes, and whom each push wakes. Imported when some source has push."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.engine.engine import Engine
from syncd.engine.push import Push
from syncd.push.receiver import Receiver
from syncd.push.request_line import Answer, judge
from syncd.settings import Listen


@dataclass(slots=True)
class Receivers:
    """One listener for each address that is named; usually one. Which source a push is for, its token says."""

    clock: Clock
    log: Logger
    counted: Callable[[str, str], None]
    _lanes: Mapping[str, Push] = field(default_factory=dict)
    _each: dict[Listen, Receiver] = field(default_factory=dict)

    def follow(self, engine: Engine) -> None:
        """Listen where these sources say, and nowhere else. Brief: the daemon waits for it."""
        wanted = {it.push.listen for it in engine.settings.sources.values() if it.push is not None}
        self._lanes = {lane.name: lane for lane in engine.others if isinstance(lane, Push)}
        for listen in set(self._each) - wanted:
            self._each.pop(listen).close()
        for listen in wanted - set(self._each):
            self._each[listen] = Receiver(listen.host, listen.port, self.judge, self.clock, self.log)
        self.ensure()
        self._pull_soon()  # what came while the lanes changed hands woke nobody

    def ensure(self) -> None:
        """Try again addresses that could not be had. What CTGO said meanwhile was not heard, so where one is had now, pull."""
        if any([receiver.ensure() for receiver in self._each.values()]):  # noqa: C419 - each of them
            self._pull_soon()

    def why(self) -> str:
        """Why pushes cannot be received at some address; empty when they can."""
        return next((it.unserved for it in list(self._each.values()) if it.unserved), "")

    def close(self) -> None:
        """Listen no more."""
        while self._each:
            self._each.popitem()[1].close()

    def judge(self, line: bytes) -> Answer:
        """What a request's first line comes to; whom it concerns is told. In a listener's thread."""
        lanes = self._lanes
        answer = judge(line, {name: lane.token for name, lane in lanes.items() if lane.on})
        if answer.source:
            lanes[answer.source].came()
        self.counted(answer.source, "taken" if answer.source else "refused")
        return answer

    def _pull_soon(self) -> None:
        for lane in self._lanes.values():
            lane.pull_soon()
