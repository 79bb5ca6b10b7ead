"""What a power cut may leave of a folder, from the log of what a process did to it.

Pure. The model is POSIX read strictly: a write or a cut of a file is durable once that file is synced, a name that was
made, changed or taken away once its folder is; until then each write may be lost, kept or torn between two sectors of 512
bytes, in any order, and the changes of one folder's names may have come as far as any of them.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from tests.proof.crash.shim.preload import Call, Entry

SECTOR = 512
LEFT_OUT = (" (deleted)", "-shm")
"""What Linux adds to the path of an open file without a name, and SQLite's shared memory, which it begins anew."""

Style = Literal["lost", "kept", "torn"]
"""What became of everything that was not durable: one or the other for all of it, or each as chance has it."""
Image = Mapping[str, bytes | None]
"""Paths to contents; None: a folder."""


class Change(NamedTuple):
    """Bytes written at an offset or, without bytes, a size."""

    at: int
    data: bytes | None


@dataclass
class Node:
    """A file, or a folder, whatever its name."""

    is_folder: bool = False
    durable: bytes = b""
    pending: list[Change] = field(default_factory=list)

    def sync(self) -> None:
        for change in self.pending:
            self.durable = applied(self.durable, change)
        self.pending.clear()

    def content(self, chance: random.Random, style: Style) -> bytes:
        found = self.durable
        for change in self.pending:
            for part in _left(change, chance, style, end=len(found)):
                found = applied(found, part)
        return found


class Renaming(NamedTuple):
    """A change of a folder's names: what each means from then on; None: nothing."""

    folder: str
    means: Mapping[str, Node | None]


class Disk:
    """A folder and all below it, as it is now and as it is durable. Paths are relative to it, `""` is the folder itself."""

    def __init__(self, root: str, image: Image) -> None:
        self._root = root
        self._now = {path: Node(content is None, content or b"") for path, content in image.items()}
        self._durable: dict[str, Node] = dict(self._now)
        self._renamed: list[Renaming] = []

    def happen(self, entry: Entry) -> None:
        """Take one entry of the log."""
        if entry.path.endswith(LEFT_OUT):
            return
        path, other = self._inside(entry.path), self._inside(entry.other)
        match entry.call:
            case Call.WRITE:
                self._now[path].pending.append(Change(entry.at, entry.bytes))
            case Call.TRUNCATE:
                self._now[path].pending.append(Change(entry.at, None))
            case Call.SYNC if path in self._now and not self._now[path].is_folder:
                self._now[path].sync()
            case Call.SYNC:
                self._sync_names(path)
            case Call.CREATE | Call.MKDIR:
                self._rename(path, {path: Node(is_folder=entry.call is Call.MKDIR)})
            case Call.RENAME:
                self._rename(other, {path: None, other: self._now[path]})
            case Call.LINK:
                self._rename(other, {other: self._now[path]})
            case Call.UNLINK:
                self._rename(path, {path: None})
            case _:
                pass

    def image(self, chance: random.Random, style: Style) -> dict[str, bytes | None]:
        """What a cut at this moment may leave."""
        names, stopped = dict(self._durable), set[str]()
        for renaming in self._renamed:
            if renaming.folder not in stopped and _happened(chance, style):
                _meaning(names, renaming)
            else:
                stopped.add(renaming.folder)
        image: dict[str, bytes | None] = {}
        contents: dict[int, bytes] = {}
        for path, node in sorted(names.items()):
            above = str(PurePosixPath(path).parent)
            if above == "." or above in image:
                if not node.is_folder and id(node) not in contents:
                    contents[id(node)] = node.content(chance, style)
                image[path] = None if node.is_folder else contents[id(node)]
        return image

    def _inside(self, path: str) -> str:
        return path.removeprefix(self._root).strip("/")

    def _rename(self, concerned: str, means: Mapping[str, Node | None]) -> None:
        renaming = Renaming(_above(concerned), means)
        self._renamed.append(renaming)
        _meaning(self._now, renaming)

    def _sync_names(self, folder: str) -> None:
        for renaming in self._renamed:
            if renaming.folder == folder:
                _meaning(self._durable, renaming)
        self._renamed = [it for it in self._renamed if it.folder != folder]


def _above(path: str) -> str:
    above = str(PurePosixPath(path).parent)
    return "" if above == "." else above


def _meaning(names: dict[str, Node], renaming: Renaming) -> None:
    for path, node in renaming.means.items():
        if node is None:
            names.pop(path, None)
        else:
            names[path] = node


def _happened(chance: random.Random, style: Style) -> bool:
    return style == "kept" or (style == "torn" and chance.random() < 0.5)


def _left(change: Change, chance: random.Random, style: Style, end: int) -> Iterable[Change]:
    """What of a change reached the disk: nothing, all, some sectors or, behind the file's end, its size alone."""
    if style != "torn":
        return [change] if style == "kept" else []
    fate = chance.randrange(5)
    if fate == 0 or (fate > 1 and change.data is None):
        return []
    if fate == 1 or change.data is None:
        return [change]
    if fate == 4:
        return [Change(change.at, bytes(len(change.data)))] if change.at >= end else []
    parts = sectors(change.at, change.data)
    if fate == 2:
        return parts[: chance.randint(0, len(parts))]
    return [part for part in parts if chance.random() < 0.5]


def sectors(at: int, data: bytes) -> list[Change]:
    """Bytes cut where sectors end."""
    cuts = [at, *range(at - at % SECTOR + SECTOR, at + len(data), SECTOR), at + len(data)]
    return [Change(a, data[a - at : b - at]) for a, b in pairwise(cuts)]


def applied(content: bytes, change: Change) -> bytes:
    """A file's bytes after a change; what lies between its end and an offset beyond it is zero."""
    if change.data is None:
        return content[: change.at].ljust(change.at, b"\0")
    return (
        content[: change.at].ljust(change.at, b"\0") + change.data + content[change.at + len(change.data) :]
    )


class Sent(NamedTuple):
    """A request that began to leave. `whole`: all of it left."""

    method: str
    path: str
    body: bytes
    whole: bool


def requests(entries: Iterable[Entry]) -> list[Sent]:
    """The HTTP requests in what was sent, in the order in which their first bytes left."""
    found: list[tuple[int, bytearray]] = []
    current: dict[int, bytearray] = {}
    for entry in entries:
        if entry.call is Call.CONNECT:
            current.pop(entry.at, None)
        elif entry.call is Call.SEND:
            text = current.get(entry.at)
            if text is None or _read(text).whole:
                text = current[entry.at] = bytearray()
                found.append((entry.at, text))
            text += entry.bytes
    return [_read(text) for _, text in found]


def _read(text: bytearray) -> Sent:
    head, end, body = bytes(text).partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, *_ = [*first.split(" "), "", ""]
    fields = dict(line.lower().split(":", 1) for line in lines if ":" in line)
    whole = bool(end) and len(body) >= int(fields.get("content-length", "0"))
    return Sent(method, path, body, whole)
