"""Files of the systemd service, and the installer that inspects and changes a file system.

Our files are below `/usr/local/lib`, and an upgrade replaces them. `/etc/systemd` belongs to the operator, whose files
there override ours. The first line of our file holds its digest: so a file that somebody changed is known, and kept.
"""

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
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
    """Adapt the configuration of `syncd init` to the places of the service.

    No connector is active in it: leads go nowhere until the operator says where.
    """
    for shown, actual in (
        ("beside this one", f"in {STATE}"),
        ("relative to this file", f"in {STATE}"),
        ("or SYNCD_SOURCES__MAIN__API_KEY", f"better in {CREDENTIALS}/sources.main.api_key"),
    ):
        starter = starter.replace(shown, actual, 1)
    return re.sub(r"^\[connectors\.sheet\]\n(?:\w.*\n)*", _commented, starter, flags=re.MULTILINE)


def _commented(table: re.Match[str]) -> str:
    return "".join(f"#{line}" for line in table[0].splitlines(keepends=True))


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


DAEMON = "syncd.service"
TIMER = "syncd-once.timer"
ONCE = "syncd-once.service"


class InstallError(Exception):
    """A step failed. `fix`: advice."""

    def __init__(self, sentence: str, fix: str = "") -> None:
        """`sentence`: names the file or the command."""
        super().__init__(sentence)
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Installer:
    """Works below `root`; reports to `say` each change or, if `dry`, each change that it would make.

    Every method is safe to repeat, and does nothing if nothing is to do. `root` is the top of the file system: `/`, or the
    folder of an image that is being built, in which nothing is started.
    """

    root: Path
    say: Callable[[str], None]
    dry: bool = False

    @property
    def live(self) -> bool:
        """True on a running system with systemd, False for an image."""
        return self.root == Path("/") and Path("/run/systemd/system").is_dir()

    def at(self, place: Path) -> Path:
        """Translate an absolute path of the target into a path here."""
        return self.root / place.relative_to("/")

    def found(self) -> dict[str, str | None]:
        """Read our installed files, by name; None for a missing one. Raises InstallError."""
        return {name: self._text(place) for name, place in PLACES.items()}

    def overruled(self, parts: Iterable[Part]) -> list[Part]:
        """List our units that a unit of the operator overrides."""
        yours = Path("/etc/systemd/system")
        ours = (part for part in parts if part.name == part.place.name)
        return [part for part in ours if os.path.lexists(self.at(yours / part.name))]

    def write(self, place: Path, text: str, *, mode: int = 0o644, group: int = 0) -> None:
        """Write a file in one step, and replace an older one."""
        self._did(f"wrote {place}")
        if self.dry:
            return
        path = self.at(place)
        with _translated(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
            new = path.with_name(f".{path.name}.new")
            with open(_fresh(new, mode), "w") as file:
                os.fchmod(file.fileno(), mode)  # whatever the umask
                os.fchown(file.fileno(), 0, group)
                file.write(text)
            new.replace(path)

    def folder(self, place: Path, mode: int, *, user: int = 0, group: int = 0) -> None:
        """Make a folder; an existing folder stays as it is."""
        path = self.at(place)
        if path.is_dir():
            return
        self._did(f"made {place}")
        if self.dry:
            return
        with _translated(path):
            path.mkdir(parents=True)
            path.chmod(mode)
            os.chown(path, user, group)

    def user(self, sysusers: str) -> tuple[int, int]:
        """Return the service's user and group; make them if they do not exist."""
        if (known := self._ids()) is None:
            self._did(f"made the user {USER}")
            if not self.dry:
                self._run("systemd-sysusers", *self._rooted(), "-", input_=sysusers)
                known = self._ids()
                if known is None:
                    raise InstallError(f"There is no user {USER} after systemd-sysusers made it.")
        return known or (0, 0)

    def link(self, program: Path) -> None:
        """Link the program into the path, unless a file is there or the program is in the path already."""
        path = self.at(LINK)
        if os.path.lexists(path) or program.parent in {LINK.parent, Path("/usr/bin"), Path("/usr/sbin")}:
            return
        self._did(f"linked {LINK} to {program}")
        if not self.dry:
            with _translated(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.symlink_to(program)

    def unlink(self, program: Path) -> None:
        """Remove that link if it is ours."""
        path = self.at(LINK)
        if path.is_symlink() and path.readlink() == program:
            self._did(f"removed {LINK}")
            if not self.dry:
                path.unlink()

    def remove(self, parts: Iterable[Part]) -> None:
        """Remove our files."""
        for part in parts:
            self._did(f"removed {part.place}")
            if not self.dry:
                self.at(part.place).unlink(missing_ok=True)

    def systemctl(self, *arguments: str, done: str) -> None:
        """Run systemctl; in an image, only to disable a unit."""
        if not self.live and arguments[0] != "disable":
            return
        self._did(done)
        if not self.dry:
            self._run("systemctl", *self._rooted(), "--quiet", *arguments)

    def active(self, unit: str) -> bool:
        """Tell if a unit runs now."""
        return self.live and self._asked("is-active", unit)

    def enabled(self, unit: str) -> bool:
        """Tell if a boot starts a unit."""
        return shutil.which("systemctl") is not None and self._asked("is-enabled", unit)

    def _asked(self, question: str, unit: str) -> bool:
        command = ["systemctl", *self._rooted(), "--quiet", question, unit]
        return not subprocess.run(command, capture_output=True, check=False).returncode  # noqa: S603

    def _rooted(self) -> list[str]:
        return [] if self.root == Path("/") else [f"--root={self.root}"]

    def _did(self, what: str) -> None:
        self.say(f"would {_infinitive(what)}" if self.dry else what)

    def _text(self, place: Path) -> str | None:
        path = self.at(place)
        with _translated(path):
            return path.read_text(errors="replace") if path.exists() else None

    def _ids(self) -> tuple[int, int] | None:
        """Find the user's ids: on this system by its database, in an image by its file."""
        if self.root == Path("/"):
            try:
                user = pwd.getpwnam(USER)
            except KeyError:
                return None
            return user.pw_uid, user.pw_gid
        lines = (self._text(Path("/etc/passwd")) or "").splitlines()
        fields = next((line.split(":") for line in lines if line.startswith(f"{USER}:")), None)
        return (int(fields[2]), int(fields[3])) if fields else None

    def _run(self, *command: str, input_: str = "") -> None:
        try:
            ran = subprocess.run(command, input=input_, text=True, capture_output=True, check=False)  # noqa: S603
        except FileNotFoundError:
            raise InstallError(
                f"{command[0]} is not installed.", "The service needs systemd: apt-get install systemd"
            ) from None
        if ran.returncode:
            reason = ran.stderr.strip().splitlines()
            raise InstallError(f"{' '.join(command)} failed: {reason[-1] if reason else ran.returncode}")


_VERBS = {
    "wrote": "write", "made": "make", "linked": "link", "removed": "remove", "told": "tell",
    "restarted": "restart", "stopped": "stop", "disabled": "disable",
}  # fmt: skip


def _infinitive(what: str) -> str:
    """Put the verbs that a sentence begins with, one or two, in the form that follows `would`."""
    first, *rest = what.split(" ")
    if rest[:1] == ["and"]:
        rest[1] = _VERBS[rest[1]]
    return " ".join([_VERBS[first], *rest])


def _fresh(path: Path, mode: int) -> int:
    """Open a new file to write. It never follows a link that another user put there."""
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn an OSError into one sentence about a file."""
    try:
        yield
    except OSError as error:
        raise InstallError(f"{path}: {(error.strerror or 'unknown error').lower()}.") from None
