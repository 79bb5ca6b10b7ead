"""`connector new`: a package that builds, is found by its entry point, and passes the contract; and no file is lost."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.cli import entry
from syncd.settings.values import NAME

ROOT = Path(__file__).parents[3]


def installed(package: Path, to: Path) -> None:
    """Build the package without the network, and install it."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index"]  # fmt: skip
    subprocess.run(
        [*command, "--no-build-isolation", "--target", str(to), str(package)],
        check=True,
        capture_output=True,
    )


def run(packages: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A Python that has `packages` among its packages."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(packages), str(ROOT)])}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.chdir(tmp_path)
    assert entry.run(["connector", "new", "acme_crm"]) == 0
    assert "cd syncd-acme_crm\n" in capsys.readouterr().out
    return tmp_path / "syncd-acme_crm"


def test_the_package_builds_is_found_and_passes_its_own_suites(package: Path, tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    installed(package, packages)
    (package / "syncd_acme_crm.py").unlink()  # what was built is tried
    done = run(packages, package, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error")
    found = re.search(r"(\d+) passed, (\d+) skipped", done.stdout)
    assert found, done.stdout + done.stderr
    assert int(found[1]) >= 50
    (tmp_path / "config.toml").write_text(
        '[sources.main]\napi_key = "x"\n[connectors.crm]\ntype = "acme_crm"\ntoken = "t"\nbase_url = "http://127.0.0.1:9"\n'
    )
    explained = run(packages, tmp_path, "-m", "syncd", "explain", "acme_crm_locked")
    assert "somebody edits the person" in explained.stdout, explained.stderr


def test_it_is_the_readers_own_from_the_first_line_on(package: Path) -> None:
    texts = {path.name: path.read_text() for path in package.rglob("*") if path.is_file()}
    assert set(texts) == {"pyproject.toml", "README.md", "syncd_acme_crm.py", "acme_crm_fake.py", "test_acme_crm.py"}  # fmt: skip
    assert "class AcmeCrmConnector(Connector):" in texts["syncd_acme_crm.py"]
    assert not re.search(r"\bAcme\b|\bacme\b", "".join(texts.values()))
    code = texts["syncd_acme_crm.py"].partition("class AcmeCrmOptions")[2]
    assert len([line for line in code.splitlines() if line.strip()]) <= 60


def test_the_types_of_the_connector_are_sound(package: Path) -> None:
    command = ["-m", "mypy", "--strict", "--cache-dir", os.devnull, "syncd_acme_crm.py"]
    done = run(package, package, *command)
    assert done.returncode == 0, done.stdout


def test_a_folder_with_anything_in_it_stays_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").write_text("mine")
    for place in (tmp_path, tmp_path / "mine"):
        assert entry.run(["connector", "new", "acme", "--folder", str(place)]) == 73
        assert "stays as it is" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    assert entry.run(["connector", "new", "acme", "--folder", str(tmp_path)]) == 0
    assert (tmp_path / "syncd_acme.py").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Acme", "small letters"),
        ("../acme", "small letters"),
        ("acme_", "small letters"),
        ("a" * 41, "small letters"),
        ("acme\n", "small letters"),
        ("hubspot", "installed already"),
    ],
)
def test_a_name_that_no_type_can_have_is_refused(
    tmp_path: Path, name: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new"
    assert entry.run(["connector", "new", name, "--folder", str(folder)]) == 64
    assert said in capsys.readouterr().err
    assert not folder.exists()


def test_a_name_is_also_one_for_a_table_of_the_configuration() -> None:
    assert re.fullmatch(NAME, "acme_crm")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert entry.run(["connector", "new", "acme", "--folder", str(tmp_path / "file" / "new")]) == 2
    assert "cannot be written" in capsys.readouterr().err
