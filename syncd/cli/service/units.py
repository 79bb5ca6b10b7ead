"""What the service consists of, and what is to do about each part: decided here, done in `placing.py`.

Our files go below `/usr/local/lib` and are replaced by an upgrade; `/etc/systemd` is the operator's, and what is written
there wins over ours. A file of ours begins with a line that tells its digest, so that one that somebody changed in spite of
that is known and left alone.
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
"""Where the files as they are shipped expect the program."""
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
"""Each file of `syncd/systemd` and where it goes."""

HIDDEN = tuple(map(Path, ("/home", "/root", "/run", "/tmp", "/var/tmp")))  # noqa: S108 - to refuse them
"""What the unit does not let the program see (ProtectHome, PrivateTmp), or what a boot empties."""

_STAMP = re.compile(r"# Installed by syncd \S+; sha256 ([0-9a-f]{64})\n")

Condition = Literal["missing", "current", "older", "edited"]


@dataclass(frozen=True, slots=True)
class Part:
    """A file of ours: what it should hold, and how what is there compares."""

    name: str
    place: Path
    text: str
    condition: Condition

    @property
    def due(self) -> bool:
        """Whether it is to be written."""
        return self.condition in {"missing", "older"}


def wanted(program: Path, version: str) -> dict[str, str]:
    """The text of every file, by its name, with the program's place in it and the stamp on top."""
    texts = {}
    for name in PLACES:
        body = (files("syncd") / "systemd" / name).read_text().replace(str(PROGRAM), _quoted(program))
        texts[name] = f"# Installed by syncd {version}; sha256 {_digest(body)}\n{body}"
    return texts


def compare(wanted: Mapping[str, str], found: Mapping[str, str | None]) -> list[Part]:
    """Each part with its condition; `found` holds what is there by name, None where nothing is."""
    return [
        Part(name, PLACES[name], text, _condition(text, found.get(name))) for name, text in wanted.items()
    ]


def configuration(starter: str) -> str:
    """The commented configuration to start from, as `syncd init` writes it, told where the service keeps things."""
    for said, meant in (
        ("beside this one", f"in {STATE}"),
        ("relative to this file", f"in {STATE}"),
        ("or SYNCD_SOURCES__MAIN__API_KEY", f"better in {CREDENTIALS}/sources.main.api_key"),
    ):
        starter = starter.replace(said, meant, 1)
    return starter


def out_of_reach(program: Path) -> Path | None:
    """The folder that keeps the service from its program; None when nothing does. Asks the disk for modes."""
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
    """As a word of ExecStart: % and $ mean something there, and blanks part words."""
    text = str(program).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if re.search(r"[\s'\"\\]", text) else text
