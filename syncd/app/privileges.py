"""Settings in force. Root reads the configuration and its secrets, then becomes the ledger's owner.

If root opened a ledger, the ledger's WAL would belong to root, and the service could no longer write. So every command
reads its settings by `settings_in_force`. As root, it reads first what only root may read, such as the service's
credentials. Then it becomes the ledger's owner for good, before it opens a file or imports a plugin.

The owner is the one of the ledger's folder, not of the ledger file. Whoever owns the folder can put a link to anybody's
file there, and root would then act as a user of their choice.
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
from syncd.file_access import name_of
from syncd.settings import (
    CREDENTIALS,
    SYSTEM_CONFIG,
    Settings,
    SettingsError,
    find_config,
    load,
    no_config,
    passed_over,
)
from syncd.stderr import put

STARTED_AS = os.getuid()
"""The user who typed the command, even after the process has become another user."""


class Owner(NamedTuple):
    """The user that root becomes. `name` is empty if the password database has no entry of the user."""

    uid: int
    gid: int
    name: str = ""
    home: str = "/"

    def __str__(self) -> str:
        return self.name or f"the user {self.uid}"


def settings_in_force(
    config: Path | None, flags: Mapping[str, object] | None = None, *, keyless: bool = False
) -> Settings:
    """Read the settings as the user who started this process; then a root process becomes the ledger's owner.

    `config`: the flag's file, if any; `keyless`: as in `load`. Raises SettingsError, also
    if there is neither a file nor a variable: no command works on a ledger that nobody configured.
    """
    found = find_config(config, user=STARTED_AS)
    if why := passed_over(config, user=STARTED_AS):
        put(sys.stderr, f"syncd: {why} {f'{found} is read' if found else 'No file is read'} instead.\n")
    try:
        settings = load(found, _environment(found), flags=flags or {}, keyless=keyless)
    except SettingsError as error:
        if found is None or not _is_kept_from_us(found):
            raise
        only = f"{found.parent}: only root and the service may read all of it: run this again with sudo"
        raise SettingsError(*error.mistakes, only) from None
    if found is None and not settings.provenance.origins:
        raise SettingsError(no_config())
    become_owner_of(settings.state.path)
    return settings


def become_owner_of(ledger: Path) -> None:
    """As root, become the owner of the folder that the ledger is in, or will be in; else do nothing.

    Raises SettingsError if others can change the way to it, or if the owner could not run this installation.
    """
    if os.geteuid():
        return
    owner = owner_of(ledger)
    _check_path(ledger, owner)
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
    """Find the owner of the ledger's folder, or of the nearest folder above that exists."""
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


def _check_path(ledger: Path, owner: Owner) -> None:
    """Raise SettingsError unless the ledger belongs to its folder's owner, and only root can lead its path elsewhere."""
    instead = f"name another place in state.url, or start syncd as {owner}"
    try:
        status = ledger.lstat()
        if stat.S_ISLNK(status.st_mode):
            raise SettingsError(
                f"{ledger} is a link, and root follows none there: put the ledger itself there"
            )
        if status.st_uid != owner.uid:
            others = f"{ledger} belongs to {name_of(status.st_uid)}, and its folder to {owner}"
            raise SettingsError(f"{others}: give both one owner with chown, then try again")
    except OSError:  # not there yet, or opening it says so better
        pass
    hand = file_access.hand_in(ledger.absolute(), {0, owner.uid})
    if hand:
        raise SettingsError(
            f"others than root and {owner} may change {hand}, on the way to {ledger}: {instead}"
        )


def came_as() -> str:
    """Name the user who started this process; a number if the user has no name."""
    return name_of(STARTED_AS)


def hint(sentence: str) -> str:
    """Explain to root why permission was denied: the ledger's owner tried, not root. Else empty."""
    if STARTED_AS or not os.getuid() or "permission denied" not in sentence.lower():
        return ""
    return (
        f"You are root, but the ledger's owner {name_of(os.getuid())} did this: name a place that it may use."
    )


def _environment(config: Path | None) -> Mapping[str, str]:
    """Return the environment; for root with the system's configuration, with the credentials folder of the unit."""
    if config is None or config.absolute() != SYSTEM_CONFIG or os.geteuid():
        return os.environ
    return {"CREDENTIALS_DIRECTORY": str(SYSTEM_CONFIG.parent / CREDENTIALS), **os.environ}


def _is_kept_from_us(config: Path) -> bool:
    """Tell if the system's configuration or its credentials exist, and this user may not read them."""
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
    """Raise SettingsError unless the owner can read the installation: modules are imported later, by the owner."""
    for module in (os, pydantic, syncd):
        file = Path(module.__file__ or "/")
        for folder in file.parents:
            if not _may_enter(owner, folder):
                raise SettingsError(
                    f"syncd is installed below {folder}, which {owner}, whose ledger this is, may not enter: "
                    "install it where everybody may read, such as /opt/syncd"
                )


def _may_enter(owner: Owner, folder: Path) -> bool:
    """Tell if the owner may enter a folder, by its mode alone; access control lists are ignored."""
    status = folder.stat()
    if status.st_uid == owner.uid:
        return bool(status.st_mode & 0o100)
    groups = os.getgrouplist(owner.name, owner.gid) if owner.name else [owner.gid]
    return bool(status.st_mode & (0o010 if status.st_gid in groups else 0o001))
