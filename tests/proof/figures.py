"""What a run of the tests came to, kept as JSON under `build/proof`, one file a name, for whoever tells of it later.

Several processes record under one name when tests are spread over them: numbers are added up, whatever else is replaced.
The folder is emptied by whoever begins a run that is to be told of.
"""

import fcntl
import json
import re
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "build" / "proof"

Figure = int | float | str


def record(name: str, figures: Mapping[str, Figure], folder: Path = FOLDER) -> None:
    """Add figures to those of the same name. Raises ValueError for a name that is no plain file name."""
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise ValueError(f"{name!r}: letters, digits and _ only")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.json").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        told = json.loads(file.read() or "{}")
        file.seek(0)
        file.truncate()
        json.dump(_sum(told, figures), file, indent=1, sort_keys=True)


def read(folder: Path = FOLDER) -> dict[str, dict[str, Figure]]:
    """Everything recorded so far, by name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def _sum(told: Mapping[str, Figure], figures: Mapping[str, Figure]) -> dict[str, Figure]:
    added = dict(told)
    for key, figure in figures.items():
        before = told.get(key, 0)
        numbers = not isinstance(figure, str) and not isinstance(before, str)
        added[key] = before + figure if numbers else figure  # type: ignore[operator]  # both are numbers
    return added
