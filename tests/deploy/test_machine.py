"""The units under a real systemd: what they allow, what they restart, and what they do not."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from syncd.simulator import Running
from tests.deploy.machine import Machine
from tests.deploy.service import KEY, log, owners, start, why
from tests.support import everybody


def test_one_run_delivers_and_exports_inside_all_that_hardening(machine: Machine, ctgo: Running) -> None:
    assert start(machine) == 0, why(machine)
    assert len(ctgo.world.exported) == 11
    assert len((machine.disk / "var/lib/syncd/leads.csv").read_text().splitlines()) == 12
    assert KEY not in log(machine)


def test_what_it_writes_is_the_services_and_stays_so_when_root_looks(machine: Machine) -> None:
    assert start(machine) == 0, why(machine)
    first = owners(machine)
    assert first.isdisjoint({0})
    status = machine.run("syncd", "status")
    assert (status.returncode, "11 exported" in status.stdout) == (0, True), status.stderr
    assert owners(machine) == first
    assert stat.S_IMODE((machine.disk / "var/lib/syncd/syncd.db").stat().st_mode) == 0o600


def test_a_wrong_configuration_fails_with_78_and_a_sentence(machine: Machine) -> None:
    machine.run("sh", "-c", "echo nonsense = 1 >> /etc/syncd/config.toml")
    assert start(machine) != 0
    assert machine.show("syncd-once.service", "ExecMainStatus") == {"ExecMainStatus": "78"}
    assert "connectors.sheet.nonsense: unknown key" in log(machine)


@contextmanager
def instead(machine: Machine, *lines: str) -> Iterator[None]:
    """The oneshot starts something else meanwhile."""
    drop_in = "/etc/systemd/system/syncd-once.service.d/zz.conf"
    machine.put(drop_in, "\n".join(["[Service]", "ExecStart=", *lines, ""]))
    try:
        yield
    finally:
        machine.run("sh", "-c", 'rm "$0"; systemctl daemon-reload', drop_in)


def test_the_libraries_of_every_crm_load_where_memory_may_not_be_made_to_run(machine: Machine) -> None:
    """cffi and its like used to write code into memory as they went."""
    python = everybody.interpreter()
    words = "import hubspot, simple_salesforce, cryptography.hazmat.primitives.asymmetric.rsa, ctypes, ssl"
    with instead(machine, "Environment=PYTHONPATH=/opt/modules", f"ExecStart={python} -B -c '{words}'"):
        assert start(machine) == 0, why(machine)


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        ("touch /var/lib/syncd/x", True),
        ("touch /srv/open/x", False),
        ("touch /etc/syncd/x", False),
        ("ls /etc/syncd/credentials/", False),
        ("grep -q ctgo_ $$CREDENTIALS_DIRECTORY/syncd_sources.main.api_key", True),
        ("ls /root/", False),
        ("unshare --user true", False),
        ("setpriv --reuid 0 true", False),
        ("touch /tmp/x", True),
    ],
)
def test_the_service_reaches_its_own_and_nothing_else(machine: Machine, words: str, allowed: bool) -> None:  # noqa: FBT001
    with instead(machine, f"ExecStart=/bin/sh -c '{words}'"):
        assert (start(machine) == 0) is allowed, why(machine)
