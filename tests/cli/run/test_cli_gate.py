"""The flood gate as a person meets it: what each command says and does about it, and what to type."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Home, MakeHome, findings, rows, told
from tests.cli.operate.test_cli_rejected import Keyboard

QUESTION = "Send [a]ll, the [5] oldest to look at, or [n]one? "
GATED = 'type = "csv"\npath = "crm.csv"\ngate = 10'


@pytest.fixture
def home(make_home: MakeHome) -> Home:
    """Thirty leads, a gate that takes ten, and a file without one."""
    home = make_home(leads=30)
    home.connectors["crm"] = GATED
    home.configure()
    return home


def written(home: Home) -> int:
    """Rows in the gated file."""
    file = home.folder / "crm.csv"
    return max(0, len(file.read_text().splitlines()) - 1) if file.exists() else 0


def deliveries(home: Home) -> dict[str, int]:
    return dict(rows(home, "SELECT state, count(*) FROM delivery WHERE connector = 'crm' GROUP BY 1"))


def acts(home: Home) -> list[tuple[str, str, str]]:
    return rows(home, "SELECT verb, name, detail FROM action ORDER BY id")


def test_without_anybody_to_ask_five_are_sent_and_the_run_says_what_to_type(home: Home) -> None:
    ran = home.syncd("--once")
    assert ran.code == 75
    assert "connector crm: 25 deliveries wait at its gate" in ran.err
    assert "(gate_held)" in ran.err
    assert "\n  syncd leads --connector crm --state delivered lists what was sent." in ran.err
    assert "syncd release crm --first 20 sends the 20 oldest; syncd release crm sends all" in ran.err
    assert "syncd release crm" in ran.err
    assert (written(home), deliveries(home)) == (5, {"delivered": 5, "pending": 25})
    assert (home.folder / "leads.csv").read_text().count("\n") == 31
    again = home.syncd("--once")
    assert (again.code, written(home)) == (75, 5)
    assert "syncd release crm" in again.err


def test_yes_opens_every_gate_for_this_run_and_no_other(home: Home) -> None:
    assert home.syncd("--once", "--yes").code == 0
    assert written(home) == 30
    assert acts(home) == [], "nothing was held"
    home.sim.world.add_leads(20)
    assert home.syncd("--once").code == 75
    assert written(home) == 35
    assert home.syncd("--once", "--yes").code == 0
    assert (written(home), acts(home)) == (50, [("release", "crm", "15 let through")])


def test_yes_opens_no_gate_of_a_connector_that_does_not_run(home: Home) -> None:
    home.syncd("--once", "--yes", "--connector", "sheet")
    home.syncd("--once")
    assert written(home) == 5


def test_what_yes_let_through_is_not_asked_about_again_after_a_halt(home: Home) -> None:
    home.connectors["crm"] = GATED.replace("crm.csv", "config.toml/crm.csv")
    home.configure()
    assert home.syncd("--once", "--yes", "--max-wait", "0s").code == 75
    home.connectors["crm"] = GATED
    home.configure()
    assert home.syncd("--once").code == 0
    assert written(home) == 30


@pytest.mark.parametrize(
    ("answer", "code", "sent"),
    [("a", 0, 30), ("y", 0, 30), ("5", 75, 5), ("n", 75, 0), ("", 75, 0), ("x\nn", 75, 0), ("x\n5", 75, 5)],
)
def test_on_a_terminal_it_asks_before_a_lead_of_the_flood_is_sent(
    home: Home, answer: str, code: int, sent: int
) -> None:
    ended, said = at_a_terminal(home, answer)
    assert f"30 leads would go to crm. {QUESTION}" in said
    assert ended == code
    assert written(home) == sent


def test_what_a_no_held_is_sent_when_it_is_released_and_the_no_is_in_the_operators_log(home: Home) -> None:
    at_a_terminal(home, "n")
    assert home.syncd("--once").code == 75
    assert written(home) == 0
    home.syncd("release", "crm")
    assert home.syncd("--once").code == 0
    assert written(home) == 30
    assert [(verb, detail) for verb, _, detail in acts(home)] == [
        ("hold", "5 held"),
        ("release", "30 let through"),
    ]


def test_on_a_terminal_yes_asks_nothing_and_so_does_a_small_pull(home: Home) -> None:
    ended, said = at_a_terminal(home, "", "--yes")
    assert (ended, QUESTION in said) == (0, False)
    home.sim.world.add_leads(10)
    ended, said = at_a_terminal(home, "")
    assert (ended, QUESTION in said, written(home)) == (0, False, 40)


def test_ctrl_c_at_the_question_sends_nothing(home: Home) -> None:
    ended, _ = at_a_terminal(home, "\x03")
    assert (ended, written(home)) == (75, 0)


def at_a_terminal(home: Home, answer: str, *options: str) -> tuple[int, str]:
    """`--once` at a terminal: the exit code and all that was shown."""
    return at_a_terminal_run(home, answer, "--once", *options)


def at_a_terminal_run(home: Home, answer: str, *arguments: str) -> tuple[int, str]:
    """A command at a terminal of its own, its stdout elsewhere; answers the first question."""
    us, them = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "TERM": "dumb"}
    command = [sys.executable, "-m", "syncd", "--config", str(home.config), *arguments]
    with subprocess.Popen(
        command, stdin=them, stdout=subprocess.DEVNULL, stderr=them, env=environment, start_new_session=True,
        preexec_fn=_take_terminal,  # noqa: PLW1509 - nothing of ours runs in another thread here
    ) as process:  # fmt: skip
        os.close(them)
        shown, asked = b"", False
        while chunk := _read(us):
            shown += chunk
            if (QUESTION.encode() in shown or b"[y/N] " in shown) and not asked:
                asked = True
                os.write(us, (answer if answer == "\x03" else answer + "\n").encode())
        os.close(us)
        return process.wait(30), shown.decode()


def _take_terminal() -> None:
    """Make stdin the controlling terminal, so that Ctrl-C on it is a signal."""
    import fcntl  # noqa: PLC0415
    import termios  # noqa: PLC0415

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other end is closed
        return b""


# release


def test_release_lets_all_go(home: Home) -> None:
    home.syncd("--once")
    ran = home.syncd("release", "crm")
    assert ran.out.startswith("25 deliveries were released for connector crm.\n")
    assert home.syncd("--once").code == 0
    assert (written(home), acts(home)) == (30, [("release", "crm", "25 let through")])


def test_release_of_the_first_few_says_what_is_left(home: Home) -> None:
    home.syncd("--once")
    assert "22 are still held" in home.syncd("release", "crm", "--first", "3").out
    assert home.syncd("--once").code == 75
    assert written(home) == 8


def test_release_can_give_them_up_and_asks_first(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.syncd("--once")
    assert home.syncd("release", "crm", "--drop").code == 64, "there is nobody to ask"
    monkeypatch.setattr(sys, "stdin", Keyboard("n\n"))
    ran = home.syncd("release", "crm", "--drop")
    assert "Drop 25 held deliveries for good? [y/N]" in ran.err
    assert ran.out == "Nothing was dropped.\n"
    assert (
        home.syncd("release", "crm", "--drop", "--yes").out
        == "25 deliveries were dropped for connector crm.\n"
    )
    assert home.syncd("--once").code == 0
    assert (written(home), deliveries(home)) == (5, {"delivered": 5, "dropped": 25})
    assert told(home, "status")["sources"]["main"]["leads"] == {"exported": 30}


def test_release_of_nothing_changes_nothing(home: Home) -> None:
    home.syncd("--once", "--yes")
    ran = home.syncd("release", "crm")
    assert (ran.code, ran.out) == (0, "There was nothing to release: nothing is held for connector crm.\n")
    assert acts(home) == []


def test_release_knows_its_names(home: Home) -> None:
    home.syncd("--once")
    ran = home.syncd("release", "crn")
    assert ran.code == 64
    assert "did you mean crm?" in ran.err
    assert home.syncd("release", "crm", "--first", "2", "--drop").code == 64


# What the others say


def test_resume_says_that_it_opens_no_gate(home: Home) -> None:
    home.syncd("--once")
    assert "syncd release crm" in home.syncd("resume", "crm").out
    home.syncd("pause", "crm")
    assert "syncd release crm" in home.syncd("resume", "crm").out
    assert home.syncd("--once").code == 75
    assert written(home) == 5


def test_status_plan_and_check_say_what_is_held_and_what_to_type(home: Home) -> None:
    home.syncd("--once")
    found = told(home, "status")
    assert found["connectors"]["crm"]["held"] == 25
    (lane,) = found["lanes"]
    assert (lane["status"], lane["code"]) == ("halted", "gate_held")
    assert "syncd release crm" in lane["fix"]
    said = home.syncd("status").out
    assert "5 delivered, 25 pending (25 held at its gate)" in said
    assert "syncd release crm" in said
    plan = told(home, "plan")["connectors"]["crm"]
    assert (plan["deliveries"], plan["held"], plan["stopped"]) == (25, 25, "gate_held")
    assert "25 of the deliveries of crm are held at its gate: syncd release crm" in home.syncd("plan").out
    code, notes = findings(home)
    assert code == 0
    assert any("gate_held" in note for note in notes["warning", "connector crm"])


def test_a_lead_says_that_it_is_held(home: Home) -> None:
    home.syncd("--once")
    ((lead,),) = rows(
        home, "SELECT lead_id FROM lead JOIN delivery ON lead_seq = seq WHERE held <> '' LIMIT 1"
    )
    assert "crm: pending, held at its gate until syncd release crm" in home.syncd("lead", str(lead)).out


def test_a_dry_run_says_what_a_run_would_hold_and_changes_nothing(home: Home) -> None:
    would = "crm: 30 in one burst are more than its gate lets through (10): the 5 oldest would go"
    assert would in home.syncd("--once", "--dry-run").out
    assert would not in home.syncd("--once", "--dry-run", "--yes").out
    assert told(home, "--once", "--dry-run")["deliveries"]["crm"] == {"new": 30, "waiting": 0, "held": 25}
    assert told(home, "--once", "--dry-run", "--yes")["deliveries"]["crm"]["held"] == 0
    home.syncd("--once")
    before = rows(home, "SELECT * FROM delivery")
    assert told(home, "--once", "--dry-run")["deliveries"]["crm"] == {"new": 0, "waiting": 25, "held": 25}
    ran = home.syncd("--once", "--dry-run")
    assert "crm: 25 deliveries wait at its gate" in ran.out
    assert "syncd release crm" in ran.out
    assert rows(home, "SELECT * FROM delivery") == before


def test_explain_knows_the_code(home: Home) -> None:
    assert "syncd release NAME" in home.syncd("explain", "gate_held").out


def test_acts_that_change_nothing_leave_no_trace(home: Home) -> None:
    home.syncd("--once", "--yes")
    for act in (
        ("resume", "crm"),
        ("release", "crm"),
        ("rejected", "retry"),
        ("rejected", "drop", "--all", "--yes"),
    ):
        assert home.syncd(*act).code == 0
    assert acts(home) == []
    home.syncd("pause", "crm", "--reason", "Audit.")
    home.syncd("pause", "crm", "--reason", "Audit.")
    assert acts(home) == [("pause", "crm", "Audit.")]


def test_a_release_is_undone_until_somebody_tried_it(home: Home) -> None:
    home.syncd("--once")
    ran = home.syncd("release", "crm", "--hold-again")
    assert (ran.code, "no release of connector crm" in ran.err) == (64, True)
    home.syncd("release", "crm")
    held = "25 deliveries are held again for connector crm.\n"
    assert home.syncd("release", "crm", "--hold-again").out == held
    assert "25 held at its gate" in home.syncd("status").out
    assert (home.syncd("--once").code, written(home)) == (75, 5)
    home.syncd("release", "crm", "--first", "2")
    home.syncd("--once")
    assert home.syncd("release", "crm", "--hold-again").out.startswith("0 deliveries")
    assert home.syncd("release", "crm", "--hold-again", "--drop").code == 64
    assert written(home) == 7
