"""Answers that are wrong below HTTP or in it, as scripts for `server.Hostile`. What is wrong with a body is in `bodies`.

The tables hold every form once, and every client meets all of them.
"""

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

from tests.proof.hostile.server import Good, Line, Script

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


class Bad(NamedTuple):
    """An answer. `fair`: a client may take it for the good one; `endless`: only a deadline or a bound ends it."""

    script: Script
    fair: bool = False
    endless: bool = False


def says(sent: bytes) -> Script:
    """These very bytes, whatever would have been good."""
    return lambda line, _: line.send(sent)


def framed(head: bytes, tail: bytes = b"") -> Script:
    """The good body between a head, which ends its lines itself, and a tail."""
    return lambda line, good: line.send(head + good.body + tail)


def chunks(*pieces: bytes) -> bytes:
    """Chunks with true sizes."""
    return b"".join(b"%x\r\n%s\r\n" % (len(it), it) for it in pieces)


def _reset_after(part: float) -> Script:
    def script(line: Line, good: Good) -> None:
        raw = good.raw()
        line.send(raw[: int(len(raw) * part)])
        line.reset()

    return script


def _cut_at(offset: int) -> Script:
    """Broken off so many bytes into the answer, or before its end if negative."""
    return lambda line, good: line.send(good.raw()[:offset])


def _length(text: str) -> Script:
    return lambda line, good: line.send(good.raw(content_length=text))


def _more(line: Line, good: Good) -> None:
    """The good answer, and another one that nobody asked for."""
    line.send(good.raw() + Good(body=b'{"leads": [], "total": 666, "hasMore": false}').raw())


def _chunked(head: bytes = CHUNKED, end: bytes = b"0\r\n\r\n") -> Script:
    return lambda line, good: line.send(head + chunks(good.body) + end)


def _pour(piece: bytes, head: bytes = b"") -> Script:
    return lambda line, _: line.pour(piece, head)


def _drip(piece: bytes, head: bytes = b"") -> Script:
    return lambda line, _: line.drip(piece, head)


def _headed(*lines: bytes) -> Script:
    """The good answer with odd lines in its head."""
    return lambda line, good: line.send(
        good.raw().replace(b"\r\n", b"\r\n" + b"\r\n".join(lines) + b"\r\n", 1)
    )


def _first_line(text: bytes) -> Script:
    return lambda line, good: line.send(text + b"\r\n" + good.raw().split(b"\r\n", 1)[1])


def _swapped(old: bytes, new: bytes) -> Script:
    def script(line: Line, good: Good) -> None:
        head, end, body = good.raw().partition(b"\r\n\r\n")
        line.send((head + end).replace(old, new) + body)

    return script


BROKEN: Mapping[str, Bad] = {
    "hangs up": Bad(says(b"")),
    "resets at once": Bad(_reset_after(0)),
    "resets inside the head": Bad(_reset_after(0.1)),
    "resets inside the body": Bad(_reset_after(0.95)),
    "breaks off in the status line": Bad(_cut_at(7)),
    "breaks off in a header": Bad(_cut_at(30)),
    "breaks off before the body": Bad(says(OK + b"Content-Length: 40\r\n\r\n")),
    "breaks off one byte short": Bad(_cut_at(-1)),
    "an SSH banner": Bad(says(b"SSH-2.0-OpenSSH_9.2p1\r\n")),
    "an SMTP banner": Bad(says(b"220 mail.example ESMTP\r\n")),
    "TLS": Bad(says(b"\x15\x03\x03\x00\x02\x02\x16")),
    "HTTP/2": Bad(says(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64")),
    "HTTP/0.9": Bad(says(b"<html><body>hello")),
    "binary": Bad(says(bytes(range(256)) * 4)),
    "line breaks": Bad(says(b"\r\n" * 50)),
    "a status line without end": Bad(_pour(b"9" * 65536, b"HTTP/1.1 200 "), endless=True),
    "a header without end": Bad(_pour(b"x" * 65536, OK + b"X-Long: "), endless=True),
    "headers without end": Bad(_pour(b"X-More: x\r\n" * 1000, OK), endless=True),
    "a header of 10 MB": Bad(says(OK + b"X-Long: " + b"x" * 10_000_000 + b"\r\n\r\n{}")),
    "a thousand headers": Bad(_headed(*[b"X-%d: y" % n for n in range(1000)]), fair=True),
    "a hundred interim answers": Bad(
        lambda line, good: line.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 100 + good.raw()), fair=True
    ),
    "nothing but an interim answer": Bad(says(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "switches protocols": Bad(says(b"HTTP/1.1 101 Other\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello")),
    "no length": Bad(_length("")),
    "a length in words": Bad(_length("many")),
    "a length below zero": Bad(_length("-1")),
    "a length with a sign": Bad(_length("+5"), fair=True),
    "a length in hexadecimal": Bad(_length("0x10")),
    "a length with a fraction": Bad(_length("7.0")),
    "a length of five thousand digits": Bad(_length("9" * 5000)),
    "a length that is too long": Bad(_length("99999999")),
    "a length that is too short": Bad(_length("1")),
    "a length of zero": Bad(_length("0")),
    "two lengths": Bad(_headed(b"Content-Length: 3")),
    "two lengths in one line": Bad(_length("3, 4")),
    "a length in foreign digits": Bad(
        lambda line, good: line.send(
            good.raw().replace(b"content-length: ", "content-length: \u0661".encode())
        )
    ),
    "a length and chunks": Bad(framed(OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n")),
    "chunks and a length": Bad(
        _chunked(OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n"), fair=True
    ),
    "good chunks": Bad(_chunked(), fair=True),
    "a chunk with an extension": Bad(
        lambda line, good: line.send(CHUNKED + b"%x;a=b\r\n" % len(good.body) + good.body + b"\r\n0\r\n\r\n"),
        fair=True,
    ),
    "a chunk of no size": Bad(framed(CHUNKED + b"\r\n")),
    "a chunk whose size is none": Bad(framed(CHUNKED + b"zz\r\n")),
    "a chunk below zero": Bad(framed(CHUNKED + b"-5\r\n")),
    "a chunk of 2^64": Bad(framed(CHUNKED + b"ffffffffffffffff\r\n")),
    "a chunk that breaks off": Bad(framed(CHUNKED + b"ffff\r\n")),
    "a chunk without its end": Bad(
        lambda line, good: line.send(CHUNKED + b"%x\r\n" % len(good.body) + good.body + b"0\r\n\r\n")
    ),
    "no last chunk": Bad(_chunked(end=b"")),
    "half a last chunk": Bad(_chunked(end=b"0\r\n"), fair=True),
    "a chunk's size without end": Bad(_pour(b"0" * 65536, CHUNKED), endless=True),
    "an extension without end": Bad(_pour(b"x" * 65536, CHUNKED + b"5;"), endless=True),
    "chunks without end": Bad(_pour(b"10000\r\n" + b" " * 65536 + b"\r\n", CHUNKED), endless=True),
    "chunks of a byte without end": Bad(_pour(b"1\r\n \r\n" * 5000, CHUNKED), endless=True),
    "trailers without end": Bad(_pour(b"X-T: y\r\n" * 1000, CHUNKED + b"2\r\n{}\r\n0\r\n"), endless=True),
    "a trailer without end": Bad(_pour(b"x" * 65536, CHUNKED + b"2\r\n{}\r\n0\r\nX-T: "), endless=True),
    "a trailer": Bad(_chunked(end=b"0\r\nContent-Length: 5\r\n\r\n"), fair=True),
    "an unknown transfer encoding": Bad(_headed(b"Transfer-Encoding: rot13"), fair=True),
    "chunked twice": Bad(_chunked(OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n"), fair=True),
    "a body without end": Bad(_pour(b" " * 65536, OK + b"\r\n"), endless=True),
    "a body of promised terabytes": Bad(
        _pour(b" " * 65536, OK + b"Content-Length: 9999999999999\r\n\r\n"), endless=True
    ),
    "another answer behind": Bad(_more, fair=True),
    "a header without a colon": Bad(_headed(b"nonsense"), fair=True),
    "a header without a name": Bad(_headed(b": x"), fair=True),
    "a header with NUL": Bad(_headed(b"X-N: a\0b"), fair=True),
    "a header with control characters": Bad(_headed(b"X-N: \x1b[31m\x07"), fair=True),
    "a header in no charset": Bad(_headed(b"X-N: \xff\xfe\x80"), fair=True),
    "a header that is folded": Bad(_headed(b"X-N: a", b"  b"), fair=True),
    "a head that begins folded": Bad(_headed(b"  b"), fair=True),
    "blanks before a colon": Bad(_swapped(b"content-length:", b"content-length :"), fair=True),
    "bare line feeds": Bad(_swapped(b"\r\n", b"\n"), fair=True),
    "bare carriage returns": Bad(_swapped(b"\r\n", b"\r")),
    "a status line without words": Bad(_first_line(b"HTTP/1.1 200"), fair=True),
    "HTTP/1.0": Bad(_first_line(b"HTTP/1.0 200 OK"), fair=True),
    "HTTP/9.9": Bad(_first_line(b"HTTP/9.9 200 OK"), fair=True),
    "ICY": Bad(_first_line(b"ICY 200 OK")),
    "two blanks": Bad(_first_line(b"HTTP/1.1  200 OK"), fair=True),
    "a status of two digits": Bad(_first_line(b"HTTP/1.1 20 OK")),
    "a status of four digits": Bad(_first_line(b"HTTP/1.1 2000 OK")),
    "a status below zero": Bad(_first_line(b"HTTP/1.1 -200 OK")),
    "a status that is no number": Bad(_first_line(b"HTTP/1.1 two OK")),
    "a status of zero": Bad(_first_line(b"HTTP/1.1 000 OK")),
    "words in no charset": Bad(_first_line(b"HTTP/1.1 200 \xff\xfe"), fair=True),
}


def _half(line: Line, _: Good) -> None:
    line.send(OK + b"Content-Length: 9\r\n\r\n")
    line.hang()


SLOW: Mapping[str, Bad] = {
    "interim answers without end": Bad(_pour(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), endless=True),
    "early hints without end": Bad(_pour(b"HTTP/1.1 103 Early\r\nLink: <x>\r\n\r\n" * 1000), endless=True),
    "silence": Bad(lambda line, _: line.hang(), endless=True),
    "a head, then silence": Bad(_half, endless=True),
    "a drip of status line": Bad(_drip(b"H"), endless=True),
    "a drip of header": Bad(_drip(b"x", OK + b"X-Slow: "), endless=True),
    "a drip of headers": Bad(_drip(b"X: y\r\n", OK), endless=True),
    "a drip of interim answers": Bad(_drip(b"HTTP/1.1 100 Continue\r\n\r\n"), endless=True),
    "a drip of body": Bad(_drip(b" ", OK + b"Content-Length: 99999\r\n\r\n"), endless=True),
    "a drip of body until closed": Bad(_drip(b" ", OK + b"\r\n"), endless=True),
    "a drip of chunks": Bad(_drip(b"1\r\n \r\n", CHUNKED), endless=True),
    "a drip of a chunk's size": Bad(_drip(b"0", CHUNKED), endless=True),
    "a drip of trailers": Bad(_drip(b"X: y\r\n", CHUNKED + b"0\r\n"), endless=True),
    "a drip of gzip": Bad(
        _drip(
            b"\0", OK + b"Content-Encoding: gzip\r\nContent-Length: 99999\r\n\r\n" + gzip.compress(b"")[:10]
        ),
        endless=True,
    ),
}

STATUSES = (
    102, 199, 201, 202, 203, 204, 205, 206, 207, 208, 226, 299, 300, 304, 305, 306, 310, 399,
    *range(400, 419), 421, 422, 423, 424, 425, 426, 428, 429, 430, 431, 440, 444, 449, 450, 451, 477, 494, 498, 499,
    *range(500, 512), 520, 521, 522, 523, 525, 526, 530, 555, 598, 599, 600, 666, 700, 799, 998, 999,
)  # fmt: skip
REDIRECTS = (301, 302, 303, 307, 308)
LOCATIONS = (
    "{thief}api/v2/leads", "//{host}/x", "file:///etc/passwd", "data:application/json,{{}}", "/loop", "", "?", "http://[",
    "http://", "javascript:1", "http://a b/", "\xff\xfe", "http://127.0.0.1:99999/", "http://user:word@{host}/", "..//..//",
    "http://xn--/", "x" * 60_000,
)  # fmt: skip
RETRY_AFTERS = (
    "", "0", "1", "7", "1.5", "-1", "-0", "+3", "60, 60", "9" * 30, "9" * 5000, "1e9", "nan", "inf", "NaN", "0x10", "soon",
    "\u0663", "\xb2", "Wed, 21 Oct 2015 07:28:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 99 Foo 2026 99:99:99 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -2359", "Sat, 01 Jan 0001 00:00:00 +2359", "2026-06-11T07:15:00Z",
    "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Mon, 1 Jan 99999 00:00:00 GMT", "\x1b[31m", " 7 ",
    "Mon, 01 Jan 2027 00:00:00 +99999999999999999999",
)  # fmt: skip
TYPES = (
    "", "text/html", "application/json; charset=klingon", "application/json; charset=utf-16", "application/json; charset=",
    "application/json; charset=undefined", "application/json; charset=idna", "application/json; charset=base64",
    "application/json; charset=unicode_escape", 'application/json; charset="', "application/json; charset=a\x01b",
    "image/png", "multipart/form-data", "application/json; charset=utf-7", "\xff", "x" * 30_000, "application/octet-stream",
    "text/event-stream", "application/json; charset=rot13", "application/json; charset=utf_8_sig", "a/b; charset=\xe9",
)  # fmt: skip


def _blown_up(wbits: int) -> bytes:
    """A quarter of a megabyte that is 256 MB; made piece by piece, for what it is made of would be seen in memory."""
    packer = zlib.compressobj(wbits=wbits)
    return b"".join([packer.compress(b" " * 2**20) for _ in range(256)]) + packer.flush()


@cache
def bomb() -> bytes:
    """Of gzip."""
    return _blown_up(16 + zlib.MAX_WBITS)


@cache
def _deflate_bomb() -> bytes:
    return _blown_up(zlib.MAX_WBITS)


def encoded(name: str, body: bytes | None = None) -> Script:
    """An encoding that is true, of a body of ours or of the good one, or is none."""

    def script(line: Line, good: Good) -> None:
        kept = good._replace(body=good.body if body is None else body)
        line.send(kept.raw(content_encoding=name))

    return script


def _zipped(name: str = "gzip", *, times: int = 1, cut: int = 0, tail: bytes = b"") -> Script:
    def script(line: Line, good: Good) -> None:
        body = good.body
        for _ in range(times):
            body = gzip.compress(body)
        line.send(good._replace(body=body[: len(body) - cut] + tail).raw(content_encoding=name))

    return script


def _blown(name: str, made: Callable[[], bytes]) -> Script:
    """Made when it is first sent: it takes a second."""

    def script(line: Line, good: Good) -> None:
        encoded(name, made())(line, good)

    return script


def _deflated(line: Line, good: Good) -> None:
    line.send(good._replace(body=zlib.compress(good.body)).raw(content_encoding="deflate"))


ENCODINGS: Mapping[str, Bad] = {
    "gzip": Bad(_zipped(), fair=True),
    "x-gzip": Bad(_zipped("x-gzip"), fair=True),
    "GZIP in capitals": Bad(_zipped("GZIP"), fair=True),
    "gzip of gzip": Bad(_zipped("gzip, gzip", times=2), fair=True),
    "gzip of gzip, named once": Bad(_zipped(times=2)),
    "gzip, named twice": Bad(_zipped("gzip, gzip")),
    "gzip that breaks off": Bad(_zipped(cut=9)),
    "gzip without its sum": Bad(_zipped(cut=4)),
    "gzip with a tail": Bad(_zipped(tail=b"hello"), fair=True),
    "gzip that is none": Bad(encoded("gzip")),
    "gzip of nothing": Bad(encoded("gzip", b"")),
    "a bomb": Bad(_blown("gzip", bomb)),
    "a bomb of bombs": Bad(_blown("gzip, gzip", lambda: gzip.compress(bomb()))),
    "a bomb, deflated": Bad(_blown("deflate", _deflate_bomb)),
    "deflate": Bad(_deflated, fair=True),
    "deflate that is none": Bad(encoded("deflate")),
    "br that is none": Bad(encoded("br"), fair=True),
    "zstd that is none": Bad(encoded("zstd"), fair=True),
    "an unknown encoding": Bad(encoded("klingon"), fair=True),
    "an encoding of no name": Bad(encoded(","), fair=True),
    "identity": Bad(encoded("identity"), fair=True),
    "a thousand encodings": Bad(encoded(", ".join(["gzip"] * 1000)), fair=True),
}


def _status(code: int, body: bytes | None = None, **headers: str) -> Script:
    def script(line: Line, good: Good) -> None:
        kept = good._replace(status=code, body=good.body if body is None else body)
        line.send(kept.raw(connection="close", **headers))

    return script


def _led(code: int, location: str) -> Script:
    def script(line: Line, good: Good) -> None:
        where = location.format(thief=line.thief, host=line.thief.split("/")[2])
        line.send(good._replace(status=code, body=b"{}").raw(location=where))

    return script


def _with(**headers: str) -> Script:
    return lambda line, good: line.send(good.raw(**headers))


def _latin(text: str) -> str:
    """UTF-8 as it looks to those who read headers as Latin-1."""
    return text.encode().decode("latin-1")


def answers_of_http() -> Iterator[tuple[str, Bad]]:
    """Statuses, redirects, `Retry-After`, content types: each under a name of its own."""
    for code in STATUSES:
        fine = 200 <= code < 300
        yield f"{code} with the good body", Bad(_status(code), fair=fine)
        bodiless = code == 204
        yield f"{code} with a page", Bad(_status(code, b"<html><h1>Oops</h1></html>"), fair=bodiless)
        yield f"{code} with nothing", Bad(_status(code, b""), fair=fine)
    for code in REDIRECTS:
        for location in LOCATIONS:
            yield f"{code} to {location[:40]!r}", Bad(_led(code, location))
    for code in (429, 503):
        for text in RETRY_AFTERS:
            yield (
                f"{code} with Retry-After {text[:40]!r}",
                Bad(_status(code, b"{}", retry_after=_latin(text))),
            )
    for text in RETRY_AFTERS:
        yield f"Date {text[:40]!r}", Bad(_with(date=_latin(text)), fair=True)
    for text in TYPES:
        yield f"Content-Type {text[:40]!r}", Bad(_with(content_type=text), fair=True)


HTTP: Mapping[str, Bad] = {**dict(answers_of_http()), **ENCODINGS}
EVERYTHING: Mapping[str, Bad] = {**BROKEN, **HTTP}
"""All that end by themselves, or by a bound on what is read; those of `SLOW` end by a deadline."""
