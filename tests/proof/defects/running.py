"""Defects of the runner and the daemon: who is stepped when, and what is noticed."""

from typing import Any

from tests.proof.defects.planting import around, defect, instead

CALENDAR = "tests/daemon/test_daemon_calendar.py"
LANES = "tests/workers/test_lanes.py"
POLLING = "tests/daemon/test_daemon_polling.py"
TROUBLE = "tests/daemon/test_daemon_trouble.py"


@defect("liveness", "engine", f"{LANES}::test_a_wake_during_a_step_is_not_lost")
def a_wake_during_a_step_is_lost() -> None:
    """Work that comes while a lane is at work waits until something else does."""

    def make(plain: Any) -> Any:
        def settle(self: Any, entry: Any, after: Any) -> None:
            entry.woken = False
            plain(self, entry, after)

        return settle

    around("syncd.workers:Runner._settle", make)


@defect("liveness", "engine", f"{LANES}::test_a_wake_cuts_every_wait_short_but_the_one_after_a_bug")
def a_lane_that_waits_is_not_woken() -> None:
    """New leads wait until the lane would have got up anyway."""

    def make(plain: Any) -> Any:
        def wake(self: Any, kind: str, name: str) -> None:
            for _, entry in self._all():
                if (entry.lane.kind, entry.lane.name) == (kind, name) and entry.due is None:
                    plain(self, kind, name)

        return wake

    around("syncd.workers:Runner.wake", make)


@defect(
    "liveness",
    "cli",
    "tests/cli/run/test_cli_once.py::test_leads_are_delivered_and_exported_once_and_a_second_run_finds_nothing_new",
)
def deliveries_wake_no_export() -> None:
    """A lead that every connector has is exported with the next poll."""

    def make(plain: Any) -> Any:
        def record(*given: Any, **named: Any) -> Any:
            recorded = plain(*given, **named)
            recorded.owing = set()
            return recorded

        return record

    around("syncd.ledger.deliveries.due:record", make)


@defect("I-16", "daemon", f"{POLLING}::test_an_idle_daemon_gets_up_for_its_polls_and_nothing_else")
def an_idle_lane_looks_every_second() -> None:
    """With nothing to do, the daemon is busy looking."""

    def make(plain: Any) -> Any:
        def step(self: Any) -> Any:
            after = plain(self)
            return after._replace(wait=1.0) if after.wait is None else after

        return step

    around("syncd.engine.export:QueueLane.step", make)


@defect(
    "I-16",
    "unit",
    "tests/core/test_delivery_once_broken.py::test_a_pause_of_no_time_at_all_is_a_second_at_the_least",
)
def a_pause_of_nothing_spins() -> None:
    """A CRM that asks for 0 seconds is asked as fast as it answers."""
    instead("syncd.core.lane_state:SHORTEST_PAUSE", 0.0)


@defect("stop within 10 s", "engine", f"{LANES}::test_a_stop_waits_for_the_step_that_is_under_way")
def a_stop_waits_for_no_step() -> None:
    """What a call under way comes to is not written down."""

    def make(plain: Any) -> Any:
        def finish(self: Any) -> Any:
            self._threads = []
            return plain(self)

        return finish

    around("syncd.workers:Runner.finish", make)


@defect("apart", "engine", f"{LANES}::test_a_lane_that_is_woken_in_its_step_is_not_stepped_beside_itself")
def a_lane_may_be_in_two_threads() -> None:
    """Two threads of a pool step the same lane."""
    instead("syncd.workers:Entry.ready", property(lambda _: True))


@defect("apart", "engine", f"{LANES}::test_a_bug_in_one_lane_ends_no_other_and_fails_the_run")
def a_bug_in_one_lane_ends_the_run() -> None:
    """What one plugin raises stops all the others."""

    def make(plain: Any) -> Any:
        def step(self: Any, lane: Any) -> Any:
            after = plain(self, lane)
            if self._bug:
                self._end()
            return after

        return step

    around("syncd.workers:Runner._step", make)


@defect("liveness", "daemon", f"{TROUBLE}::test_a_clock_that_jumps_strands_nothing")
def nobody_notices_that_the_clock_was_set() -> None:
    """What was due tomorrow, by the old time, is done a month from now."""
    instead("syncd.daemon.calendar:Calendar.jumped", lambda _: 0.0)


@defect("once", "daemon", f"{CALENDAR}::test_a_long_chore_delays_nothing_and_is_never_run_twice_at_a_time")
def a_chore_runs_beside_itself() -> None:
    """House-keeping that takes an hour is begun again meanwhile."""

    def make(plain: Any) -> Any:
        def begin(self: Any, entry: Any) -> None:
            entry.running = False
            plain(self, entry)

        return begin

    around("syncd.daemon.calendar:Calendar._begin", make)


@defect(
    "what is asked for",
    "daemon",
    f"{CALENDAR}::test_a_time_of_day_is_of_its_zone_also_when_the_zone_changes_its_clocks",
)
def a_time_of_day_is_of_utc() -> None:
    """08:00 in Paris comes at 09:00 or at 10:00."""

    def make(plain: Any) -> Any:
        return lambda when: plain(when._replace(zone="UTC"))

    around("syncd.daemon.calendar:_cron", make)


@defect("the old stays", "daemon", f"{TROUBLE}::test_a_mistake_in_a_reload_keeps_all_as_it_was")
def a_mistake_in_a_reload_ends_the_polling() -> None:
    """The old polls end before the new configuration is known to be good."""

    def make(plain: Any) -> Any:
        def reload(self: Any) -> None:
            self._polls.end()
            plain(self)

        return reload

    around("syncd.daemon.daemon:Daemon._reload", make)


@defect("I-2", "daemon", f"{TROUBLE}::test_a_full_disk_stops_pulling_and_sending_and_is_waited_out")
def a_full_disk_ends_the_daemon() -> None:
    """What would pass by itself waits for a person."""
    instead("syncd.ledger.errors:LedgerError.passing", property(lambda _: False))


@defect("a sign of life", "daemon", f"{TROUBLE}::test_a_wedged_lane_stops_the_sign_of_life")
def a_wedged_lane_looks_alive() -> None:
    """systemd is told that all is well while a lane has been hanging for an hour."""
    instead("syncd.daemon.poll_schedule:Snapshot.stuck", property(lambda _: []))
