"""`init`: a configuration to start from, and nothing that was there before is lost."""

import os
import re
import stat
from pathlib import Path

import pytest

from syncd.cli import entry
from syncd.settings import load


def test_init_writes_a_configuration_that_only_lacks_the_key(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.toml"
    assert entry.run(["init", str(path)]) == 0
    settings = load(path, {"SYNCD_SOURCES__MAIN__API_KEY": "ctgo_x"})
    assert settings.sources["main"].start == "new"
    assert settings.connectors["sheet"].type == "csv"


def test_everything_that_init_comments_out_is_a_setting_of_that_value(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    assert entry.run(["init", str(path)]) == 0
    text = re.sub(r"^#(?=\[|\w+ = )", "", path.read_text(), flags=re.MULTILINE)
    path.write_text(text.replace('..."', 'x"'))  # a value left as it is would be refused
    settings = load(path, {})
    assert settings.sources["main"].requests_per_minute == 60
    assert settings.connectors["crm"].fields is not None


def test_init_makes_a_file_that_its_owner_alone_can_read(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert entry.run(["init", str(tmp_path)]) == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "config.toml").stat().st_mode) == 0o600


def test_init_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.toml"
    path.write_text("mine")
    assert entry.run(["--config", str(path), "init"]) == 73
    assert path.read_text() == "mine"
    assert "exists already" in capsys.readouterr().err


def test_init_does_not_write_through_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.symlink_to(tmp_path / "elsewhere")
    assert entry.run(["init", str(path)]) == 73
    assert not (tmp_path / "elsewhere").exists()


def test_init_says_what_to_type_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "my config.toml"
    assert entry.run(["init", "--config", str(path)]) == 0
    out = capsys.readouterr().out
    assert f"syncd --config '{path}' check" in out
    assert "SYNCD_SOURCES__MAIN__API_KEY" in out


def test_init_needs_no_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SYNCD_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    assert entry.run(["init"]) == 0
    assert (tmp_path / "config.toml").exists()
    assert "  2. syncd check\n" in capsys.readouterr().out


def test_init_takes_one_file_only(tmp_path: Path) -> None:
    assert entry.run(["--config", str(tmp_path / "a"), "init", str(tmp_path / "b")]) == 64
    assert not list(tmp_path.iterdir())


def test_init_says_why_it_cannot_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert entry.run(["init", str(tmp_path / "file" / "config.toml")]) == 2
    assert "cannot be written" in capsys.readouterr().err
