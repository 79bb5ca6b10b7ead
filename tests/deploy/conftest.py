"""A machine with the service installed and configured, for the tests of the units."""

import socket
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.simulator import Options, Running, running
from tests.deploy.machine import Machine, NoMachineError, booted
from tests.deploy.service import KEY, LOG
from tests.support import everybody

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed() -> Iterator[Machine]:
    """A machine on which `syncd service install` was said, and nothing else yet."""
    python = everybody.interpreter()
    if python is None:
        pytest.skip("no Python here that another user could run")
    try:
        with booted(python, Path(sysconfig.get_path("purelib")), ROOT) as machine:
            told = machine.run(
                "/opt/syncd/bin/syncd", "service", "install", "--program", "/opt/syncd/bin/syncd"
            )
            assert told.returncode == 0, told.stderr
            machine.run("install", "-d", "-m", "1777", "/srv/open")
            for unit in ("syncd", "syncd-once"):
                machine.put(
                    f"/etc/systemd/system/{unit}.service.d/test.conf",
                    f"[Service]\nStandardOutput=append:/{LOG}\nStandardError=append:/{LOG}\n",
                )
            yield machine
    except NoMachineError as why:
        pytest.skip(str(why))


@pytest.fixture
def ctgo() -> Iterator[Running]:
    with running(Options(leads=11)) as it:
        yield it


@pytest.fixture
def machine(installed: Machine, ctgo: Running) -> Iterator[Machine]:
    """The same, configured as an operator would: the key as a credential, the rest in the file."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    installed.put("/etc/syncd/credentials/sources.main.api_key", f"{KEY}\n")
    write = "cat > /etc/syncd/config.toml; rm -rf /var/lib/syncd/* /" + LOG
    config = (
        f'[sources.main]\nbase_url = "{ctgo.url}/api/v2"\npoll = "5s"\n[health]\nlisten = "127.0.0.1:{port}"\n'
        '[connectors.sheet]\ntype = "csv"\npath = "leads.csv"\n'
    )
    assert installed.run("sh", "-c", write, input_=config).returncode == 0
    yield installed
    installed.run("systemctl", "stop", "syncd.service", "syncd-once.service")
    installed.run("systemctl", "reset-failed")
