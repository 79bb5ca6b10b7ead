"""Root reads the configuration and its secrets, then acts as the ledger's owner.

A ledger that root opens gets a WAL that is root's, and the service behind it can no longer write. So every command that
reads settings does it through `settings_in_force`: as root it reads what root alone may read, the service's credentials
among it, and then becomes the user whose ledger it is, for good, before anything is opened and any plugin is imported.

That user is the owner of the ledger's folder, who alone may put anything there: what the ledger's own name leads to may be
changed by them in the meantime, and would have root act as whomever they like.
"""

import os
import pwd
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pydantic

import syncd
from syncd import file_access
from syncd.settings import SYSTEM_CONFIG, Settings, SettingsError, find_config, load, passed_over
from syncd.stderr import put

CREDENTIALS = "credentials"
"""The folder beside the system's configuration that the unit loads, a file for each secret; root's alone."""

STARTED_AS = os.getuid()
"""Whoever typed the command, whomever the process becomes later."""


class Owner(NamedTuple):
    """Whom root becomes. `name` is empty when the user has no entry in the password database."""

    uid: int
    gid: int
    name: str = ""
    home: str = "/"

    def __str__(self) -> str:
        return self.name or f"the user {self.uid}"


def settings_in_force(
    config: Path | None, flags: Mapping[str, object] | None = None, *, keyless: bool = False
) -> Settings:
    """The settings, read as whoever started this process; from then on a root process is the ledger's owner.

    `config`: the flag's file, if any; `keyless`: as in `load`. Raises SettingsError.
    """
    found = find_config(config, user=STARTED_AS)
    if why := passed_over(config, user=STARTED_AS):
        put(sys.stderr, f"syncd: {why} {f'{found} is read' if found else 'No file is read'} instead.\n")
    try:
        settings = load(found, _environment(found), flags=flags or {}, keyless=keyless)
    except SettingsError as error:
        if found is None or not _is_kept_from_us(found):
            raise
        only = f"{found.parent}: only root and the service see all of it: say this again with sudo"
        raise SettingsError(*error.mistakes, only) from None
    become_owner_of(settings.state.path)
    return settings


def become_owner_of(ledger: Path) -> None:
    """As root, become the owner of the folder that the ledger is in, or will be in; else do nothing.

    Raises SettingsError when others have a hand in where that is, or the owner could not run what is installed here.
    """
    if os.geteuid():
        return
    owner = owner_of(ledger)
    _check_ground(ledger, owner)
    if not owner.uid:
        return
    _check_reach(owner)
    try:
        os.initgroups(owner.name, owner.gid) if owner.name else os.setgroups([])
        os.setresgid(owner.gid, owner.gid, owner.gid)
        os.setresuid(owner.uid, owner.uid, owner.uid)
    except PermissionError:
        raise SettingsError(
            f"{ledger} belongs to {owner}, and this root may not become another user: "
            f"start syncd as {owner}, or allow it SETUID and SETGID"
        ) from None
    os.environ.update({"HOME": owner.home, "USER": owner.name, "LOGNAME": owner.name})


def owner_of(ledger: Path) -> Owner:
    """Whose the ledger's folder is, or the nearest one above that exists."""
    for path in ledger.absolute().parents:
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        except OSError:  # a link in a circle, a file among the folders: opening the ledger says so better
            break
        try:
            user = pwd.getpwuid(status.st_uid)
        except KeyError:
            return Owner(status.st_uid, status.st_gid)
        return Owner(user.pw_uid, user.pw_gid, user.pw_name, user.pw_dir)
    return Owner(0, 0)


def _check_ground(ledger: Path, owner: Owner) -> None:
    """Raises SettingsError unless the ledger is a file of its folder's owner, whom nobody but root can lead elsewhere."""
    instead = f"name another place in state.url, or start syncd as {owner}"
    try:
        status = ledger.lstat()
        if stat.S_ISLNK(status.st_mode):
            raise SettingsError(
                f"{ledger} is a link, and root follows none there: put the ledger itself there"
            )
        if status.st_uid != owner.uid:
            others = f"{ledger} belongs to {_named(status.st_uid)}, and its folder to {owner}"
            raise SettingsError(f"{others}: give both one owner with chown, then try again")
    except OSError:  # not there yet, or opening it says so better
        pass
    hand = file_access.hand_in(ledger.absolute(), {0, owner.uid})
    if hand:
        raise SettingsError(
            f"others than root and {owner} may change {hand}, on the way to {ledger}: {instead}"
        )


def came_as() -> str:
    """The name of the user that this process was started as; the number of one without a name."""
    return _named(STARTED_AS)


def _named(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def hint(sentence: str) -> str:
    """What root should know when something was not permitted: that it was not root who tried. Else empty."""
    if STARTED_AS or not os.getuid() or "permission denied" not in sentence.lower():
        return ""
    return (
        f"You are root, but the ledger's owner {_named(os.getuid())} did this: name a place that it may use."
    )


def _environment(config: Path | None) -> Mapping[str, str]:
    """The environment and, for root with the system's configuration, the folder of credentials that the unit loads."""
    if config is None or config.absolute() != SYSTEM_CONFIG or os.geteuid():
        return os.environ
    return {"CREDENTIALS_DIRECTORY": str(SYSTEM_CONFIG.parent / CREDENTIALS), **os.environ}


def _is_kept_from_us(config: Path) -> bool:
    """Whether the system's configuration, or its credentials, are there and not for whoever this is."""
    if config.absolute() != SYSTEM_CONFIG:
        return False
    folder = SYSTEM_CONFIG.parent / CREDENTIALS
    hidden = (
        os.path.lexists(folder)
        and "CREDENTIALS_DIRECTORY" not in os.environ
        and not os.access(folder, os.R_OK)
    )
    return hidden or not os.access(config, os.R_OK)


def _check_reach(owner: Owner) -> None:
    """Modules are imported when they are needed, by then as the owner: so the owner must be able to read them."""
    for module in (os, pydantic, syncd):
        file = Path(module.__file__ or "/")
        for folder in file.parents:
            if not _may_enter(owner, folder):
                raise SettingsError(
                    f"syncd is installed below {folder}, which {owner}, whose ledger this is, may not enter: "
                    "install it where everybody may read, such as /opt/syncd"
                )


def _may_enter(owner: Owner, folder: Path) -> bool:
    """By the mode alone; lists of access rights are not asked."""
    status = folder.stat()
    if status.st_uid == owner.uid:
        return bool(status.st_mode & 0o100)
    groups = os.getgrouplist(owner.name, owner.gid) if owner.name else [owner.gid]
    return bool(status.st_mode & (0o010 if status.st_gid in groups else 0o001))
