"""First and last name from a display name: the only module that knows nameparser.

A display name is free text: "Mara Oduya 🚀", "Mara | building Acme", "Dr. Jane O'Neil-Smith PhD",
"李小龙", "@handle", a slogan. The steps:

1. Two plain words that are not in the library's vocabulary are first and last name. The library has the same result (a
   test proves it), and takes sixty times as long.
2. Decoration is removed: emoji, look-alike letters, brackets, and all text after a `|`, `·`, `•`, ` - `, `/` or `@`.
3. One word is a first name. A company, a slogan, a handle or a text without letters is no name.
4. The library splits the rest. Middle names go with the first name. Only titles, degrees and nicknames are dropped, and the
   case stays.

Nothing here fails: a text that cannot be split has no first and last name. nameparser takes 70 ms to import, so the first
name imports it.
"""

import re
import unicodedata
from dataclasses import fields
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from nameparser import Parser

LONGEST = 200
"""Most characters that are read. X allows 50; the library's cost grows with the text."""
MOST_WORDS = 6
"""A display name of more words is a slogan."""
_REMEMBERED = 4096
"""Results that are kept: a `where`, a mapping and each retry may need the same name."""

_LETTERS = "[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f]"
# The library takes a Roman numeral at the end for a suffix, by its letters; they match dotless and dotted i too.
_TWO_WORDS = re.compile(f"({_LETTERS}{{2,}}) (?!(?i:[ivx]+)$)({_LETTERS}{{2,}})")
_LATIN_WORD = re.compile(rf"(?:{_LETTERS}|[\d.'\u2019_-])+")
_BRACKETED = re.compile(r"\([^()]*\)?|\[[^\[\]]*\]?|\{[^{}]*\}?")
_BRACKETS = re.compile(r"[()\[\]{}]")
_QUOTED = re.compile('["\u201c\u201e\u00ab](.*)["\u201c\u201d\u00bb]')
_LEADING_TAGS = re.compile(r"\s*(?:[@#]\w+\s*)+")
# An interpunct, a hyphen or a colon inside a word belongs to it: Gal·la, O'Neil-Smith, 史蒂夫·乔布斯.
_CUT = re.compile("[|\u2022\u2219\u25cf\u00a6/\\\\]|\\s[-\u2013\u2014~:\u00b7]+\\s|\\s\u00b7|[\u00b7:]\\s|--")
_EDGES = "~*_=+!?<>^:;-"
_JOINERS = "\u200c\u200d"  # they shape Persian and Indic letters; left alone between words they are dropped
_DECORATION = frozenset({"So", "Sk", "Co", "Cs", "Cn", "Cc", "Me"})  # symbols, skin tones, controls, keycaps
_ACCENTS = "`\u00b4\u2018\u2019\u02bc"  # typed for the apostrophe of O'Neil
_COMPANY = frozenset("inc incorporated llc llp ltd limited gmbh corp corporation plc pty srl sarl".split())  # noqa: SIM905 - a list takes a line for each


class Name(NamedTuple):
    """First and last name, each None when there is none."""

    first: str | None
    last: str | None


NOBODY = Name(None, None)


@lru_cache(maxsize=1)  # the first name and the last name of a lead are read one after the other
def split_name(text: str | None) -> Name:
    """Split a display name; never raises."""
    if not text:
        return NOBODY
    text = text[:LONGEST]
    return plain(text) or _split(text)


@lru_cache(maxsize=_REMEMBERED)
def _split(text: str) -> Name:
    return _messy(_cleaned(text))


def plain(text: str) -> Name | None:
    """Read two Latin words as a name if nameparser's vocabulary holds neither; None if the text is not so plain."""
    found = _TWO_WORDS.fullmatch(text)
    if found is None:
        return None
    first, last = found.groups()
    known = _vocabulary()
    return None if first.lower() in known or last.lower() in known else Name(first, last)


def _messy(text: str) -> Name:
    words = text.split()
    if not words or len(words) > MOST_WORDS or words[-1].strip(".,").lower() in _COMPANY:
        return NOBODY
    if len(words) == 1 and _LATIN_WORD.fullmatch(text):
        return Name(text, None)
    return plain(text) or _parsed(_without_tail(text))


def _without_tail(text: str) -> str:
    """Drop what follows a comma, unless it reads `Smith, John`."""
    head, comma, tail = text.partition(",")
    if comma and not _lettered(head):
        return _without_tail(tail.strip())
    listed = " " not in head.strip() and tail.strip()[:1].isupper()
    return text if not comma or listed else head.strip()


def _parsed(text: str) -> Name:
    parsed = _parser().parse(text)
    first, last = (part if _lettered(part) else None for part in (parsed.given_names, parsed.family))
    if not first and (not last or not (parsed.title or " " in last)):
        return Name(last or text, None)  # one word, or nothing but titles
    return Name(first, last)


def _lettered(text: str) -> bool:
    return any(map(str.isalpha, text))


def _cleaned(text: str) -> str:
    """Find the part that may be a name: words with letters and single spaces between; "" if there is none."""
    if not (text.isascii() and text.isprintable()):
        text = unicodedata.normalize("NFKC", "".join(map(_kept, text)))  # bold, script and full-width letters
    bare = _BRACKETED.sub(" ", text)
    if not _lettered(bare):
        bare = _BRACKETS.sub(" ", text)
    tags = _LEADING_TAGS.match(bare)
    bare = bare[tags.end() if tags else 0 :]
    bare = bare.partition("@")[0].partition("#")[0]
    for part in _CUT.split(bare):
        words = [word for word in part.split() if word == "&" or _lettered(word)]
        name = " ".join(word.strip(_EDGES) for word in words).strip(" &,")
        if _lettered(name):
            quoted = _QUOTED.fullmatch(name)
            return quoted[1].strip() if quoted else name
    return ""


def _kept(char: str) -> str:
    """Return a space for an emoji, nothing for an invisible character, else the character."""
    if char in _JOINERS:
        return char
    if char in _ACCENTS:
        return "'"
    category = unicodedata.category(char)
    if category == "Cf" or "\ufe00" <= char <= "\ufe0f":
        return ""
    return " " if category in _DECORATION else char


@cache
def _parser() -> "Parser":
    from nameparser import Parser  # noqa: PLC0415 - see the module: the first name pays, not the start

    return Parser()


@cache
def _vocabulary() -> frozenset[str]:
    """Collect the words with a meaning for the library, and the legal forms of companies."""
    lexicon = _parser().lexicon
    held = (getattr(lexicon, field.name) for field in fields(lexicon))
    entries = (entry for group in held if isinstance(group, frozenset) for entry in group)
    return _COMPANY.union(word for entry in entries for word in entry.split())
