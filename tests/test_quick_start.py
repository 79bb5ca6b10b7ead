"""The page of the quick start is typed as it stands, against the simulator, and shows what it says."""

import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from syncd.simulator import Options, running

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "quick-start.md").read_text()
BLOCKS = re.findall(r"^```(sh|text)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SIMULATOR = "syncd simulator --leads 20\n"
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


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_each_block_does_what_the_page_says(tmp_path: Path) -> None:
    assert BLOCKS[0] == ("sh", SIMULATOR)
    folder = tmp_path
    env = {name: value for name, value in os.environ.items() if not name.startswith("SYNCD_")}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    with running(Options(leads=20)) as ctgo:
        for (kind, block), (following, expected) in pairwise([*BLOCKS[1:], ("", "")]):
            if kind != "sh":
                continue
            typed = block.replace(ADDRESS, ctgo.url)
            done = subprocess.run(
                ["/bin/sh", "-ec", typed], cwd=folder, env=env, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, (block, done.stdout, done.stderr)
            if match := re.search(r"mkdir (\S+) && cd \1$", typed, re.MULTILINE):
                folder /= match[1]
            if following == "text":
                assert missing(expected, done.stdout) == [], done.stdout
    assert len(ctgo.world.exported) == 25


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
