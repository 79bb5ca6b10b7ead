"""Request budgets: shared by all processes, across restarts and reboots."""

from syncd.core.limiter import GUARD, WINDOW, Slots
from syncd.ledger import Ledger, budgets
from syncd.ledger.budgets import Meter, Taken

METER = Meter("k", 5, "boot-1")
T = 1000.0


def _take(ledger: Ledger, now: float, want: int = 1, meter: Meter = METER) -> tuple[int, float, Taken | None]:
    with ledger.write() as connection:
        granted, taken = budgets.take(connection, meter, now, want=want, live=True, deadline=30.0)
    return granted.n, granted.wait, taken


def _start(ledger: Ledger, now: float, meter: Meter = METER) -> None:
    with ledger.write() as connection:
        budgets.start_over(connection, meter, now)


def test_no_more_is_granted_than_there_are_slots(ledger: Ledger) -> None:
    assert _take(ledger, T, 3)[0] == 3
    assert _take(ledger, T, 9)[0] == 2
    n, wait, taken = _take(ledger, T)
    assert (n, taken) == (0, None)
    assert wait > WINDOW


def test_a_slot_comes_back_a_window_after_its_answer_and_an_unused_one_at_once(ledger: Ledger) -> None:
    _, _, taken = _take(ledger, T, 5)
    with ledger.write() as connection:
        budgets.give_back(connection, METER, taken, [Slots(T + 2 + WINDOW, 2)])
    assert _take(ledger, T + 2, 9)[0] == 3
    assert _take(ledger, T + 2 + WINDOW, 9)[0] == 2


def test_after_a_restart_every_slot_is_back_within_a_window(ledger: Ledger) -> None:
    _take(ledger, T, 5)
    _start(ledger, T + 1)
    assert _take(ledger, T + 1 + WINDOW - 1, 9)[0] == 0
    assert _take(ledger, T + 1 + WINDOW, 9)[0] == 5


def test_a_restart_frees_nothing_early(ledger: Ledger) -> None:
    _, _, taken = _take(ledger, T, 5)
    with ledger.write() as connection:
        budgets.give_back(connection, METER, taken, [Slots(T + WINDOW + GUARD, 5)])
    for second in range(1, 60, 7):
        _start(ledger, T + second)
        assert _take(ledger, T + second, 9)[0] == 0


def test_after_a_reboot_every_slot_is_held_for_a_window(ledger: Ledger) -> None:
    _, _, taken = _take(ledger, 500_000.0, 5)
    with ledger.write() as connection:
        budgets.give_back(connection, METER, taken, [Slots(500_060.0, 5)])
    rebooted = Meter("k", 5, "boot-2")
    assert _take(ledger, 20.0, 9, rebooted)[0] == 0
    assert _take(ledger, 20.0 + WINDOW - 1, 9, rebooted)[0] == 0
    assert _take(ledger, 20.0 + WINDOW, 9, rebooted)[0] == 5


def test_after_a_reboot_no_block_strands_the_key(ledger: Ledger) -> None:
    _take(ledger, 500_000.0)
    with ledger.write() as connection:
        budgets.block(connection, METER, 503_000.0)
    rebooted = Meter("k", 5, "boot-2")
    _start(ledger, 20.0, rebooted)
    assert _take(ledger, 20.0 + WINDOW, 5, rebooted)[0] == 5


def test_a_block_stops_the_whole_key_and_never_shrinks(ledger: Ledger) -> None:
    _take(ledger, T)
    with ledger.write() as connection:
        budgets.block(connection, METER, T + 100)
        budgets.block(connection, METER, T + 50)
    assert _take(ledger, T + 99)[0] == 0
    assert _take(ledger, T + 100)[0] == 1


def test_the_servers_limit_lowers_ours_and_never_raises_it(ledger: Ledger) -> None:
    _take(ledger, T)
    with ledger.write() as connection:
        budgets.lower(connection, METER, 2)
    assert _take(ledger, T, 9)[0] == 1
    with ledger.write() as connection:
        budgets.lower(connection, METER, 100)
    assert _take(ledger, T, 9)[0] == 3


def test_two_keys_do_not_share(ledger: Ledger) -> None:
    assert _take(ledger, T, 5)[0] == 5
    assert _take(ledger, T, 5, Meter("other", 5, "boot-1"))[0] == 5


def test_slots_that_are_over_leave_the_table(ledger: Ledger) -> None:
    for n in range(50):
        _, _, taken = _take(ledger, T + 100.0 * n, 5)
        with ledger.write() as connection:
            budgets.give_back(connection, METER, taken, [Slots(T + 100.0 * n + 60, 5)])
    with ledger.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM slot").scalar_one() <= 2
