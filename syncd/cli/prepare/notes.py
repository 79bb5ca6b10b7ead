"""Notes: the lines of a report by `check` or `setup`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from syncd.cli.exits import Exit, strongest
from syncd.cli.output import say, say_json, say_lines, say_marked, terminal_width
from syncd.cli.table import wrapped
from syncd.core.failure import CODES, CONNECTOR_BUG, Failure, Refused
from syncd.log import escape, logger, scrub

if TYPE_CHECKING:
    from syncd.app.connectors import Mapped
    from syncd.clock import Clock
    from syncd.connector import Connector

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

    def without_resume(self) -> "Note":
        """Leave out the advice to resume, for nothing has halted."""
        return replace(self, fix=self.fix.partition(" Then: syncd resume ")[0])


def ask_connector(
    m: "Mapped", clock: "Clock", ask: Callable[["Connector", str], list[Note]], state: State, raised: str
) -> list[Note]:
    """Open a connector and ask it for notes; its failure is a note in `state`, and stops no other connector.

    `ask` also gets the part that the notes are about. `raised` is a sentence with `{}` for an exception's name.
    """
    about = f"connector {m.name}"
    try:
        with closing(m.configured.open(clock, logger())) as connector:
            return ask(connector, about)
    except (Failure, Refused) as why:
        fix = advice_of(m, why.code)
        return [Note(state, about, why.detail, why.code, fix, Exit.FAILED)]
    except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything
        return [bug(state, about, raised.format(type(error).__name__))]


def advice_of(m: "Mapped", code: str) -> str:
    """Look up the advice for a code of a connector; empty if nobody knows."""
    return {**m.configured.cls.codes, **CODES}.get(code, "").replace("NAME", m.name)


def bug(state: State, about: str, text: str) -> Note:
    """Report a mistake in a connector's code."""
    return Note(state, about, text, CONNECTOR_BUG, "Mend or update the connector.", Exit.FAILED)


def print_notes(notes: Sequence[Note], keys: tuple[str, str, str], *, as_json: bool) -> Exit:
    """Print a line for each note, and its advice below, or a JSON document; return the strongest exit code.

    `keys`: the names in JSON for the notes, for a note's state and for its sentence.
    """
    code = strongest(note.exit for note in notes)
    if as_json:
        every, state, text = keys
        found = [
            {state: it.state, "about": it.about, text: it.text, "code": it.code, "fix": it.fix}
            for it in notes
        ]
        say_json({"ok": not code, "exit": int(code), every: found})
        return code
    _print(notes)
    return code


def _print(notes: Sequence[Note]) -> None:
    """Print each note; on a terminal its lines are split between words. Then count the errors and the warnings."""
    states, abouts = (
        max(map(len, column)) for column in zip(*((n.state, n.about) for n in notes), strict=True)
    )
    width, indent = terminal_width(), states + 4
    for note in notes:
        more = f" ({note.code})" if note.code else ""
        text = escape(f"{note.about:{abouts}}  {note.text}{more}")
        first, *rest = wrapped(text, width and width - indent)
        if note.fix and note.state != "ok":
            fix = wrapped(escape(note.fix), width and width - indent)
            rest += fix if width else [f"{'':{abouts}}{fix[0]}"]
        say_marked(f"{note.state:{states}}", _COLOURS.get(note.state, ""), f"  {first}")
        say_lines(f"{'':{indent}}{line}" for line in rest)
    counts = ((sum(_COLOURS.get(it.state) == colour for it in notes), noun) for noun, colour in _COUNTED)
    if found := [f"{n} {noun}{'s' * (n > 1)}" for n, noun in counts if n]:
        say(", ".join(found))


_COLOURS: Mapping[State, str] = MappingProxyType(
    {"ok": "32", "made": "32", "warning": "33", "error": "31", "failed": "31"}
)
_COUNTED = (("error", "31"), ("warning", "33"))


def mistake_notes(mistakes: Iterable[str]) -> Iterator[Note]:
    """Make a note of each mistake in the configuration."""
    for mistake in mistakes:
        yield Note("error", "configuration", mistake, exit=Exit.CONFIG)
