"""What the tests of the units say of and to a machine's service."""

from tests.deploy.machine import Machine

KEY = "ctgo_machine_23"
LOG = "var/log/syncd.log"
ONCE = "syncd-once.service"
DAEMON = "syncd.service"


def log(machine: Machine) -> str:
    path = machine.disk / LOG
    return path.read_text() if path.exists() else ""


def start(machine: Machine, unit: str = ONCE) -> int:
    return machine.run("systemctl", "start", unit).returncode


def why(machine: Machine, unit: str = ONCE) -> str:
    return machine.run("systemctl", "status", "--no-pager", unit).stdout + log(machine)


def owners(machine: Machine) -> set[int]:
    return {path.stat().st_uid for path in (machine.disk / "var/lib/syncd").rglob("*")}
