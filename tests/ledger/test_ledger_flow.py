"""Flow: what comes into each state, counted in the transaction that moves it, and only where a console wants it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from syncd.core.delivery import Change
from syncd.ledger import Ledger, flow
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.flow import DAY, HOUR, Range
from syncd.ledger.sources import load_source, set_budgets
from tests.ledger.rows import NOW, admission, ids, put, settle

AT = int(NOW // HOUR) * HOUR
LATELY = Range("hour", AT - DAY, AT + DAY)


@contextmanager
def _asked(ledger: Ledger) -> Iterator[list[str]]:
    said: list[str] = []
    with ledger.bare() as driver:
        driver.set_trace_callback(said.append)
    yield said
    with ledger.bare() as driver:
        driver.set_trace_callback(None)


def _work(ledger: Ledger, first: int) -> None:
    """Two leads come, one is delivered to both places, the other is refused by one."""
    put(ledger, *(admission(n, "crm", "sheet") for n in (first, first + 1)))
    of = {(number, name): id_ for id_, number, name in ids(
        ledger, "SELECT d.id, lead_id, connector FROM delivery d JOIN lead ON seq = lead_seq"
    )}  # fmt: skip
    settle(ledger, Change(of[first, "crm"], "delivered", 1, remote_id="a"))
    settle(ledger, Change(of[first + 1, "crm"], "rejected", 1, code="bad", detail="No."))
    settle(ledger, Change(of[first, "sheet"], "delivered", 1, remote_id="b"), connector="sheet")


def test_what_comes_into_a_state_is_counted_in_its_hour(ledger: Ledger) -> None:
    ledger.flow = True
    _work(ledger, 1)
    with ledger.read() as connection:
        counted = {
            (kind, state): flow.by_time(connection, LATELY, kind, state)
            for kind, state in (
                ("lead", "found"), ("lead", "exporting"), ("delivery", "delivered"), ("delivery", "rejected"), ("export", "pending"),
                ("export", "delivered"),
            )
        }  # fmt: skip
        assert flow.by_name(connection, LATELY, "delivery", "delivered") == {"crm": {AT: 1}, "sheet": {AT: 1}}
        assert flow.by_time(connection, LATELY, "delivery", "delivered", ["crm"]) == {AT: 1}
        assert flow.last(connection, LATELY, "delivery", "delivered") == {"crm": NOW, "sheet": NOW}
    assert counted == {
        ("lead", "found"): {AT: 2}, ("lead", "exporting"): {AT: 1}, ("delivery", "delivered"): {AT: 2},
        ("delivery", "rejected"): {AT: 1}, ("export", "pending"): {AT: 1}, ("export", "delivered"): {},
    }  # fmt: skip


def test_without_a_console_there_is_no_statement_more(ledger: Ledger) -> None:
    _work(ledger, 1)  # what is prepared once is
    with _asked(ledger) as without:
        _work(ledger, 11)
    ledger.flow = True
    with _asked(ledger) as with_flow:
        _work(ledger, 21)
    assert not [statement for statement in without if " flow" in statement]
    assert [s.split()[:3] for s in without] == [s.split()[:3] for s in with_flow if "INTO flow" not in s]


def test_levels_are_those_at_the_first_look_of_an_hour(ledger: Ledger) -> None:
    put(ledger, admission(1), admission(2))
    for later in (60.0, 120.0):
        with ledger.write() as connection:
            flow.note_levels(connection, NOW + later)
        put(ledger, admission(int(later)))
    with ledger.read() as connection:
        assert flow.by_name(connection, LATELY, "level", "delivery") == {"crm": {AT: 2}}


def _counted(ledger: Ledger, hours: int, *, until: float) -> None:
    for hour in range(hours):
        with ledger.write() as connection:
            flow.add(
                connection, [("lead", "found", "main", 1), ("request", "200", "main", 2)], until - hour * HOUR
            )
            connection.exec_driver_sql(
                "INSERT INTO flow VALUES ('hour', 'level', 'delivery', ?, 'crm', ?, 0)",
                (int(until) - hour * HOUR, hour),
            )


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_hours_become_days_at_midnight_once_however_often_and_however_late(ledger: Ledger, zone: str) -> None:
    local = ZoneInfo(zone)
    noon = datetime(2026, 11, 3, 12, tzinfo=local).timestamp()  # a clock was set back on the 1st in New York
    _counted(ledger, 24 * 6, until=noon)
    for _ in range(2):
        with ledger.write() as connection:
            flow.fold(connection, noon, local)
    days = Range("day", 0, noon)
    dates = [
        datetime(2026, *day, tzinfo=local).timestamp()
        for day in ((10, 28), (10, 29), (10, 30), (10, 31), (11, 1), (11, 2))
    ]
    with ledger.read() as connection:
        found = flow.by_time(connection, days, "lead", "found")
        levels = flow.by_time(connection, days, "level", "delivery")
        hours = flow.by_time(connection, Range("hour", 0, noon + 1), "lead", "found")
        assert flow.counted_since(connection) == dates[0]
    assert list(found) == dates
    assert list(found.values())[1:] == [24, 24, 24, 25 if zone != "UTC" else 24, 24]
    assert levels[int(dates[-1])] == 36, "the highest of a day"
    assert min(hours) == dates[3]


def test_what_is_old_goes(ledger: Ledger) -> None:
    for age in range(0, 120, 10):
        with ledger.write() as connection:
            flow.add(connection, [("lead", "found", "main", 1)], NOW - age * DAY)
            flow.fold(connection, NOW - age * DAY + 1, UTC)
    with ledger.write() as connection:
        flow.fold(connection, NOW, UTC)
    kept = [
        (NOW - at) / DAY
        for at in ids(ledger, "SELECT DISTINCT at FROM flow WHERE at < 1789948800 ORDER BY at")
    ]
    assert max(kept) < 92
    assert len(kept) == 9


def test_a_gate_that_closes_remembers_which_five_it_let_through(ledger: Ledger) -> None:
    put(ledger, *(admission(n) for n in range(1, 9)))
    with ledger.write() as connection:
        flood_gate.close(connection, "crm", NOW)
        (first,) = connection.exec_driver_sql("SELECT first FROM gate").one()
    assert first == "[1, 2, 3, 4, 5]"


def test_a_source_tells_which_budget_is_its_own(ledger: Ledger) -> None:
    with ledger.write() as connection:
        load_source(connection, "main")
        set_budgets(connection, {"main": "0123abcd", "never pulled": "ef"})
    assert ids(ledger, "SELECT name, budget FROM source") == [("main", "0123abcd")]
