"""Installer of the systemd service: it inspects and changes a file system, and reports each change.

Every method is safe to repeat, and does nothing if nothing is to do. `root` is the top of the file system: `/`, or the
folder of an image that is being built, in which nothing is started.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from syncd.cli.service.units import LINK, PLACES, USER, Part

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
    """Works below `root`; reports to `say` each change or, if `dry`, each change that it would make."""

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

    def systemctl(self, *words: str, done: str) -> None:
        """Run systemctl; in an image, only to disable a unit."""
        if not self.live and words[0] != "disable":
            return
        self._did(done)
        if not self.dry:
            self._run("systemctl", *self._rooted(), "--quiet", *words)

    def active(self, unit: str) -> bool:
        """Tell if a unit runs now."""
        return self.live and self._asked("is-active", unit)

    def enabled(self, unit: str) -> bool:
        """Tell if a boot starts a unit."""
        return shutil.which("systemctl") is not None and self._asked("is-enabled", unit)

    def _asked(self, word: str, unit: str) -> bool:
        command = ["systemctl", *self._rooted(), "--quiet", word, unit]
        return not subprocess.run(command, capture_output=True, check=False).returncode  # noqa: S603

    def _rooted(self) -> list[str]:
        return [] if self.root == Path("/") else [f"--root={self.root}"]

    def _did(self, what: str) -> None:
        self.say(f"would have {what}" if self.dry else what)

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
