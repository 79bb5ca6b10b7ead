"""Without a configuration no command answers for a ledger that nobody named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def syncd(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SYNCD_", "XDG_"))}
    environment = {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-m", "syncd", *arguments]
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",), ("rejected", "list"), ("audit",), ("backup", "b.db"), ("plan",), ("lead", "1"), ("check",), ("--once",), (),
        ("pause", "crm"), ("forget", "--handle", "@ada"), ("map",), ("push",),
    ],
    ids=" ".join,
)  # fmt: skip
def test_each_command_says_that_there_is_no_configuration_and_makes_nothing(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    ran = syncd(tmp_path, *arguments)
    assert ran.returncode == 78
    said = ran.stdout + ran.stderr
    assert "No configuration was found (looked for ./config.toml," in said
    assert "syncd init" in said
    assert list(tmp_path.rglob("*")) == []


def test_a_ledger_named_by_a_variable_is_a_configuration(tmp_path: Path) -> None:
    ran = syncd(tmp_path, "status", SYNCD_STATE__URL=f"sqlite:///{tmp_path}/syncd.db")
    assert (ran.returncode, str(tmp_path / "syncd.db") in ran.stderr) == (74, True)
