"""What `make` installs for developers: nothing whose hash is not in the lock, what builds the package neither."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.deploy.dockerfile import pins

ROOT = Path(__file__).parents[2]
OURS = {"--no-deps", "--no-index", "--no-build-isolation"}
OPEN = "{python} -m pip install --quiet --no-deps -e ."

needs_make = pytest.mark.skipif(not shutil.which("make"), reason="needs make")


def from_anywhere(recipe: str) -> list[str]:
    """Commands that install what no hash vouches for; pip builds a package in isolation with the newest of its tools."""
    commands = [
        line for line in recipe.replace("\\\n", " ").splitlines() if re.search(r"\bpip install\b", line)
    ]
    return [it for it in commands if "--require-hashes" not in it.split() and not set(it.split()) >= OURS]


def recipe(target: str) -> str:
    """All that `make` would do for a target in a fresh clone."""
    command = [shutil.which("make") or "", "--dry-run", "--always-make", target]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@needs_make
def test_make_installs_nothing_without_a_hash() -> None:
    told = recipe(".venv/.ready")
    assert "pip install" in told
    assert from_anywhere(told) == []


@needs_make
def test_the_demo_waits_only_for_what_syncd_needs_and_says_so_first() -> None:
    told = recipe("demo")
    assert told.index("about a minute") < told.index("-m venv")
    assert set(re.findall(r"-r (\S+lock)", told)) == {
        "deploy/docker/requirements.lock",
        "deploy/docker/build.lock",
    }
    assert "-r requirements.lock" in recipe("test")


def test_a_build_in_isolation_is_noticed() -> None:
    """Negative control."""
    assert from_anywhere(f"touch x\n{OPEN}\npip install --require-hashes \\\n  -r lock") == [OPEN]


def test_the_lock_has_all_that_an_editable_install_is_built_with(tmp_path: Path) -> None:
    """Without isolation nothing is added to it."""
    build = f"import hatchling.build as it; it.build_editable({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=ROOT, check=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        [path] = [name for name in files.namelist() if name.endswith(".pth")]
        assert Path(files.read(path).decode().strip()) == ROOT
    lock = pins(ROOT / "requirements.lock")
    needed = pins(ROOT / "deploy" / "docker" / "build.lock")
    assert {name for name, pin in needed.items() if lock.get(name) != pin} == set(), "make lock"
