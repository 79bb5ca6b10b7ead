"""The page of the quick start is typed as it stands, by the wheel in a new environment, and shows what the page says."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from syncd.simulator import Options, running
from tests.support.patience import patience
from tests.support.wheel import build_wheel

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "quick-start.md").read_text()
BLOCKS = re.findall(r"^```(sh|text)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
INSTALL, SIMULATOR = "pipx install .\n", "syncd simulator --leads 20\n"
ADDRESS = "http://127.0.0.1:8400"


def missing(expected: str, seen: str) -> list[str]:
    """The lines of a page that were not seen; `…` stands for anything, and widths do not count."""
    patterns = [
        r"\s+".join(".*".join(re.escape(part) for part in word.split("…")) for word in line.split())
        for line in expected.splitlines()
    ]
    return [each for each in patterns if not re.search(f"^{each}", seen, re.MULTILINE)]


def test_a_line_that_was_not_seen_is_noticed() -> None:
    """Negative control."""
    assert missing("ok  … file\nmain: 2 new", "ok my file\nmain: 3 new") == [r"main:\s+2\s+new"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment with the wheel; what the wheel needs is that of the tests, for there is no network."""
    made = tmp_path_factory.mktemp("installed")
    wheel = build_wheel(made / "dist")
    venv.create(made / "env")
    program = made / "env" / "bin" / "python"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(program),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*pip, "--disable-pip-version-check", str(wheel)], check=True, capture_output=True)
    [site] = (made / "env" / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return program.parent


@contextmanager
def simulated(programs: Path) -> Iterator[str]:
    """Run the page's simulator, at a port that is free; yield its address."""
    command = [str(programs / "syncd"), *SIMULATOR.split()[1:], "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running_one:
        try:
            assert running_one.stdout
            yield re.findall(r"http://[\d.:]+", running_one.stdout.readline())[0]
        finally:
            running_one.terminate()


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_each_block_does_what_the_page_says(installed: Path, tmp_path: Path) -> None:
    assert BLOCKS[:2] == [("sh", INSTALL), ("sh", SIMULATOR)]
    folder = tmp_path
    env = {name: value for name, value in os.environ.items() if not name.startswith(("SYNCD_", "PYTHON"))}
    env["PATH"] = f"{installed}{os.pathsep}{env['PATH']}"
    with simulated(installed) as address:
        for (kind, block), (following, expected) in pairwise([*BLOCKS[2:], ("", "")]):
            if kind != "sh":
                continue
            typed = block.replace(ADDRESS, address)
            done = subprocess.run(
                ["/bin/sh", "-ec", typed], cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=patience(120)
            )  # fmt: skip
            assert done.returncode == 0, (block, done.stdout, done.stderr)
            if match := re.search(r"mkdir (\S+) && cd \1$", typed, re.MULTILINE):
                folder /= match[1]
            if following == "text":
                assert missing(expected, done.stdout) == [], done.stdout


def test_the_new_environment_runs_the_wheel_and_has_its_manual_page(installed: Path, tmp_path: Path) -> None:
    where = "import syncd; print(syncd.__file__)"
    found = subprocess.run(
        [installed / "python", "-c", where], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert Path(found.stdout.strip()).is_relative_to(installed.parent)
    assert (installed.parent / "share" / "man" / "man1" / "syncd.1").is_file()


def test_the_configuration_of_the_readme_delivers(tmp_path: Path) -> None:
    [written] = re.findall(
        r"^```toml\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    with running(Options(leads=2)) as ctgo:
        mine = written.replace('"ctgo_..."', f'"ctgo_readme"\nbase_url = "{ctgo.url}/api/v2"')
        (tmp_path / "config.toml").write_text(mine)
        command = [sys.executable, "-m", "syncd", "--config", str(tmp_path / "config.toml"), "--once"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["sheet: 2 delivered"]), done.stderr
    assert list(tmp_path.glob("leads-*.csv"))
