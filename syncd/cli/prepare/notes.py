"""Notes: the lines of a report by `check` or `setup`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from syncd.cli.exits import Exit
from syncd.cli.output import say
from syncd.log import scrub

State = Literal["ok", "warning", "error", "made", "missing", "by hand", "failed"]


@dataclass(frozen=True, slots=True)
class Note:
    """A state, the part that it is about, a sentence, and advice. `exit`: the exit code that it causes."""

    state: State
    about: str
    text: str
    code: str = ""
    fix: str = ""
    exit: Exit = Exit.DONE

    def scrubbed(self) -> "Note":
        """Redact secrets: a connector is a stranger's code, and may repeat the options that it got."""
        return replace(self, text=scrub(self.text), fix=scrub(self.fix))


def print_notes(notes: Sequence[Note]) -> None:
    """Print a line for each note, and its advice below."""
    states, abouts = (
        max(map(len, column)) for column in zip(*((n.state, n.about) for n in notes), strict=True)
    )
    for note in notes:
        say(
            f"{note.state:{states}}  {note.about:{abouts}}  {note.text}{f' ({note.code})' if note.code else ''}"
        )
        if note.fix and note.state != "ok":
            say(f"{'':{states}}  {'':{abouts}}  {note.fix}")
