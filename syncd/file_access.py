"""Rights of other users on a path: checked before root acts below a name, and before a file is believed.

A name is as safe as the least safe step on the way to it. A folder that others may write lets them put another file or
a link under any name in it; a sticky one, such as `/tmp`, only under names that are not taken yet.
"""

import grp
import os
import pwd
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

_MOST_LINKS = 40
"""As many as the kernel follows."""
_STICKY_FOLDER = stat.S_IFDIR | stat.S_ISVTX


def hand_in(path: Path, trusted: Collection[int]) -> str:
    """The first step on the way to a path that users other than the trusted ones may change; empty if there is none.

    Links are followed, and are steps themselves. A path to nothing yet is as safe as the folder it will be in. A relative
    path begins with the working directory, which nobody can exchange under a process.
    """
    open_folder = ""
    for step in _steps(path):
        try:
            status = step.lstat()
        except FileNotFoundError:
            return open_folder
        except (
            OSError
        ):  # links in a circle, a file among the folders: it leads nowhere, and opening it says so
            return ""
        if status.st_uid not in trusted:
            return str(step)
        open_folder = ""
        if not stat.S_ISLNK(status.st_mode) and _others_write(status):
            if status.st_mode & _STICKY_FOLDER != _STICKY_FOLDER:
                return str(step)
            open_folder = str(step)
    return ""


def name_of(uid: int) -> str:
    """Name a user; a number if the user has no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def kept_from_us(*paths: Path) -> str:
    """Say which of these belongs to another user, and may not be read and written by this one; empty if there is none."""
    me = os.geteuid()
    for path in paths:
        try:
            owner = path.stat().st_uid
            if os.statvfs(path).f_flag & os.ST_RDONLY:  # nobody may write there
                continue
        except OSError:  # not there, or out of reach: the next one tells
            continue
        if owner != me and not os.access(path, os.R_OK | os.W_OK):
            us, them = name_of(me), name_of(owner)
            return f"{path} belongs to {them}, and you are {us}: run this as {them}, or give it to {us} with chown"
    return ""


def others_read(path: Path, user: int) -> bool:
    """True if users other than `user`, root and the file's owner may read a file, and reach it through its folders.

    Raises OSError when there is none, or this process may not look.
    """
    real = path.resolve(strict=True)
    return _others(real.stat(), stat.S_IROTH, user) and all(
        _others(folder.stat(), stat.S_IXOTH, user) for folder in real.parents
    )


def _others_write(status: os.stat_result) -> bool:
    return _others(status, stat.S_IWOTH, status.st_uid)


def _others(status: os.stat_result, right: int, user: int) -> bool:
    """True if others have a right, by the mode alone. `right`: as everybody's bit.

    A group is nobody else when it is root's, or the owner's or the user's own, as many systems make one a user.
    """
    if status.st_mode & right:
        return True
    grouped = status.st_mode & right << 3 and status.st_gid
    return bool(grouped) and not any(_is_own(uid, status.st_gid) for uid in (status.st_uid, user))


def _is_own(uid: int, gid: int) -> bool:
    try:
        user, group = pwd.getpwuid(uid), grp.getgrgid(gid)
    except KeyError:
        return False
    return user.pw_gid == gid and user.pw_name == group.gr_name and set(group.gr_mem) <= {user.pw_name}


def _steps(path: Path) -> Iterator[Path]:
    """Every name that the kernel reads on its way, from the beginning on."""
    at, links = _beginning(path), 0
    yield at
    left = list(reversed(_names(path)))
    while left:
        step = at / left.pop()
        yield step
        if links < _MOST_LINKS and step.is_symlink():
            links += 1
            target = step.readlink()
            left += reversed(_names(target))
            at = _beginning(target) if target.is_absolute() else at
        else:
            at = step


def _beginning(path: Path) -> Path:
    return Path(path.anchor or ".")


def _names(path: Path) -> tuple[str, ...]:
    return path.parts[1:] if path.is_absolute() else path.parts
