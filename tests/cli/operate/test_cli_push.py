"""`syncd push`, what `status` and `check` say of it, and the line between what is secret and what is told."""

import pytest
from pydantic import SecretStr

from syncd.cli.prepare.checks import unreachable
from syncd.ledger import Ledger, subscriptions
from syncd.ledger.subscriptions import Subscription
from syncd.settings import Source
from syncd.simulator import Fault
from tests.cli.conftest import Home, MakeHome, findings, rows, told

TOKEN = "a-token-that-nobody-may-see-0123456789abcdef"
TABLE = '[sources.main.push]\npublic_url = "https://hooks.example.com/ctgo"\nlisten = "127.0.0.1:0"\n'
AT = 1_790_000_000.0


def keep(home: Home, it: Subscription) -> None:
    with Ledger.open(home.ledger) as ledger, ledger.write() as connection:
        subscriptions.save(connection, it)


@pytest.fixture
def pushed(make_home: MakeHome) -> Home:
    """Push is configured and subscribed at the simulator."""
    home = make_home()
    home.source = TABLE
    home.configure()
    number = home.sim.world.subscriptions.subscribe(f"https://hooks.example.com/ctgo/{TOKEN}", {})
    assert home.syncd("--once").code == 0
    keep(home, Subscription("main", TOKEN, "d", number, AT, heard_at=AT + 60))
    return home


def test_it_tells_what_is_subscribed_and_never_the_token(pushed: Home) -> None:
    ran = pushed.syncd("push")
    assert ran.code == 0
    assert "https://hooks.example.com/ctgo" in ran.out
    assert "2026-09-21" in ran.out
    said = told(pushed, "push")["main"]
    assert (said["state"], said["ids"]) == ("on", [1])
    assert said["subscribed_at"].startswith("2026-09-21T")
    status = pushed.syncd("status")
    assert "push main: subscribed since 2026-09-21" in status.out
    assert told(pushed, "status")["sources"]["main"]["push"]["heard_at"] == said["heard_at"]
    for out in (
        ran.out,
        status.out,
        pushed.syncd("push", "--json").out,
        pushed.syncd("status", "--json").out,
    ):
        assert TOKEN not in out


def test_without_push_it_says_how_to_have_it(home: Home) -> None:
    home.syncd("--once")
    assert "[sources.NAME.push]" in home.syncd("push").out
    assert told(home, "push") == {}
    assert told(home, "status")["sources"]["main"]["push"] is None
    assert "push main" not in home.syncd("status").out
    assert home.syncd("push", "off").code == 0


def test_before_the_daemon_ran_it_is_not_subscribed_yet(make_home: MakeHome) -> None:
    home = make_home()
    home.source = TABLE
    home.configure()
    home.syncd("--once")
    assert told(home, "push")["main"]["state"] == "not subscribed yet"
    assert "push main: not subscribed yet; last heard never" in home.syncd("status").out
    assert home.syncd("push", "off", "main").code == 0
    assert told(home, "push")["main"]["state"] == "off"


def test_off_is_told_to_ctgo_and_written_down(pushed: Home) -> None:
    ran = pushed.syncd("push", "off", "main")
    assert ran.code == 0
    assert "syncd push on main" in ran.out
    assert pushed.sim.world.subscriptions.all() == ()
    assert told(pushed, "push")["main"]["state"] == "off"
    assert rows(pushed, "SELECT verb, name FROM action") == [("push off", "main")]
    assert "push main: off" in pushed.syncd("status").out
    assert pushed.syncd("push", "off").code == 0
    assert pushed.syncd("push", "on", "main").code == 0
    assert rows(pushed, "SELECT verb FROM action") == [("push off",), ("push on",)], "twice is once"
    assert "nothing to switch on" in pushed.syncd("push", "on").out


@pytest.mark.parametrize(("status", "code"), [(500, 69), (401, 77)])
def test_off_is_off_also_when_ctgo_was_not_told(pushed: Home, status: int, code: int) -> None:
    pushed.sim.world.fail(Fault("unsubscribe", 1, status))
    ran = pushed.syncd("push", "off")
    assert ran.code == code
    assert "CTGO could not be told" in ran.err
    assert TOKEN not in ran.out + ran.err
    assert told(pushed, "push")["main"]["state"] == "off, being unsubscribed"
    assert pushed.syncd("push", "off").code == 0
    assert told(pushed, "push")["main"]["state"] == "off"


def test_one_that_ctgo_does_not_know_is_off(pushed: Home) -> None:
    pushed.sim.world.subscriptions.unsubscribe(1)
    assert pushed.syncd("push", "off").code == 0
    assert told(pushed, "push")["main"]["ids"] == []


def test_off_finds_what_a_lost_answer_may_have_left(pushed: Home) -> None:
    (target,) = (it.target for it in pushed.sim.world.subscriptions.all())
    keep(pushed, Subscription("main", TOKEN, asked=target))
    assert told(pushed, "push")["main"]["state"] == "not subscribed yet"
    assert TOKEN not in pushed.syncd("push").out
    assert pushed.syncd("push", "off").code == 0
    assert pushed.sim.world.subscriptions.all() == ()
    assert told(pushed, "push")["main"]["state"] == "off"


def test_a_source_that_left_with_its_key_is_told_of(pushed: Home) -> None:
    keep(pushed, Subscription("gone", "other", "d", 7, AT))
    ran = pushed.syncd("push")
    assert "delete subscription 7" in ran.out
    assert told(pushed, "push")["gone"]["state"] == "left behind"
    off = pushed.syncd("push", "off", "gone")
    assert off.code == 75
    assert "key is not in the configuration" in off.err
    code, found = findings(pushed)
    assert code == 0
    assert any("push_left_behind" in it for it in found["warning", "source gone"])


def test_a_name_that_is_none_is_a_usage_error(pushed: Home) -> None:
    ran = pushed.syncd("push", "off", "mian")
    assert ran.code == 64
    assert "did you mean main?" in ran.err


def test_a_restore_keeps_what_is_subscribed(pushed: Home) -> None:
    assert pushed.syncd("backup", str(pushed.folder / "past.db")).code == 0
    keep(pushed, Subscription("main", TOKEN, "e", 9, AT, leaving=(1,)))
    assert pushed.syncd("restore", str(pushed.folder / "past.db")).code == 0
    assert told(pushed, "push")["main"]["ids"] == [9, 1]


def test_check_says_what_it_can_see_of_the_address(pushed: Home) -> None:
    _, found = findings(pushed)
    assert "CTGO will push to hooks.example.com" in found["ok", "source main"]
    pushed.source = TABLE.replace("hooks.example.com", "192.168.1.9")
    pushed.configure(url="https://127.0.0.1:1/api/v2")
    _, found = findings(pushed, "--max-wait", "1s")
    assert not any("private" in it for it in found.get(("warning", "source main"), [])), (
        "CTGO is on this machine"
    )


PUBLIC = Source(api_key=SecretStr("ctgo_x"))
LOCAL = Source(api_key=SecretStr("ctgo_x"), base_url="http://127.0.0.1:8400/api/v2")


@pytest.mark.parametrize(
    ("url", "public", "local"),
    [
        ("https://hooks.example.com/x", True, True),
        ("https://93.184.216.34", True, True),
        ("https://[2606:2800:220:1:248:1893:25c8:1946]", True, True),
        ("http://127.0.0.1:8378", False, True),
        ("http://localhost:8378", False, True),
        ("https://[::1]", False, True),
        ("https://10.0.0.1", False, True),
        ("https://100.64.0.1", False, True),
        ("https://169.254.1.1", False, True),
        ("https://[fe80::1]", False, True),
        ("https://server", False, True),
        ("https://server.local", False, True),
        ("https://server.internal.", False, True),
    ],
)
def test_what_the_internet_cannot_reach_is_seen_without_asking(
    url: str, *, public: bool, local: bool
) -> None:
    assert (unreachable(url, PUBLIC) == "", unreachable(url, LOCAL) == "") == (public, local)
