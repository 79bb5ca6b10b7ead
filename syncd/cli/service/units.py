"""Parts of the service, and what is to do about each. Decided here, done in `install.py`.

Our files are below `/usr/local/lib`, and an upgrade replaces them. `/etc/systemd` belongs to the operator, whose files
there override ours. The first line of our file holds its digest: so a file that somebody changed is known, and kept.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Literal

USER = "syncd"
PROGRAM = Path("/opt/syncd/bin/syncd")
"""The program in the files as they are shipped."""
CONFIG = Path("/etc/syncd/config.toml")
CREDENTIALS = Path("/etc/syncd/credentials")
STATE = Path("/var/lib/syncd")
LINK = Path("/usr/local/bin/syncd")
SYSUSERS = "syncd.sysusers.conf"

PLACES = {
    "syncd.service": Path("/usr/local/lib/systemd/system/syncd.service"),
    "syncd-once.service": Path("/usr/local/lib/systemd/system/syncd-once.service"),
    "syncd-once.timer": Path("/usr/local/lib/systemd/system/syncd-once.timer"),
    SYSUSERS: Path("/usr/local/lib/sysusers.d/syncd.conf"),
}
"""The place of each file of `syncd/systemd`."""

HIDDEN = tuple(map(Path, ("/home", "/root", "/run", "/tmp", "/var/tmp")))  # noqa: S108 - to refuse them
"""Folders that the unit hides from the program (ProtectHome, PrivateTmp), or that a boot empties."""

_STAMP = re.compile(r"# Installed by syncd \S+; sha256 ([0-9a-f]{64})\n")

Condition = Literal["missing", "current", "older", "edited"]


@dataclass(frozen=True, slots=True)
class Part:
    """A file of ours: its text, and the condition of the installed file."""

    name: str
    place: Path
    text: str
    condition: Condition

    @property
    def due(self) -> bool:
        """True if it must be written."""
        return self.condition in {"missing", "older"}


def wanted(program: Path, version: str) -> dict[str, str]:
    """Make the text of every file, by name, with the program's place in it and the stamp on top."""
    texts = {}
    for name in PLACES:
        body = (files("syncd") / "systemd" / name).read_text().replace(str(PROGRAM), _quoted(program))
        texts[name] = f"# Installed by syncd {version}; sha256 {_digest(body)}\n{body}"
    return texts


def compare(wanted: Mapping[str, str], found: Mapping[str, str | None]) -> list[Part]:
    """Compare the wanted texts with the installed ones; `found` has None for a missing file."""
    return [
        Part(name, PLACES[name], text, _condition(text, found.get(name))) for name, text in wanted.items()
    ]


def configuration(starter: str) -> str:
    """Adapt the configuration of `syncd init` to the places of the service."""
    for said, meant in (
        ("beside this one", f"in {STATE}"),
        ("relative to this file", f"in {STATE}"),
        ("or SYNCD_SOURCES__MAIN__API_KEY", f"better in {CREDENTIALS}/sources.main.api_key"),
    ):
        starter = starter.replace(said, meant, 1)
    return starter


def out_of_reach(program: Path) -> Path | None:
    """Find the folder that hides a program from the service; None if there is none. It reads modes from the disk."""
    for path in (program, program.resolve()):
        for folder in path.parents:
            if folder in HIDDEN or not folder.stat().st_mode & 0o001:
                return folder
    return None


def _condition(text: str, found: str | None) -> Condition:
    if found is None:
        return "missing"
    if found == text:
        return "current"
    stamp = _STAMP.match(found)
    return "older" if stamp and stamp[1] == _digest(found[stamp.end() :]) else "edited"


def _digest(body: str) -> str:
    return sha256(body.encode()).hexdigest()


def _quoted(program: Path) -> str:
    """Quote a word for ExecStart, where % and $ are special and blanks separate words."""
    text = str(program).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if re.search(r"[\s'\"\\]", text) else text
