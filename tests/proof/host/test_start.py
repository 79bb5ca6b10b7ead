"""What stands in the ledger's place, or in its way, when the program starts: a sentence and a code before anything is asked."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from syncd.cli.exits import Exit
from tests.proof.crash.lives import finish
from tests.proof.crash.scene import SHEET, Plan
from tests.proof.crash.stage import Stage
from tests.proof.figures import record

FILE = Plan("once into a file", frozenset({SHEET}))


def text(ledger: Path) -> None:
    ledger.write_text("Dear diary, " * 1000)


def half(ledger: Path) -> None:
    """As a copy leaves it that was cut short."""
    os.truncate(ledger, ledger.stat().st_size // 2)


def another_programs(ledger: Path) -> None:
    ledger.unlink()
    with closing(sqlite3.connect(ledger)) as made:
        made.execute("CREATE TABLE thing (it)")


def newer(ledger: Path) -> None:
    with closing(sqlite3.connect(ledger)) as made:
        made.execute("UPDATE alembic_version SET version_num = '9999'")
        made.commit()


def folder(ledger: Path) -> None:
    ledger.unlink()
    ledger.mkdir()


def file_for_its_folder(ledger: Path) -> None:
    ledger.parent.rename(ledger.parent.with_name("aside"))
    ledger.parent.touch()


def link_to_nowhere(ledger: Path) -> None:
    ledger.unlink()
    ledger.symlink_to("/nowhere/at/all")


def lock_that_is_a_folder(ledger: Path) -> None:
    lock = ledger.with_name(f"{ledger.name}.lock")
    lock.unlink()
    lock.mkdir()


@pytest.mark.parametrize(
    ("act", "code", "said"),
    [
        (text, Exit.LEDGER, "is not a database"),
        (half, Exit.LEDGER, "is damaged: restore a backup"),
        (another_programs, Exit.LEDGER, "is not a ledger of syncd"),
        (newer, Exit.HELD, "upgrade syncd"),
        (folder, Exit.LEDGER, "cannot be opened"),
        (file_for_its_folder, Exit.LEDGER, "Cannot open"),
        (
            link_to_nowhere,
            Exit.LEDGER if os.geteuid() else Exit.CONFIG,
            "Cannot open" if os.geteuid() else "root follows none",
        ),
        (lock_that_is_a_folder, Exit.LEDGER, "Is a directory"),
    ],
)
def test_it_is_said_before_anything_is_asked(
    stage: Stage, act: Callable[[Path], None], code: Exit, said: str
) -> None:
    with stage.scene(FILE) as scene:
        finish(stage.forks, scene, audit=False)
        asked = len(scene.world.requests)
        act(scene.ledger)
        for arguments in (("--once",), ()):
            ended = stage.forks.run(scene.config, arguments)
            assert ended.code == code, ended
            assert said in ended.said
            assert str(scene.ledger) in ended.said
            assert "Traceback" not in ended.said
        assert len(scene.world.requests) == asked
    record("host", {"points": 2, "starts refused": 2})
