"""The daemon under a real systemd: what it says of itself, what is restarted, and what is not."""

import importlib.util
import re
from collections.abc import Iterator

import pytest

from syncd.simulator import Running
from tests.deploy.machine import Machine
from tests.deploy.service import DAEMON, log, owners, start, why

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("syncd.daemon") is None, reason="there is no daemon yet"
)


@pytest.fixture
def daemon(machine: Machine) -> Iterator[Machine]:
    """It runs, and is restarted soon."""
    machine.put(f"/etc/systemd/system/{DAEMON}.d/soon.conf", "[Service]\nRestartSec=50ms\n")
    assert start(machine, DAEMON) == 0, why(machine, DAEMON)
    yield machine
    machine.run("systemctl", "stop", DAEMON)


def status(machine: Machine) -> str:
    return machine.show(DAEMON, "StatusText")["StatusText"]


def test_it_is_started_when_it_says_so_and_has_a_line_for_people(daemon: Machine, ctgo: Running) -> None:
    assert daemon.show(DAEMON, "ActiveState", "SubState") == {"ActiveState": "active", "SubState": "running"}
    assert daemon.until(DAEMON, "StatusText", "0 to deliver, 0 to export"), status(daemon)
    assert len(ctgo.world.exported) == 11
    assert owners(daemon).isdisjoint({0})


def test_the_health_check_finds_it_alive(daemon: Machine) -> None:
    config = daemon.run("cat", "/etc/syncd/config.toml").stdout
    port = re.findall(r'listen = "127.0.0.1:(\d+)"', config)[0]
    ran = daemon.run("sh", "-c", f"cd /opt/clone && python3 -m syncd.healthcheck 127.0.0.1:{port}")
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr


def test_a_reload_keeps_the_process_and_a_mistake_keeps_the_configuration(daemon: Machine) -> None:
    first = daemon.pid_of(DAEMON)
    assert daemon.run("systemctl", "reload", DAEMON).returncode == 0
    daemon.run("sh", "-c", "echo nonsense = 1 >> /etc/syncd/config.toml")
    assert daemon.run("systemctl", "reload", DAEMON).returncode == 0
    assert daemon.pid_of(DAEMON) == first
    assert daemon.show(DAEMON, "ActiveState") == {"ActiveState": "active"}
    assert "connectors.sheet.nonsense" in log(daemon)


def test_stopping_it_is_a_success(daemon: Machine) -> None:
    assert daemon.run("systemctl", "stop", DAEMON).returncode == 0
    assert daemon.show(DAEMON, "Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}


def test_killed_it_is_started_again(daemon: Machine) -> None:
    daemon.run("systemctl", "kill", "--signal=KILL", DAEMON)
    assert daemon.until(DAEMON, "NRestarts", "1"), why(daemon, DAEMON)
    assert daemon.until(DAEMON, "ActiveState", "active"), why(daemon, DAEMON)


def test_a_daemon_that_hangs_is_started_again(daemon: Machine) -> None:
    watched = f"/etc/systemd/system/{DAEMON}.d/watched.conf"
    daemon.put(watched, "[Service]\nWatchdogSec=5s\n")
    daemon.run("systemctl", "restart", DAEMON)
    first = daemon.pid_of(DAEMON)
    daemon.run("systemctl", "kill", "--signal=STOP", DAEMON)
    daemon.run("sh", "-c", 'rm "$0"; systemctl daemon-reload', watched)
    assert daemon.until(DAEMON, "NRestarts", "1"), why(daemon, DAEMON)
    assert daemon.until(DAEMON, "ActiveState", "active"), why(daemon, DAEMON)
    assert daemon.pid_of(DAEMON) != first


def test_a_mistake_that_no_restart_mends_is_not_met_again_and_again(daemon: Machine) -> None:
    daemon.run("sh", "-c", "echo nonsense = 1 >> /etc/syncd/config.toml")
    assert daemon.run("systemctl", "restart", DAEMON).returncode != 0
    told = daemon.show(DAEMON, "ActiveState", "ExecMainStatus", "NRestarts")
    assert told == {"ActiveState": "failed", "ExecMainStatus": "78", "NRestarts": "0"}


def test_the_timer_and_the_daemon_are_one_or_the_other(daemon: Machine) -> None:
    assert start(daemon, "syncd-once.timer") == 0
    assert daemon.until(DAEMON, "ActiveState", "inactive")
    assert start(daemon, DAEMON) == 0
    assert daemon.until("syncd-once.timer", "ActiveState", "inactive")


def test_an_upgrade_of_the_service_restarts_it(daemon: Machine) -> None:
    first = daemon.pid_of(DAEMON)
    ran = daemon.run("/opt/syncd/bin/syncd", "service", "upgrade", "--program", "/opt/syncd/bin/syncd")
    assert (ran.returncode, ran.stdout) == (0, f"restarted {DAEMON}\n"), ran.stderr
    assert daemon.pid_of(DAEMON) not in {0, first}


def test_commands_of_root_go_beside_it(daemon: Machine) -> None:
    assert daemon.until(DAEMON, "StatusText", "0 to deliver, 0 to export"), status(daemon)
    for words in (["pause", "sheet"], ["resume", "sheet"], ["status"], ["audit"], ["check"]):
        ran = daemon.run("syncd", *words)
        assert ran.returncode == 0, ran.stderr + ran.stdout
    daemon.run("install", "-d", "-m", "700", "-o", "syncd", "-g", "syncd", "/var/backups/syncd")
    ran = daemon.run("syncd", "backup", "--force", "/var/backups/syncd/one.db")
    assert ran.returncode == 0, ran.stderr
    assert owners(daemon).isdisjoint({0})
