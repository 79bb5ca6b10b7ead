"""What `check` has to say: one line of its report."""

from dataclasses import dataclass
from typing import Literal

from syncd.cli.exits import Exit

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Note:
    """A level, what it is about, a sentence, and what to do. `exit`: what a run would exit with because of it."""

    level: Level
    about: str
    detail: str
    code: str = ""
    fix: str = ""
    exit: Exit = Exit.DONE
