"""The power is cut while a ledger is upgraded, backed up, restored, or rid of a person: what was promised is on the disk."""

import random
import shutil
import time
from pathlib import Path

import pytest

from syncd.ledger import schema as tables
from tests.proof.crash.cuts import Run, cuts, found, last_cuts, logged, start
from tests.proof.crash.images import Image
from tests.proof.crash.lives import ONCE
from tests.proof.crash.older import COPY, KEEPSAKE, KEPT, SCHEMA, asked, old_ledger
from tests.proof.crash.scene import SHEET, Plan, Scene, two_leads
from tests.proof.crash.stage import Stage
from tests.proof.depth import deep
from tests.proof.figures import record

PLAN = Plan("a verb", frozenset({SHEET}))
REVISION = "SELECT version_num FROM alembic_version"


def logged_verb(stage: Stage, scene: Scene, *verb: str) -> Run:
    """A command with its log."""
    return logged(stage, scene, Run(PLAN, "", {}, (), 0.0), *verb)


def told(image: Image, name: str, folder: Path, question: str) -> list[tuple[object, ...]]:
    """What a database of an image answers; nothing if it is not there."""
    path = folder / "told.db"
    for suffix in ("", "-wal"):
        content = image.get(name + suffix)
        file = path.with_name(path.name + suffix)
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_bytes(content)
    return asked(path, question)


@pytest.fixture
def done(stage: Stage) -> Path:
    """What a run of two leads left."""
    folder = stage.ground / "done"
    if not folder.exists():
        with stage.scene(PLAN) as scene:
            assert stage.forks.run(scene.config, ONCE).code == 0
            shutil.copytree(scene.disk, folder)
    return folder


def test_an_upgraded_ledger_has_its_copy_beside_it(stage: Stage, tmp_path: Path) -> None:
    chance = random.Random("upgrade")  # noqa: S311 - fates, not secrets
    run = Run(PLAN, "", {}, (), time.time())
    with stage.scene(PLAN, two_leads(run.instant)) as scene:
        old_ledger(scene.ledger)
        run = logged(stage, scene, run)
    images = list(cuts(run, 1))
    for number, cut in enumerate(images):
        assert told(cut.files, "state/syncd.db", tmp_path, KEPT) == KEEPSAKE, f"image {number}"
        schema = told(cut.files, "state/syncd.db", tmp_path, REVISION)
        if schema != [(SCHEMA,)]:
            assert schema == [(tables.SCHEMA,)]
            copied = told(cut.files, COPY, tmp_path, KEPT)
            assert copied == KEEPSAKE, f"image {number}: upgraded, and no copy of what was"
    chosen = chance.sample(images, min(len(images), deep(160)))
    for cut in chosen:
        with found(stage, run, cut) as scene:
            assert start(stage.forks, scene) == []
    record("power_cuts", {"images": len(chosen)})


def test_who_was_forgotten_does_not_come_back(stage: Stage, done: Path) -> None:
    chance = random.Random("forget")  # noqa: S311
    with stage.scene(PLAN._replace(before=done)) as scene:
        person = scene.world.listed()[0].person
        name = person.handle.encode()
        copy = scene.ledger.with_name("syncd.db.before-0000")
        shutil.copy(scene.ledger, copy)
        assert name in copy.read_bytes()
        run = logged_verb(stage, scene, "forget", "--person", person.x_user_id, "--yes")
    for image in last_cuts(run, chance, 40):
        state = {path: content for path, content in image.items() if path.startswith("state/") and content}
        assert [path for path, content in state.items() if name in content] == []


def test_a_backup_is_there_once_it_is_told(stage: Stage, done: Path, tmp_path: Path) -> None:
    chance = random.Random("backup")  # noqa: S311
    with stage.scene(PLAN._replace(before=done)) as scene:
        run = logged_verb(stage, scene, "backup", str(scene.disk / "copy.db"))
    for image in last_cuts(run, chance, 40):
        assert told(image, "copy.db", tmp_path, "SELECT count(*) FROM lead") == [(2,)]


def test_a_restored_ledger_is_the_old_one_or_the_new_one_and_the_new_one_in_the_end(
    stage: Stage, done: Path, tmp_path: Path
) -> None:
    chance = random.Random("restore")  # noqa: S311
    with stage.scene(PLAN._replace(before=done)) as scene:
        copy = scene.disk / "copy.db"
        assert stage.forks.run(scene.config, ("backup", str(copy))).code == 0
        run = logged_verb(stage, scene, "restore", str(copy))
    acts = "SELECT count(*) FROM action WHERE verb = 'restore'"
    met = {
        told(cut.files, "state/syncd.db", tmp_path, acts)[0]: told(
            cut.files, "state/syncd.db", tmp_path, "SELECT count(*) FROM lead WHERE state = 'exported'"
        )
        for cut in cuts(run, 3)
    }
    assert met == {(0,): [(2,)], (1,): [(2,)]}
    for image in last_cuts(run, chance, 40):
        assert told(image, "state/syncd.db", tmp_path, acts) == [(1,)]
