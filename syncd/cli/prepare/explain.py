"""`syncd explain [CODE or WORD]`: explain a failure code and what to do, or a word that a command prints."""

from collections.abc import Collection, Mapping
from difflib import SequenceMatcher
from heapq import nlargest
from typing import Annotated

import typer

from syncd.cli.exits import Exit
from syncd.cli.output import say, say_json
from syncd.core.failure import CODES
from syncd.core.glossary import WORDS
from syncd.log import escape

NEAREST = 3


def explain(
    code: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CODE", help="A code or a word in a message; without it, all codes and words."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object of codes.")] = False,
) -> int:
    """Explain a failure code and what to do, or a word that a command prints, such as elsewhere."""
    given = " ".join(code or ())
    wanted = " ".join(given.strip(" ()`\"'.,:").lower().split())
    if not wanted:
        codes = every_code()
        if as_json:
            say_json(codes)
        else:
            _say({**codes, **WORDS})
        return Exit.DONE
    # The core's own codes and words need no plugin
    known: Mapping[str, str] = CODES if wanted in CODES else WORDS
    if wanted not in known:
        known = {**WORDS, **every_code()}
    if wanted not in known:
        near = ", ".join(nearest(wanted, known))
        raise typer.TyperException(
            f"There is no code or word {escape(given[:64])}. The nearest are: {near}. For all of them: syncd explain"
        )
    found = {wanted: known[wanted]}
    if as_json:
        say_json(found)
    else:
        _say(found)
    return Exit.DONE


def nearest(wanted: str, known: Collection[str]) -> list[str]:
    """Return the known words that are most like one, also like the beginning of a longer one."""

    def likeness(word: str) -> float:
        whole, beginning = (SequenceMatcher(None, wanted, it) for it in (word, word[: len(wanted) + 1]))
        return max(whole.ratio(), 0.95 * beginning.ratio())

    return nlargest(NEAREST, sorted(known), key=likeness)


def every_code() -> dict[str, str]:
    """Return every code that a command or the log may print, with what to do: of the core, of plugins, of an audit."""
    from syncd import registry  # noqa: PLC0415 - imports every plugin
    from syncd.cli.observe.audit import audit_codes  # noqa: PLC0415

    return dict(sorted({**audit_codes(), **registry.codes()}.items()))


def _say(found: Mapping[str, str]) -> None:
    for name, text in found.items():
        say(name)
        say(f"  {text}")
