"""Health and alerts beside a real daemon: fed by it, following its reloads, and never in its way."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from syncd.alerts.watcher import Watch
from syncd.app.services import Services
from syncd.app.services_late import RunningServices, vitals_of, watched
from syncd.engine.engine import Engine
from syncd.ledger import Ledger, LedgerError
from syncd.settings import Alerts, Digest, Enrich, Health, Listen, Schedule, Settings
from syncd.simulator import Options, running
from tests.daemon.process import SHEET, Process
from tests.support.patience import in_time
from tests.support.running import Running


class Scene:
    """A daemon in virtual time with its services; `settings` of what is served and told."""

    def __init__(self, run: Running) -> None:
        self.run = run
        run.ctgo(leads=3)
        run.place()
        self.services = Services(run.log)
        self.daemon = run.serve()
        self.reader = Ledger.open_to_read(run.path)
        self.running: RunningServices = self.services.start(self.daemon, self.reader)

    def watch(self) -> Watch | None:
        return self.running.watch

    def follow(self, **tables: Any) -> None:
        """As after a reload with these tables."""
        engine = self.daemon.engine
        settings = Settings(sources=engine.settings.sources, connectors=engine.settings.connectors, **tables)
        changed = Engine(settings, *(getattr(engine, name) for name in
                         ("ledger", "clock", "contexts", "pulls", "delivers", "exports", "closes")))  # fmt: skip
        for tell in self.daemon.after_reload:
            tell(changed)


@pytest.fixture
def scene(run: Running) -> Iterator[Scene]:
    made = Scene(run)
    yield made
    made.running.health.close()
    made.reader.close()


def test_a_reload_moves_where_it_listens_and_whom_it_tells(scene: Scene) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as it:
        port = it.getsockname()[1]
    scene.follow(health=Health(listen=Listen(f"127.0.0.1:{port}")))
    assert httpx.get(f"http://127.0.0.1:{port}/healthz").text == "alive\n"
    assert scene.watch() is None
    hook = SecretStr("http://127.0.0.1:9/hook")
    scene.follow(
        health=Health(listen=Listen("")),
        alerts=Alerts(webhook_url=hook, heartbeat_url=hook, digest=Digest("08:30 Europe/Paris")),
    )
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/healthz")
    watch = scene.watch()
    assert watch is not None
    first = watch.sender
    assert first is not None
    assert watch.heartbeat is not None
    assert watch.digest_at is not None
    assert (watch.digest_at.hour, watch.digest_at.minute, watch.digest_at.zone) == (8, 30, "Europe/Paris")
    scene.follow(alerts=Alerts(webhook_url=hook))
    assert watch.sender is first, "what it remembers of the same address is kept"
    scene.follow()
    assert watch.sender is None


def test_the_daemons_troubles_are_seen(scene: Scene) -> None:
    assert vitals_of(scene.daemon).held is None
    scene.run.runner.fail(LedgerError("ledger_full", "The disk is full."))
    assert vitals_of(scene.daemon).held == ("ledger_full", "The disk is full.")
    assert scene.running.looker.look().held == ("ledger_full", "The disk is full.")


def test_the_credits_are_asked_for_and_where_they_are_low_is_known(scene: Scene) -> None:
    chore, _ = scene.services.chores_of(scene.daemon.engine)
    chore.act()
    assert scene.services.credits == {"main": 31}
    (source,) = scene.running.looker.look().sources
    assert (source.credits, source.low_credits) == (31, None)
    main = scene.daemon.engine.settings.sources["main"]
    enriching = main.model_copy(
        update={"enrich": Enrich(per_day=50, keep_credits=10), "poll": Schedule("*/5 * * * *")}
    )
    scene.daemon.engine.settings.sources["main"] = enriching
    scene.services.credits.clear()
    chore.act()
    assert scene.services.credits == {}, "enriching asks for itself"
    found = watched(scene.daemon.engine)["main"]
    assert found.low_credits == 60
    assert found.next_poll(1_790_000_010.0) == 1_790_000_100.0


def test_the_real_process_serves_it_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as it:
        url = f"http://127.0.0.1:{it.getsockname()[1]}"
    monkeypatch.setenv("SYNCD_HEALTH__LISTEN", url.removeprefix("http://"))
    with running(Options(leads=3, rate_limit=6000)) as ctgo:
        daemon = Process(tmp_path, ctgo, connectors=SHEET).start()
        try:
            daemon.until(lambda: len(ctgo.world.exported) == 3, "all are exported")
            ready = httpx.get(f"{url}/readyz/main")
            assert (ready.status_code, json.loads(ready.text)["reasons"]) == (200, [])
            metrics = httpx.get(f"{url}/metrics").text
            assert 'syncd_requests_total{host="127.0.0.1",status="429"} 0.0' in metrics
            assert 'syncd_delivery_outcomes_total{connector="sheet",outcome="rejected"} 0.0' in metrics
            assert 'syncd_leads{source="main",state="exported"} 3.0' in metrics
            assert 'syncd_delivery_outcomes_total{connector="sheet",outcome="delivered"} 3.0' in metrics
            assert 'syncd_requests_total{host="127.0.0.1",status="200"}' in metrics
            ctgo.world.revoke()
            daemon.until(lambda: httpx.get(f"{url}/readyz").status_code == 503, "a refused key is not ready")
            assert "key_refused" in httpx.get(f"{url}/readyz/main").text
            assert httpx.get(f"{url}/healthz").status_code == 200
            code, seconds = daemon.end()
            assert code == 0
            assert in_time(seconds, 10)
        finally:
            daemon.close()


def test_a_port_in_use_keeps_no_lead_from_its_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as taken,
        running(Options(leads=3, rate_limit=6000)) as ctgo,
    ):
        monkeypatch.setenv("SYNCD_HEALTH__LISTEN", f"127.0.0.1:{taken.getsockname()[1]}")
        daemon = Process(tmp_path, ctgo, connectors=SHEET).start()
        try:
            daemon.until(lambda: len(ctgo.world.exported) == 3, "all are exported")
            assert len(daemon.events("health_unserved")) == 1
            assert daemon.end()[0] == 0
        finally:
            daemon.close()
