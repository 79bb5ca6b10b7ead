"""Health, metrics and alerts, put together beside a daemon that runs. Imported when its first pulls are on their way."""

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.daemon.calendar import Cron, Every, following
from syncd.daemon.daemon import Daemon
from syncd.engine.engine import Engine
from syncd.health.app import HealthApp
from syncd.health.cache import Recent
from syncd.health.counters import Counted, Counting
from syncd.health.server import Serving
from syncd.health.snapshot import Looker, Vitals, Watched
from syncd.health.view import View
from syncd.ledger import Ledger
from syncd.registry import codes, known_types
from syncd.settings import Settings

if TYPE_CHECKING:
    from syncd.alerts.watcher import Watch
    from syncd.app.push_listeners_late import Receivers


def put_beside(
    daemon: Daemon, reader: Ledger, counting: Counting, credits_: dict[str, int], log: Logger
) -> "Beside":
    """All of it, listening but not watching yet; a reload is followed.

    Args:
        daemon: whom it is beside.
        reader: a ledger of its own to look at.
        counting: what the engine reports to.
        credits_: the balances that were last told, by source.
        log: where it writes.
    """
    engine = daemon.engine
    receivers = Receiving(engine.clock, log, counting.pushed)
    looker = Looker(
        reader, engine.clock, watched(engine), set(engine.settings.connectors),
        partial(vitals_of, daemon), credits_, unserved=receivers.why,
    )  # fmt: skip
    seen = Recent[View](engine.clock)
    app = HealthApp(
        lambda: seen.get("", looker.look),
        _Metrics(looker.look, counting.read, engine.clock),
        lambda: vitals_of(daemon).wedged,
        lambda: set(looker.sources),
        lambda: own_names(daemon.engine.settings),
    )
    beside = Beside(looker, Health(app, engine.clock, log), counting, log, receivers)
    beside.follow(engine)
    daemon.after_reload.append(beside.follow)
    return beside


@dataclass(slots=True)
class Beside:
    """What is beside a daemon. `watch`: None as long as there was nobody to tell."""

    looker: Looker
    health: "Health"
    counting: Counting
    log: Logger
    push: "Receiving"
    watch: "Watch | None" = None
    _begun: bool = False
    _thread: threading.Thread | None = None

    def follow(self, engine: Engine) -> None:
        """Fit to a configuration: look at its sources, listen and tell where it says. Brief: the daemon waits for it."""
        looker, connectors = self.looker, engine.settings.connectors
        looker.sources, looker.connectors = watched(engine), set(connectors)
        types = known_types()
        looker.fixes = codes({it.type for it in connectors.values()} & set(types), types=types)
        sources = engine.settings.sources
        self.counting.expect(
            {name: urlsplit(it.base_url).hostname or "" for name, it in sources.items()},
            connectors,
            (name for name, it in sources.items() if it.push is not None),
        )
        self.health.follow(engine.settings)
        self.push.follow(engine)
        alerts = engine.settings.alerts
        if self.watch is None and not (alerts.webhook_url or alerts.heartbeat_url):
            return
        from syncd.app.alerts_late import make_watch, point  # noqa: PLC0415 - see there

        if self.watch is None:
            self.watch = make_watch(
                self.looker.look, engine.ledger, engine.clock, self.log, self.counting.messaged
            )
        point(self.watch, alerts)
        if self._begun:
            self.begin()

    def begin(self) -> None:
        """Watch from now on, as soon as there is somebody to tell."""
        self._begun = True
        if self.watch is not None and self._thread is None:
            self._thread = threading.Thread(target=self.watch.run, name="watch", daemon=True)
            self._thread.start()

    def ensure(self) -> None:
        """Try again addresses that could not be had."""
        self.health.ensure()
        self.push.ensure()

    def end(self) -> None:
        """Listen no more; the watch ends by itself when the clock is stopped."""
        self.push.close()
        self.health.close()
        if self._thread is not None:
            self._thread.join(0.5)  # it may be waiting for a webhook, which nobody waits for


@dataclass(slots=True)
class _Metrics:
    """/metrics, made when somebody first scrapes: Prometheus's client costs a megabyte, and many never do."""

    look: Callable[[], View]
    counted: Callable[[], Counted]
    clock: Clock
    _exposition: Callable[[str], tuple[str, bytes]] | None = None

    def __call__(self, accept: str) -> tuple[str, bytes]:
        if self._exposition is None:
            from syncd.health.metrics import Exposition  # noqa: PLC0415 - see the class

            self._exposition = Exposition(self.look, self.counted, Recent(self.clock))
        return self._exposition(accept)


@dataclass(slots=True)
class Health:
    """The server where the settings want it; none where they want none."""

    app: HealthApp
    clock: Clock
    log: Logger
    _at: str = ""
    _serving: Serving | None = None

    def follow(self, settings: Settings) -> None:
        """Listen where these settings say, if that is not so already."""
        listen = settings.health.listen
        if listen != self._at:
            self.close()
            self._at = listen
            self._serving = (
                Serving(self.app, listen.host, listen.port, self.clock, self.log) if listen else None
            )
        self.ensure()

    def ensure(self) -> None:
        """Try again if the address could not be had."""
        if self._serving is not None:
            self._serving.ensure()

    def close(self) -> None:
        """Listen no more."""
        serving, self._serving, self._at = self._serving, None, ""
        if serving is not None:
            serving.close()


def own_names(settings: Settings) -> set[str]:
    """What this machine is called, in lower case: by itself, and in the settings of health."""
    health = settings.health
    return {name.lower() for name in (socket.gethostname(), health.listen.host, *health.hosts)}


@dataclass(slots=True)
class Receiving:
    """Where pushes are received, if some source has push: only then is what it takes imported."""

    clock: Clock
    log: Logger
    counted: Callable[[str, str], None]
    _receivers: "Receivers | None" = None

    def follow(self, engine: Engine) -> None:
        """Listen where this engine's sources say."""
        if self._receivers is None and all(it.push is None for it in engine.settings.sources.values()):
            return
        if self._receivers is None:
            from syncd.app.push_listeners_late import Receivers  # noqa: PLC0415 - see the class

            self._receivers = Receivers(self.clock, self.log, self.counted)
        self._receivers.follow(engine)

    def ensure(self) -> None:
        """Try again if an address could not be had."""
        if self._receivers is not None:
            self._receivers.ensure()

    def why(self) -> str:
        """Why pushes cannot be received; empty while they can."""
        return self._receivers.why() if self._receivers is not None else ""

    def close(self) -> None:
        """Listen no more."""
        if self._receivers is not None:
            self._receivers.close()


def watched(engine: Engine) -> dict[str, Watched]:
    """The engine's sources as watching needs them."""
    found = {}
    for context in engine.contexts:
        source = engine.settings.sources[context.name]
        when = Every(source.poll.every or 0.0) if source.poll.cron is None else Cron(source.poll.cron)
        enrich = source.enrich
        low = enrich.keep_credits + enrich.per_day if enrich else None
        found[context.name] = Watched(
            context.pacer.meter, partial(following, when), low, source.push is not None
        )
    return found


def vitals_of(daemon: Daemon) -> Vitals:
    """What the daemon says of itself."""
    seen = daemon.snapshot()
    stuck = [f"{lane.kind} {lane.name}" for lane in seen.stuck]
    hangs = (
        f"The lane {stuck[0]} has not come back for {seen.stuck[0].late(seen.monotonic):.0f} s."
        if stuck
        else ""
    )
    return Vitals(hangs, (seen.ledger.code, seen.ledger.detail) if seen.ledger else None)
