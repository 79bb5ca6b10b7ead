"""Two connectors never write one file: however its path is written, the configuration is refused."""

import os
from pathlib import Path

import pytest

from connectors.csv.file import clashes
from syncd.registry import configure
from syncd.settings import SettingsError, load

SAME = [
    ("leads.csv", "leads.csv"),
    ("leads.csv", "./leads.csv"),
    ("leads.csv", "out/../leads.csv"),
    ("leads.csv", "{folder}/leads.csv"),
    ("out/leads.csv", "link/leads.csv"),
    ("out/leads.csv", "file.csv"),
    ("out/there.csv", "hard.csv"),
    ("link/new/leads.csv", "out/new/leads.csv"),
    ("{date}.csv", "{date}.csv"),
    ("out/{date}.csv", "link/{date}.csv"),
    ("leads-{date}.csv", "leads-2026-06-11.csv"),
    ("{date}/leads.csv", "2026-06-11/leads.csv"),
    ("{date}-{date}.csv", "2026-06-11-{date}.csv"),
]
DIFFERENT = [
    ("leads.csv", "Leads.csv"),
    ("leads.csv", "out/leads.csv"),
    ("loop/a.csv", "loop/b.csv"),
    ("leads-{date}.csv", "leads.csv"),
    ("leads-{date}.csv", "leads-2026-06-1x.csv"),
    ("leads-{date}.csv", "other-{date}.csv"),
    ("1{date}.csv", "{date}1.csv"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to("out")
    (tmp_path / "file.csv").symlink_to("out/leads.csv")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "out" / "there.csv").touch()
    os.link(tmp_path / "out" / "there.csv", tmp_path / "hard.csv")
    return tmp_path


def refused(folder: Path, *paths: str) -> list[str]:
    """The mistakes of a configuration with a connector for each path."""
    tables = [f'[connectors.c{n}]\ntype = "csv"\npath = "{path}"\n' for n, path in enumerate(paths)]
    config = folder / "config.toml"
    config.write_text("".join(tables).replace("{folder}", str(folder)))
    try:
        configure(load(config, {}, docker_secrets=folder / "none"))
    except SettingsError as why:
        return [mistake.removeprefix(f"{config}: ") for mistake in why.mistakes]
    return []


@pytest.mark.parametrize("paths", SAME)
def test_two_connectors_with_one_path_are_refused_in_one_sentence(
    folder: Path, paths: tuple[str, str]
) -> None:
    what = (
        "connectors.c1.path: may mean the file of connectors.c0.path: give each of the two a file of its own"
    )
    assert refused(folder, *paths) == [what]


@pytest.mark.parametrize("paths", DIFFERENT)
def test_two_connectors_with_two_paths_are_not(folder: Path, paths: tuple[str, str]) -> None:
    assert refused(folder, *paths) == []


def test_each_pair_is_told(folder: Path) -> None:
    named = {name: folder / path for name, path in (("a", "x.csv"), ("b", "y.csv"), ("c", "out/../x.csv"))}
    assert list(clashes(named)) == [("a", "c")]
    assert list(clashes({**named, "d": folder / "x.csv"})) == [("a", "c"), ("a", "d"), ("c", "d")]
