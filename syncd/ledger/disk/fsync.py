"""Names on the disk: a file that was synced is still lost in a power cut when the folder that names it was not."""

import os
from contextlib import suppress
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make a name that was set or changed in this folder last."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_names(file: Path) -> None:
    """Make the name of a new file last, and those of the folders above it, any of which may be as new."""
    nearest, *others = file.absolute().parents
    sync_folder(nearest)
    for folder in others:
        # What we may not even read, we have not made
        with suppress(OSError):
            sync_folder(folder)
