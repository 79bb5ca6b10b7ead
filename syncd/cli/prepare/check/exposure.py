"""Checks of files that others may read or change: the configuration, secret files, the ledger."""

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from syncd.cli.prepare.notes import Note
from syncd.file_access import hand_in, others_read


def configuration_notes(config: Path | None, secrets: Collection[str]) -> Iterator[Note]:
    """Warn if everybody can read a secret in the file, or if others than its owner may change it."""
    if config is None:
        return
    try:
        status = config.stat()
        # A pipe, such as a shell's <(…), can be read only once
        text = config.read_text(errors="replace") if stat.S_ISREG(status.st_mode) else ""
    except OSError:  # it is gone meanwhile
        return
    if status.st_mode & stat.S_IROTH and any(secret in text for secret in secrets):
        yield Note(
            "warning", "configuration", f"{config} holds a secret, and every user of this machine can read it.",
            fix=f"chmod o= {config}",
        )  # fmt: skip
    hand = text and hand_in(config.absolute(), {0, os.geteuid(), status.st_uid})
    if hand:
        yield Note(
            "warning", "configuration", f"Others may change {hand}, and by that {config}, and send keys elsewhere.",
            fix=f"Give it to root or to the user who runs syncd, then: chmod go-w {hand}",
        )  # fmt: skip


def secret_notes(files: Collection[str]) -> Iterator[Note]:
    """Warn of each secret file that others than root and this user can read."""
    user = os.geteuid()
    for file in dict.fromkeys(files):
        try:
            open_ = others_read(Path(file), user)
        except OSError:  # root has read it, and the ledger's owner cannot
            continue
        if open_:
            yield Note(
                "warning", "configuration", f"{file} is a secret, and others can read it.",
                fix=f"Give it to the user who starts syncd, then: chmod go= {file}",
            )  # fmt: skip


def ledger_notes(ledger: Path) -> Iterator[Note]:
    """Warn of files with personal data that others than their owner can read: syncd makes none, but a copy may be one."""
    for file in sorted(ledger.parent.glob(f"{ledger.name}*")):
        try:
            mode = file.stat().st_mode
        except OSError:  # gone meanwhile
            continue
        if mode & 0o077:
            yield Note(
                "warning", "ledger", f"{file} holds personal data, and others can read it.", fix=f"chmod go= {file}"
            )  # fmt: skip
