"""A power cut at a moment of a run: the folder as it may be found, the remotes as they were, and what comes after."""

import hashlib
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.proof.crash.forks import Forks, Watch
from tests.proof.crash.images import Disk, Image, Sent, Style, requests
from tests.proof.crash.lives import AUDIT, ONCE
from tests.proof.crash.remotes import CRM, CTGO
from tests.proof.crash.scene import Plan, Scene, two_leads
from tests.proof.crash.shim.preload import Call, Entry, entries
from tests.proof.crash.stage import Stage

BOOTED = ("booted",)
AT_STAKE = 5
"""Times as many torn images of a moment when something is about to be made durable, or to leave."""


class Run(NamedTuple):
    """A run that was logged. `began`: the folder before it; `instant`: the world's time; `sent`: what had left before."""

    plan: Plan
    root: str
    began: Image
    log: Sequence[Entry]
    instant: float
    sent: tuple[Sent, ...] = ()


class Cut(NamedTuple):
    """An image: what was found after a cut, and what had left before."""

    files: Image
    sent: tuple[Sent, ...]

    def digest(self) -> bytes:
        """Alike for images that cannot be told apart."""
        told = hashlib.sha256(
            repr([(s.method, s.path.split("/", 2)[2], s.body, s.whole) for s in self.sent]).encode()
        )
        for path, content in sorted(self.files.items()):
            told.update(f"{path} {'folder' if content is None else len(content)}\n".encode())
            told.update(content or b"")
        return told.digest()


def image_of(folder: Path) -> dict[str, bytes | None]:
    """A folder as it is; SQLite's shared memory left out, which a boot empties."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if not path.name.endswith("-shm")
    }


def cuts(run: Run, torn: int, part: int = 0, parts: int = 1, seed: int = 0) -> Iterator[Cut]:
    """Images of a cut after each entry of one part of the log: nothing kept, all kept, and so many torn; those alike once.

    Where something is about to be made durable, or to leave, everything before it is at stake: there are more.
    """
    disk, seen = Disk(run.root, run.began), set[bytes]()
    moments = len(run.log) + 1
    mine = range(moments * part // parts, moments * (part + 1) // parts)
    for moment, entry in enumerate((*run.log, None)):
        if moment in mine:
            chance = random.Random(f"{run.plan.name} {seed} {moment}")  # noqa: S311 - fates, not secrets
            sent = (*run.sent, *requests(run.log[:moment]))
            due = entry is None or entry.call in {Call.SYNC, Call.SEND}
            for style in _styles(torn * (AT_STAKE if due else 1)):
                cut = Cut(disk.image(chance, style), sent)
                if cut.digest() not in seen:
                    seen.add(cut.digest())
                    yield cut
        if entry is not None:
            disk.happen(entry)


def last_cuts(run: Run, chance: random.Random, torn: int) -> Iterator[Image]:
    """Images of a cut after the last entry: what was promised by then must be in each."""
    disk = Disk(run.root, run.began)
    for entry in run.log:
        disk.happen(entry)
    for style in _styles(torn):
        yield disk.image(chance, style)


def _styles(torn: int) -> Iterator[Style]:
    yield "lost"
    yield "kept"
    for _ in range(torn):
        yield "torn"


@contextmanager
def found(stage: Stage, run: Run, cut: Cut, noise: bytes = b"") -> Iterator[Scene]:
    """The scene after a cut. `noise`: what is in SQLite's shared memory, if that is left."""
    with stage.scene(run.plan._replace(before=None), two_leads(run.instant)) as scene:
        for path, content in cut.files.items():
            if content is None:
                (scene.disk / path).mkdir()
            else:
                (scene.disk / path).write_bytes(content)
        if noise and scene.ledger.exists():
            scene.ledger.with_name(scene.ledger.name + "-shm").write_bytes(noise)
        for sent in cut.sent:
            _happened(scene, sent)
        yield scene


def _happened(scene: Scene, sent: Sent) -> None:
    """What had left before the cut has happened at the remote, once all of it had left."""
    path = "/" + sent.path.split("/", 2)[-1]
    if path.startswith(CTGO) and sent.method == "POST":
        lead = int(path.split("/")[-2])
        scene.asked[lead] += 1
        if sent.whole:
            scene.world.export(lead)
    elif path.startswith(CRM) and sent.method != "GET" and sent.whole:
        scene.crm.answer(sent.method, path.removeprefix(CRM).strip("/"), "", sent.body)


def logged(stage: Stage, scene: Scene, run: Run, *command: str, plants: Sequence[str] = ()) -> Run:
    """One whole life of a scene with its log, as a run whose images can be made."""
    began = image_of(scene.disk)
    log = stage.ground / "log"
    ended = stage.forks.run(scene.config, command or ONCE, watch=Watch(scene.disk, log=log), plants=plants)
    assert ended.code == 0, ended
    told = tuple(entries(log))
    log.unlink()
    return run._replace(root=str(scene.disk), began=began, log=told)


def start(forks: Forks, scene: Scene, *, audit: bool = True) -> list[str]:
    """Look at a scene as it was found, start the program, and see it through; what is wrong."""
    scene.check()
    ended = forks.run(scene.config, ONCE, *[AUDIT] * audit, plants=BOOTED)
    if ended.code:
        return [*scene.broken, f"exit {ended.code}: {ended.said[-600:]}"]
    scene.check_end()
    return scene.broken


def saved(cut: Cut, to: Path) -> Path:
    """Keep an image, and beside it what had been sent, for whoever wants to look at it."""
    for path, content in {"disk": None, **{f"disk/{path}": it for path, it in cut.files.items()}}.items():
        if content is None:
            (to / path).mkdir(parents=True, exist_ok=True)
        else:
            (to / path).write_bytes(content)
    (to / "sent").write_text("".join(f"{it.method} {it.path} {it.whole}\n" for it in cut.sent))
    return to
