"""A full disk, a lock, a clock that jumps, a lane that is wedged, a configuration that changes."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

import pytest

from syncd.core.delivery import Delivery, Outcome
from syncd.core.failure import Halt, Retry
from syncd.daemon.poll_schedule import STUCK
from syncd.engine.engine import Engine
from syncd.ledger import LedgerError
from syncd.ledger.errors import full
from syncd.settings import ConnectorSettings, SettingsError
from tests.support import Remote
from tests.support.running import Running

DAY = 86400.0


def halts(_: Remote, __: Sequence[Delivery]) -> Sequence[Outcome]:
    raise Halt("token_expired", "The token has expired.")


class Disk:
    """A disk that is full when it is told to be."""

    def __init__(self, run: Running, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        monkeypatch.setattr(run.ledger, "check", lambda: self._check(run))

    def _check(self, run: Running) -> None:
        if self.full:
            raise full(run.path)


def test_a_full_disk_stops_pulling_and_sending_and_is_waited_out(
    run: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = run.ctgo(leads=3)
    far = run.place()
    daemon = run.serve()
    disk = Disk(run, monkeypatch)
    run.pass_(70)
    disk.full = True
    world.add_leads(5)
    asked, calls = len(world.requests), len(far.calls)
    run.pass_(600)
    assert (len(world.requests), len(far.calls)) == (asked, calls)
    seen = daemon.snapshot()
    assert seen.ledger is not None
    assert seen.ledger.code == "ledger_full"
    assert len(run.log.named("ledger_trouble")) == 1
    disk.full = False
    run.pass_(6)
    assert daemon.snapshot().ledger is None
    assert len(far.things) == 8
    assert len(run.log.named("ledger_recovered")) == 1
    run.check()


def test_a_disk_that_fills_under_a_call_loses_nothing(run: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite itself says so, after the remote has the leads: they are looked for, not sent twice."""
    run.ctgo(leads=20)
    far = run.place(batch_size=5)
    run.serve()
    write, left = run.ledger.write, [7]

    def failing() -> object:
        left[0] -= 1
        if -30 < left[0] < 0:
            raise full(run.path)
        return write()

    monkeypatch.setattr(run.ledger, "write", failing)
    run.pass_(300)
    assert left[0] < -30
    assert len(far.things) == 20
    run.check()


def test_a_ledger_that_somebody_locks_is_waited_out(run: Running) -> None:
    world = run.ctgo(leads=3)
    run.place()
    run.serve()
    run.pass_(70)
    run.ledger._connection.exec_driver_sql("PRAGMA busy_timeout = 1")
    run.ledger._connection.rollback()
    with closing(sqlite3.connect(run.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        world.add_leads(2)
        run.pass_(120)
        assert run.daemon_.snapshot().ledger is not None
        other.execute("ROLLBACK")
    run.pass_(66)
    assert run.leads() == {"exported": 5}
    assert [it["code"] for it in run.log.named("ledger_trouble")] == ["ledger_busy"]


def test_a_ledger_that_cannot_be_well_again_ends_it(run: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    run.ctgo(leads=3)
    run.place()
    run.serve()
    run.pass_(1)

    def broken() -> None:
        raise LedgerError("ledger_broken", "The disk reports errors.")

    monkeypatch.setattr(run.ledger, "check", broken)
    run.pass_(61)
    assert run.runner.over
    run.runner._threads.clear()  # there are none in virtual time
    ended = run.runner.finish()
    assert ended.error is not None
    assert ended.error.code == "ledger_broken"


@pytest.mark.parametrize("jump", [-3600.0, 3600.0, -30 * DAY, 30 * DAY])
def test_a_clock_that_jumps_strands_nothing(run: Running, jump: float) -> None:
    world = run.ctgo(leads=3)
    far = run.place()
    far.script.extend([lambda _, batch: [Retry("busy", "Later.")] * len(batch)] * 2)
    run.serve()
    run.pass_(30)
    run.clock.jump(jump)
    world.add_leads(2)
    run.pass_(400)
    assert len(far.things) == 5
    assert [round(float(str(it["seconds"]))) for it in run.log.named("clock_jumped")] == [round(jump)]
    assert world.busiest_minute() <= 60


def test_a_wedged_lane_stops_the_sign_of_life(run: Running) -> None:
    run.environ = {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "60000000"}
    run.ctgo(leads=3)
    run.place()
    run.serve()
    run.pass_(300)
    assert run.voice.said.count("WATCHDOG=1") >= 9
    (entry,) = run.runner._pools[0].entries
    entry.running, entry.began = True, run.clock.monotonic()  # a call that never comes back
    run.voice.said.clear()
    run.pass_(STUCK)
    assert run.voice.said.count("WATCHDOG=1") >= 18
    run.voice.said.clear()
    run.pass_(120)
    assert "WATCHDOG=1" not in run.voice.said
    assert run.log.named("lane_stuck")


def test_an_idle_or_halted_lane_is_not_a_wedged_one(run: Running) -> None:
    run.environ = {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "600000000"}
    run.ctgo(leads=3)
    far = run.place()
    far.rule = halts
    run.polls["main"] = {"poll": "0 3 * * *"}
    run.serve()
    run.pass_(DAY)
    assert run.voice.said.count("WATCHDOG=1") >= 280
    assert run.log.named("lane_stuck") == []


def test_the_line_for_people_says_what_waits_and_why(run: Running) -> None:
    run.environ = {"NOTIFY_SOCKET": "/nowhere"}
    run.ctgo(leads=3)
    far = run.place()
    far.rule = halts
    run.serve()
    run.pass_(61)
    assert run.voice.said[-1] == "STATUS=3 to deliver, 0 to export; crm (deliver): token_expired"


def changing(run: Running, **of_crm: object) -> None:
    """The next reload gives connector crm other options; its lane is the same object, as the bench has but one."""

    def remake() -> Engine:
        engine = run.engine()
        crm = ConnectorSettings(type="memory", **of_crm)
        connectors = {**engine.settings.connectors, "crm": crm}
        return replace(engine, settings=engine.settings.model_copy(update={"connectors": connectors}))

    run.remake = remake


def test_a_reload_that_changes_an_option_lifts_that_lanes_halt(run: Running) -> None:
    run.ctgo(leads=3)
    far = run.place()
    far.rule = halts
    changing(run, token="new")
    daemon = run.serve()
    run.pass_(61)
    far.rule = None
    run.pass_(61)
    assert far.things == []
    daemon.order("reload")
    run.pass_(1)
    assert len(far.things) == 3
    assert run.log.named("reloaded")[0]["lifted"] == ["deliver:crm"]


def test_a_reload_that_changes_nothing_lifts_no_halt(run: Running) -> None:
    run.ctgo(leads=3)
    far = run.place()
    far.rule = halts
    daemon = run.serve()
    run.pass_(61)
    far.rule = None
    daemon.order("reload")
    run.pass_(61)
    assert far.things == []
    assert run.log.named("reloaded")[0]["lifted"] == []


def test_a_mistake_in_a_reload_keeps_all_as_it_was(run: Running) -> None:
    def mistaken() -> Engine:
        raise SettingsError("config.toml: connectors.crm.colour: unknown key")

    world = run.ctgo(leads=3)
    far = run.place()
    run.remake = mistaken
    daemon = run.serve()
    run.pass_(30)
    daemon.order("reload")
    run.pass_(1)
    assert run.log.named("reload_refused")[0]["mistakes"] == [
        "config.toml: connectors.crm.colour: unknown key"
    ]
    world.add_leads(2)
    run.pass_(61)
    assert len(far.things) == 5
    assert [it for it in run.voice.said if it[:5] in {"READY", "RELOA"}][-1] == "READY=1"


def test_a_plugin_that_cannot_be_made_in_a_reload_keeps_all_as_it_was(run: Running) -> None:
    def buggy() -> Engine:
        raise ZeroDivisionError

    run.ctgo(leads=3)
    far = run.place()
    run.remake = buggy
    daemon = run.serve()
    daemon.order("reload")
    run.pass_(61)
    assert len(far.things) == 3
    assert len(run.log.named("reload_failed")) == 1
