"""Health, metrics and alerts beside a daemon that runs. Imported late: after its first pulls have begun."""

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
from syncd.health.counters import Counted, Counting
from syncd.health.server import HealthApp, Serving
from syncd.health.snapshot import MonitoredSource, Recent, ViewReader, Vitals
from syncd.health.view import View
from syncd.ledger import Ledger
from syncd.registry import codes, known_types
from syncd.settings import Settings

if TYPE_CHECKING:
    from syncd.alerts.watcher import Watch
    from syncd.app.push_late import PushListeners


def start_services(
    daemon: Daemon, reader: Ledger, counting: Counting, credits_: dict[str, int], log: Logger
) -> "RunningServices":
    """Start to listen, and follow reloads; the watch does not run yet.

    Args:
        daemon: the daemon that they describe.
        reader: a ledger of their own to read.
        counting: the counters that the engine reports to.
        credits_: the last known balances, by source.
        log: where they write.
    """
    engine = daemon.engine
    looker = ViewReader(
        reader, engine.clock, watched(engine), set(engine.settings.connectors),
        partial(vitals_of, daemon), credits_, unserved=lambda: services.unserved(),  # noqa: PLW0108 - made below
    )  # fmt: skip
    seen = Recent[View](engine.clock)
    app = HealthApp(
        lambda: seen.get("", looker.look),
        _Metrics(looker.look, counting.read, engine.clock),
        lambda: vitals_of(daemon).wedged,
        lambda: set(looker.sources),
        lambda: own_names(daemon.engine.settings),
    )
    services = RunningServices(looker, HealthServer(app, engine.clock, log), counting, log)
    services.follow(engine)
    daemon.after_reload.append(services.follow)
    return services


@dataclass(slots=True)
class RunningServices:
    """The services of a daemon that runs. `watch` and `push` are None until the settings need them."""

    looker: ViewReader
    health: "HealthServer"
    counting: Counting
    log: Logger
    push: "PushListeners | None" = None
    watch: "Watch | None" = None
    _begun: bool = False
    _thread: threading.Thread | None = None

    def follow(self, engine: Engine) -> None:
        """Adapt to a configuration: its sources, addresses and receivers. This is quick, for the daemon waits for it."""
        looker, connectors = self.looker, engine.settings.connectors
        looker.sources, looker.connectors = watched(engine), set(connectors)
        types = known_types()
        looker.fixes = codes({it.type for it in connectors.values()} & set(types), types=types)
        looker.daily_backup = engine.settings.state.backup != "off"
        sources = engine.settings.sources
        pushed = [name for name, it in sources.items() if it.push is not None]
        hosts = {name: urlsplit(it.base_url).hostname or "" for name, it in sources.items()}
        self.counting.expect(hosts, connectors, pushed)
        self.health.follow(engine.settings)
        if self.push is None and pushed:
            from syncd.app.push_late import PushListeners  # noqa: PLC0415 - only where a source has push

            self.push = PushListeners(engine.clock, self.log, self.counting.pushed)
        if self.push is not None:
            self.push.follow(engine)
        alerts = engine.settings.alerts
        if self.watch is None and not (alerts.webhook_url or alerts.heartbeat_url):
            return
        self._direct(engine)
        if self._begun:
            self.begin()

    def _direct(self, engine: Engine) -> None:
        """Direct the watch to the receivers in the settings; a webhook that stays keeps its state."""
        from syncd.alerts.sender import Hook, Sender  # noqa: PLC0415
        from syncd.alerts.watcher import DigestAt, Watch  # noqa: PLC0415

        clock, log, counted = engine.clock, self.log, self.counting.messaged
        if self.watch is None:
            host = socket.gethostname()
            self.watch = Watch(self.looker.look, engine.ledger, clock, log, host, counted=counted)
        watch, alerts = self.watch, engine.settings.alerts
        webhook, heartbeat, at = alerts.webhook_url, alerts.heartbeat_url, alerts.digest
        if not webhook.get_secret_value():
            watch.sender = None
        elif watch.sender is None or not watch.sender.hook.goes_to(webhook):
            watch.sender = Sender(Hook(webhook, clock), clock, log, counted)
        watch.heartbeat = Hook(heartbeat, clock) if heartbeat.get_secret_value() else None
        watch.digest_at = DigestAt(at.hour, at.minute, at.zone) if at else None
        watch.woken.set()

    def unserved(self) -> str:
        """Return the reason why pushes cannot be received at some address; empty if they can."""
        return self.push.unserved() if self.push is not None else ""

    def begin(self) -> None:
        """Run the watch from now on, as soon as it has a receiver."""
        self._begun = True
        if self.watch is not None and self._thread is None:
            self._thread = threading.Thread(target=self.watch.run, name="watch", daemon=True)
            self._thread.start()

    def ensure(self) -> None:
        """Try again to bind addresses that could not be bound."""
        self.health.ensure()
        if self.push is not None:
            self.push.ensure()

    def end(self) -> None:
        """Stop listening; the watch ends by itself when the clock is stopped."""
        if self.push is not None:
            self.push.close()
        self.health.close()
        if self._thread is not None:
            self._thread.join(0.5)  # it may be waiting for a webhook, which nobody waits for


@dataclass(slots=True)
class _Metrics:
    """`/metrics`, made at the first scrape: Prometheus's client costs a megabyte, and many never scrape."""

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
class HealthServer:
    """The health server, if the settings name an address for it."""

    app: HealthApp
    clock: Clock
    log: Logger
    _at: str = ""
    _serving: Serving | None = None

    def follow(self, settings: Settings) -> None:
        """Listen at the address in these settings, if that is not so already."""
        listen = settings.health.listen
        if listen != self._at:
            self.close()
            self._at = listen
            self._serving = (
                Serving(self.app, listen.host, listen.port, self.clock, self.log) if listen else None
            )
        self.ensure()

    def ensure(self) -> None:
        """Try again if the address could not be bound."""
        if self._serving is not None:
            self._serving.ensure()

    def close(self) -> None:
        """Stop listening."""
        serving, self._serving, self._at = self._serving, None, ""
        if serving is not None:
            serving.close()


def own_names(settings: Settings) -> set[str]:
    """List the names of this machine in lower case: its own, and those in the settings of health."""
    health = settings.health
    return {name.lower() for name in (socket.gethostname(), health.listen.host, *health.hosts)}


def watched(engine: Engine) -> dict[str, MonitoredSource]:
    """Describe the engine's sources for the snapshot."""
    found = {}
    for context in engine.contexts:
        source = engine.settings.sources[context.name]
        when = Every(source.poll.every or 0.0) if source.poll.cron is None else Cron(source.poll.cron)
        enrich = source.enrich
        low = enrich.keep_credits + enrich.per_day if enrich else None
        found[context.name] = MonitoredSource(
            context.budget.meter, partial(following, when), low, source.push is not None
        )
    return found


def vitals_of(daemon: Daemon) -> Vitals:
    """Describe the daemon's own state."""
    seen = daemon.snapshot()
    stuck = [f"{lane.kind} {lane.name}" for lane in seen.stuck]
    hangs = (
        f"The lane {stuck[0]} has not come back for {seen.stuck[0].late(seen.monotonic):.0f} s."
        if stuck
        else ""
    )
    return Vitals(hangs, (seen.ledger.code, seen.ledger.detail) if seen.ledger else None)
