"""The wheel, unpacked into a clean root and started as a container would: a fixed user, a tree that cannot be written."""

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.simulator import Options, Running, running
from tests.support import everybody
from tests.support.patience import patience
from tests.support.wheel import build_wheel

ROOT = Path(__file__).parents[2]
UID = 10001
KEY = "ctgo_wheel_41"
PYTHON = str(everybody.interpreter())

as_root = pytest.mark.skipif(
    os.geteuid() != 0 or PYTHON == "None", reason="needs root, and a Python that another user could run"
)

START = """set -e
mount --make-rprivate /
mount --bind "$1/data" "$1/data"
mount -o remount,bind,ro /
cd "$1/data"; shift
exec setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set=-all "$@"
"""
"""In mounts of its own: nothing but the data can be written, and it is done as nobody in particular."""


@pytest.fixture(scope="module")
def wheel() -> Iterator[Path]:
    """A clean root, where everybody may read: `site` holds the wheel's files, `data` is the user's."""
    made = Path(tempfile.mkdtemp(prefix="syncd-wheel-"))
    made.chmod(0o755)
    built = build_wheel(made / "dist")
    zipfile.ZipFile(built).extractall(made / "site")
    (made / "data").mkdir()
    yield made
    shutil.rmtree(made)


@pytest.fixture
def data(wheel: Path) -> Iterator[Path]:
    folder = wheel / "data"
    os.chown(folder, UID, UID)
    yield folder
    for path in folder.iterdir():
        path.unlink()


@pytest.fixture
def ctgo() -> Iterator[Running]:
    with running(Options(leads=9)) as it:
        yield it


def command(wheel: Path, *arguments: str) -> list[str]:
    return ["unshare", "--mount", "sh", "-c", START, "sh", str(wheel), PYTHON, *arguments]


def environment(wheel: Path, **variables: str) -> dict[str, str]:
    return everybody.environment((str(wheel / "site"), *everybody.MODULES[:2])) | variables


def started(wheel: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = environment(wheel, **variables)
    ran = subprocess.run(
        command(wheel, *arguments),
        env=environ,
        capture_output=True,
        text=True,
        timeout=patience(60),
        check=False,
    )
    if ran.stderr.startswith(("mount:", "unshare:")):
        pytest.skip(f"no mounts here: {ran.stderr}")
    return ran


def test_the_wheel_carries_all_that_the_program_reads_and_nothing_of_the_tests(wheel: Path) -> None:
    packed = {str(path.relative_to(wheel / "site")) for path in (wheel / "site").rglob("*") if path.is_file()}
    listed = subprocess.run(["git", "ls-files", "syncd", "connectors"], cwd=ROOT, capture_output=True, text=True, check=False)  # fmt: skip # noqa: S607
    tracked = {name for name in listed.stdout.splitlines() if not name.endswith((".md", ".1"))}
    assert tracked - packed == set()
    assert {"syncd/py.typed", "connectors/py.typed", "syncd/systemd/syncd.service"} <= packed
    [about] = (path.stem for path in (wheel / "site").glob("*.dist-info"))
    assert {name.partition("/")[0] for name in packed} == {
        "syncd", "connectors", f"{about}.dist-info", f"{about}.data"
    }  # fmt: skip


def test_an_installation_puts_the_manual_page_where_man_looks(wheel: Path) -> None:
    data = next((wheel / "site").glob("*.data"))
    assert [str(path.relative_to(data)) for path in data.rglob("*.1")] == ["data/share/man/man1/syncd.1"]
    assert list((wheel / "site" / "syncd").rglob("*.1")) == []


def test_the_wheel_fits_every_machine(wheel: Path) -> None:
    assert [path.name.split("-", 2)[2] for path in (wheel / "dist").iterdir()] == ["py3-none-any.whl"]


@as_root
def test_it_runs_as_the_containers_user_on_a_tree_that_cannot_be_written(
    wheel: Path, data: Path, ctgo: Running
) -> None:
    (data / "config.toml").write_text('[connectors.sheet]\ntype = "csv"\npath = "leads.csv"\n')
    ran = started(
        wheel, "-m", "syncd", "--once",
        STATE_DIRECTORY=str(data),
        SYNCD_SOURCES__MAIN__API_KEY=KEY,
        SYNCD_SOURCES__MAIN__BASE_URL=f"{ctgo.url}/api/v2",
    )  # fmt: skip
    assert (ran.returncode, len(ctgo.world.exported)) == (0, 9), ran.stderr
    made = {path.name: path.stat().st_uid for path in data.iterdir() if path.name != "config.toml"}
    assert {"leads.csv", "syncd.db"} <= set(made)
    assert set(made.values()) == {UID}


@as_root
def test_nothing_else_can_be_written_there(wheel: Path, data: Path) -> None:
    for place in (wheel / "x", wheel / "site" / "x", Path("/tmp/x"), data / "x"):  # noqa: S108 - on purpose
        ran = started(wheel, "-c", f"open({str(place)!r}, 'w')")
        assert (ran.returncode == 0) is (place.parent == data), ran.stderr


@as_root
def test_the_installed_health_check_answers_there(wheel: Path, data: Path) -> None:
    ran = started(wheel, "-m", "syncd.healthcheck", "127.0.0.1:9", STATE_DIRECTORY=str(data))
    assert (ran.returncode, ran.stderr) == (1, "")
    assert ran.stdout.startswith("no answer from 127.0.0.1 port 9")


@as_root
@pytest.mark.skipif(importlib.util.find_spec("syncd.daemon") is None, reason="there is no daemon yet")
def test_the_daemon_is_alive_there_and_drains_when_it_is_told_to(
    wheel: Path, data: Path, ctgo: Running
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    (data / "config.toml").write_text('[connectors.sheet]\ntype = "csv"\npath = "leads.csv"\n')
    environ = environment(
        wheel,
        STATE_DIRECTORY=str(data),
        SYNCD_SOURCES__MAIN__API_KEY=KEY,
        SYNCD_SOURCES__MAIN__BASE_URL=f"{ctgo.url}/api/v2",
        SYNCD_HEALTH__LISTEN=listen,
    )
    exported = threading.Event()
    asked: set[int] = set()
    ctgo.world.on_export = lambda it: exported.set() if len(asked | {it}) == 9 else asked.add(it)
    with subprocess.Popen(
        command(wheel, "-m", "syncd"), env=environ, stderr=subprocess.PIPE, text=True
    ) as daemon:
        try:
            done = exported.wait(patience(60))
            for _ in range(20):  # health listens a moment after the first pull
                alive = started(wheel, "-m", "syncd.healthcheck", SYNCD_HEALTH__LISTEN=listen)
                if not alive.returncode:
                    break
            daemon.terminate()
            _, told = daemon.communicate(timeout=patience(10))
        finally:
            daemon.kill()
    assert done, told
    assert (alive.returncode, alive.stdout) == (0, ""), told
    assert daemon.returncode == 0, told
