"""What lives beside the daemon: health, metrics and alerts, put together. Only the daemon imports this."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from syncd.alerts.sending import Sender
from syncd.alerts.watching import DigestAt, Watch
from syncd.connector import Logger
from syncd.daemon.calendar import Chore, Cron, Every, following
from syncd.daemon.service import Daemon
from syncd.engine.balance import ask_credits
from syncd.engine.whole import Engine
from syncd.health.app import HealthApp
from syncd.health.counting import Counted, Counting
from syncd.health.looking import Looker, Vitals, Watched
from syncd.health.serving import Serving
from syncd.health.view import View
from syncd.ledger import Ledger
from syncd.settings import Settings
from syncd.upstream.hook import Hook

CREDITS_EVERY = 3600.0
CREDITS_FIRST = 30.0
"""Seconds between two looks at the balances, and until the first: the first pulls come first."""


@dataclass(slots=True)
class Companions:
    """See the module. Made before the engine, which reports to `counting`; `beside` is for as long as the daemon runs."""

    log: Logger
    counting: Counting = field(default_factory=Counting)
    credits: dict[str, int] = field(default_factory=dict)

    def chores_of(self, engine: Engine) -> Sequence[Chore]:
        """What is on the calendar for them."""
        act = partial(self._ask_credits, engine)
        return (Chore("credits", Every(CREDITS_EVERY, CREDITS_FIRST), act, grace=None),)

    def _ask_credits(self, engine: Engine) -> None:
        for desk in engine.desks:
            if engine.settings.sources[desk.name].enrich is not None:
                continue  # enriching asks when it needs to, and its balance must not be told by two
            if engine.clock.stopping:
                return
            balance = ask_credits(desk, engine.ledger)
            if balance is not None:
                self.credits[desk.name] = balance

    @contextmanager
    def beside(self, daemon: Daemon) -> Iterator[None]:
        """Serve, watch and tell until the block ends; a reload is followed."""
        with Ledger.open_to_read(daemon.engine.ledger.path) as reader:
            beside = self.put_beside(daemon, reader)
            thread = threading.Thread(target=beside.watch.run, name="watch", daemon=True)
            thread.start()
            try:
                yield
            finally:
                beside.health.close()
                thread.join(0.5)  # it may be waiting for a webhook, which nobody waits for

    def put_beside(self, daemon: Daemon, reader: Ledger) -> "Beside":
        """All of it, listening but not watching yet."""
        engine = daemon.engine
        looker = Looker(
            reader, engine.clock, watched(engine), set(engine.settings.connectors),
            partial(vitals_of, daemon), self.credits,
        )  # fmt: skip
        app = HealthApp(
            looker.look,
            _Metrics(looker.look, self.counting.read),
            lambda: vitals_of(daemon).wedged,
            lambda: set(looker.sources),
        )
        health = Health(app, self.log)
        watch = Watch(
            looker.look, engine.ledger, engine.clock, self.log, socket.gethostname(),
            chores=[health.ensure], counted=self.counting.told,
        )  # fmt: skip
        beside = Beside(looker, health, watch)
        beside.follow(engine)
        daemon.after_reload.append(beside.follow)
        return beside


@dataclass(frozen=True, slots=True)
class Beside:
    """What is beside a daemon. `follow` fits it to a configuration; it is in the daemon's thread, and brief."""

    looker: Looker
    health: "Health"
    watch: Watch

    def follow(self, engine: Engine) -> None:
        """Look at this engine's sources, listen and tell where its settings say."""
        self.looker.sources, self.looker.connectors = watched(engine), set(engine.settings.connectors)
        self.health.follow(engine.settings)
        alerts, watch = engine.settings.alerts, self.watch
        webhook, heartbeat, at = alerts.webhook_url, alerts.heartbeat_url, alerts.digest
        if not webhook.get_secret_value():
            watch.sender = None
        elif watch.sender is None or not watch.sender.hook.goes_to(webhook):
            watch.sender = Sender(Hook(webhook, watch.clock), watch.clock, watch.log, watch.counted)
        watch.heartbeat = Hook(heartbeat, watch.clock) if heartbeat.get_secret_value() else None
        watch.digest_at = DigestAt(at.hour, at.minute, at.zone) if at else None
        watch.woken.set()


@dataclass(slots=True)
class _Metrics:
    """/metrics, made when somebody first scrapes: Prometheus's client costs a megabyte, and many never do."""

    look: Callable[[], View]
    counted: Callable[[], Counted]
    _exposition: Callable[[str], tuple[str, bytes]] | None = None

    def __call__(self, accept: str) -> tuple[str, bytes]:
        if self._exposition is None:
            from syncd.health.metrics import Exposition  # noqa: PLC0415 - see the class

            self._exposition = Exposition(self.look, self.counted)
        return self._exposition(accept)


@dataclass(slots=True)
class Health:
    """The server where the settings want it; none where they want none."""

    app: HealthApp
    log: Logger
    _at: str = ""
    _serving: Serving | None = None

    def follow(self, settings: Settings) -> None:
        """Listen where these settings say, if that is not so already."""
        listen = settings.health.listen
        if listen != self._at:
            self.close()
            self._at = listen
            self._serving = Serving(self.app, listen.host, listen.port, self.log) if listen else None
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


def watched(engine: Engine) -> dict[str, Watched]:
    """The engine's sources as watching needs them."""
    found = {}
    for desk in engine.desks:
        source = engine.settings.sources[desk.name]
        when = Every(source.poll.every or 0.0) if source.poll.cron is None else Cron(source.poll.cron)
        enrich = source.enrich
        low = enrich.keep_credits + enrich.per_day if enrich else None
        found[desk.name] = Watched(desk.pacer.meter, partial(following, when), low)
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
