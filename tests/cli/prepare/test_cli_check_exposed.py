"""`check` warns of files that others may read or change, and no file that would never end is waited for."""

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import KEY, Home, findings

NAME = "sources.main.api_key"
WARNED = ("warning", "configuration")


@pytest.fixture
def folder(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of credentials, open to all as pytest's are not, that holds the key; the configuration does not."""
    home.config.write_text(home.config.read_text().replace(f'api_key = "{KEY}"', ""))
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        folder = Path(made).resolve()
        folder.chmod(0o755)
        (folder / NAME).write_text(KEY)
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", made)
        yield folder


@pytest.mark.parametrize(("mode", "warned"), [(0o604, True), (0o640, False), (0o400, False)])
def test_a_credential_that_others_can_read_is_warned_of(
    home: Home, folder: Path, mode: int, *, warned: bool
) -> None:
    (folder / NAME).chmod(mode)
    code, found = findings(home)
    assert code == 0
    expected = [f"{folder / NAME} is a secret, and others can read it."] if warned else None
    assert found.get(WARNED) == expected
    assert (f"chmod go= {folder / NAME}" in home.syncd("check").out) is warned


def test_one_that_nobody_else_comes_to_is_not(home: Home, folder: Path) -> None:
    """As in the folder that systemd makes."""
    (folder / NAME).chmod(0o444)
    folder.chmod(0o500)
    assert WARNED not in findings(home)[1]


def test_a_file_that_a_variable_names_is_looked_at_as_well(
    home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    monkeypatch.setenv("SYNCD_SOURCES__MAIN__API_KEY_FILE", str(folder / NAME))
    (folder / NAME).chmod(0o644)
    assert findings(home)[1][WARNED] == [f"{folder / NAME} is a secret, and others can read it."]


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_configuration_that_others_may_change_is_warned_of(home: Home, what: str) -> None:
    assert WARNED not in findings(home)[1]
    path = home.config
    if what == "folder":
        path = home.folder / "open"
        path.mkdir()
        home.config.rename(path / "config.toml")
        home.config.symlink_to(path / "config.toml")
    path.chmod(path.stat().st_mode | 0o002)
    code, found = findings(home)
    assert code == 0
    assert WARNED in found
    [said] = found[WARNED]
    assert said.startswith(f"Others may change {path},")
    assert f"chmod go-w {path}" in home.syncd("check").out


@pytest.mark.parametrize("verb", ["check", "status", "--once"])
@pytest.mark.parametrize("kind", ["fifo", "socket", "device"])
def test_what_is_no_file_is_no_secret(home: Home, folder: Path, kind: str, verb: str) -> None:
    """A FIFO among the credentials would hang every start, and a device fill the memory."""
    secret = folder / NAME
    secret.unlink()
    _made(secret, kind)
    ran = home.syncd(verb)
    assert ran.code == 78
    assert f"{secret}: {NAME}: cannot be read: it is no regular file" in ran.out + ran.err


def _made(path: Path, kind: str) -> None:
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/null")  # one that ends, should it be read after all
    else:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
