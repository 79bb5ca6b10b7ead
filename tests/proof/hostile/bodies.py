"""Bodies that are wrong: constants that no endpoint promises, and what becomes of a good body by breaking it in one place."""

import codecs
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from tests.proof.hostile.server import Good, Line, Script

DEEP = 100_000
MANY = 1_000_000
DIGITS = 100_000

ODD: Sequence[Any] = (
    None, True, False, 0, -1, 1, 1.5, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**400, 1e308, float("nan"),
    float("inf"), "", " ", "0", "-1", "1", "null", "true", "a\0b", "\ud800", "\udfff\ud800", "\u202e", "x" * 70_000, "1e400",
    "2026-06-11T07:15:00Z", "2026-06-11", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
    "99999-01-01T00:00:00Z", "2026-06-11T07:15:60Z", "20260611T071500Z", "2026-W24-4", "1781162100", "1781162100000", "now",
    "<html>", "{{ 1/0 }}", "=cmd|' /C calc'!A0", "../../etc/passwd", [], {}, [[]], [{}], {"": None}, [None], [1, "a", None],
    {"id": {"id": {}}}, ["x"] * 1000,
)  # fmt: skip
"""What stands in place of a part of a good answer. It goes out as JSON of Python's kind: NaN and lone surrogates included."""


@cache
def constants() -> Mapping[str, bytes]:
    """Bodies that are no answer to anything."""
    return {
        "empty": b"",
        "blanks": b" \r\n\t ",
        "null": b"null",
        "true": b"true",
        "a number": b"42",
        "a string": b'"leads"',
        "an empty list": b"[]",
        "an empty object": b"{}",
        "a list of lists": b"[[[]]]",
        "a page": b"<!DOCTYPE html><html><title>Sign in</title></html>",
        "a page of spaces and a page": b" " * 1000 + b"<html>",
        "plain text": b"Service Unavailable",
        "deep lists": b"[" * DEEP,
        "deep lists that end": b"[" * DEEP + b"]" * DEEP,
        "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        "deep where rows are": b'{"leads":' + b"[" * DEEP + b"]" * DEEP + b"}",
        "a million keys": b"{" + b",".join(b'"%d":1' % n for n in range(MANY)) + b"}",
        "a million rows": b'{"leads":[' + b",".join([b"0"] * MANY) + b"]}",
        "the same key a thousand times": b"{" + b",".join([b'"leads":[]'] * 1000) + b"}",
        "NaN": b"NaN",
        "an object of NaN": b'{"leads":NaN,"results":NaN,"contacts":NaN}',
        "infinity": b'{"leads":[],"total":Infinity,"hasMore":-Infinity}',
        "1e400": b'{"leads":[],"total":1e400,"hasMore":false}',
        "a number of many digits": b"1" * DIGITS,
        "a field of many digits": b'{"leads":[],"total":' + b"1" * DIGITS + b',"id":' + b"9" * 5000 + b"}",
        "a token of many digits": b'{"access_token":' + b"9" * 5000 + b"}",
        "a fraction of many digits": b'{"total":0.' + b"1" * DIGITS + b"}",
        "a lone surrogate": b'{"leads":"\\ud800","error":"\\udfff","results":["\\ud800"]}',
        "a lone surrogate as a key": b'{"\\ud800":1}',
        "NUL": b"\0",
        "NUL within": b'{"leads":"a\0b"}',
        "NUL escaped": b'{"error":"a\\u0000b","message":"\\u0000"}',
        "a mark of UTF-8": codecs.BOM_UTF8 + b"{}",
        "UTF-16": '{"leads":[]}'.encode("utf-16"),
        "UTF-16 without a mark": '{"leads":[]}'.encode("utf-16-be"),
        "UTF-32": '{"leads":[]}'.encode("utf-32"),
        "Latin-1": b'{"error":"caf\xe9"}',
        "overlong UTF-8": b'{"error":"\xc0\xaf"}',
        "half a character": b'{"error":"\xe2\x82',
        "every byte": bytes(range(256)),
        "two objects": b"{}{}",
        "an object and a tail": b'{"leads":[]}garbage',
        "lines": b'{"leads":[]}\n{"leads":[]}\n',
        "single quotes": b"{'leads': []}",
        "a comma too many": b'{"leads":[],}',
        "a comment": b'{"leads":[]/*x*/}',
        "half an escape": b'{"a":"\\u12',
        "an endless string": b'{"a":"' + b"x" * 200_000,
        "an event stream": b'event: x\ndata: {"leads":[]}\n\n',
        "form data": b"leads=1&total=2",
        "multipart": b"--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n--x--",
        "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    }


def told(value: Any) -> bytes:
    """As JSON, lone surrogates escaped; a number of many digits is written as it is."""
    return json.dumps(value).encode()


def places_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every part of a value, the whole first."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places_of(value[key], (*path, key))
    elif isinstance(value, list):
        for n, one in enumerate(value):
            yield from places_of(one, (*path, n))


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    """The value with another part in that place."""
    if not path:
        return by
    first, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {key: replaced(one, rest, by) if key == first else one for key, one in value.items()}
    return [replaced(one, rest, by) if n == first else one for n, one in enumerate(value)]


def without(value: Any, path: tuple[Any, ...]) -> Any:
    """The value without that part."""
    first, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {k: without(v, rest) if k == first else v for k, v in value.items() if rest or k != first}
    return [without(v, rest) if n == first else v for n, v in enumerate(value) if rest or n != first]


def broken(body: bytes, dice: random.Random) -> bytes:
    """A good body with one to three things wrong with it: a part of another kind, gone, twice, renamed; or broken as bytes."""
    try:
        value = json.loads(body)
    except ValueError:
        value = body.decode("utf-8", "replace")
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        value = _mutated(value, dice)
    sent = told(value)
    if dice.random() < 0.15:
        return _torn(sent, dice)
    return sent


def _mutated(value: Any, dice: random.Random) -> Any:
    path = dice.choice(list(places_of(value)))
    act = dice.randrange(6)
    if act <= 2 or not path:
        return replaced(value, path, dice.choice(ODD))
    if act == 3:
        return without(value, path)
    part = value
    for step in path:
        part = part[step]
    if act == 4:
        return replaced(value, path, [part, part] if not isinstance(part, list) else {"data": part})
    if isinstance(part, list):
        return replaced(value, path, part * 2 if dice.random() < 0.5 else part[::-1])
    return replaced(value, path, {"data": part, "value": part})


def _torn(sent: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(sent) + 1)
    return dice.choice(
        (sent[:at], sent[:at] + bytes([dice.randrange(256)]) + sent[at:], sent[:at] + sent[at + 1 :])
    )


def body(sent: bytes, status: int = 200) -> Script:
    """That body under the good answer's headers."""
    return lambda line, good: line.send(good._replace(status=status, body=sent).raw())


def breaking(seed: int) -> Script:
    """The good answer, broken as the seed says."""
    return lambda line, good: line.send(
        good._replace(body=broken(good.body, random.Random(seed))).raw()  # noqa: S311 - no secret
    )


def truncated(at: int) -> Script:
    """The good answer's body up to a byte, whole as HTTP sees it."""
    return lambda line, good: line.send(good._replace(body=good.body[:at]).raw())


def changed(**members: Any) -> Script:
    """The good answer, if it is a page of leads, with other members."""

    def script(line: Line, good: Good) -> None:
        value = json.loads(good.body)
        if "leads" in value:
            value |= members
        line.send(good._replace(body=told(value)).raw())

    return script
