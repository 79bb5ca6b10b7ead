"""No answer of CTGO's makes a daemon larger than its unit allows, however small it is when packed."""

import gzip
import tracemalloc
from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from syncd.clock import SystemClock
from syncd.core.failure import Failure
from syncd.core.lead import parse_lead
from syncd.ctgo import Upstream
from tests.ctgo.remote import BASE, KEY

ROOM = 220
"""MiB: of the 320 that the unit allows (MemoryMax), an idle daemon has 75, and the others of its lanes want some."""
MOST = 16 * 1024 * 1024
TEXT = b'{"leads":[{"id":1,"profile":{"bio":"%b"}}],"hasMore":false}'
ROCKET = "🚀".encode()


def rows(one: bytes, n: int) -> bytes:
    return b'{"leads":[' + b",".join([one] * n) + b"]}"


BODIES: dict[str, tuple[Callable[[], bytes], int | str]] = {
    "rows of one part": (lambda: rows(b'{"k":1}', 495_000), "unexpected_answer"),
    "empty lists": (lambda: rows(b"[]", 999_000), "unexpected_answer"),
    "as many rows as may be": (lambda: rows(b'{"k":1}', 99_000), 501),
    "as many values": (lambda: rows(b'{"id":1,"profile":{},"x":[%b]}' % b",".join([b"1.5"] * 199_000), 1), 1),
    "a text without end": (lambda: TEXT % (b"x" * (MOST - 99) + ROCKET), 1),
    "one with half an emoji": (lambda: TEXT % (b"x" * (MOST - 99) + ROCKET + rb"\ud800"), 1),
    "one of escapes": (lambda: TEXT % (rb"\u00fc" * (MOST // 6 - 99) + ROCKET), 1),
}


@pytest.mark.parametrize(("body", "comes_to"), BODIES.values(), ids=BODIES.keys())
def test_no_answer_makes_the_process_too_large(body: Callable[[], bytes], comes_to: int | str) -> None:
    packed = gzip.compress(body(), 1)

    def handler(_: httpx.Request) -> httpx.Response:
        headers = {"Content-Encoding": "gzip"}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(packed))

    client = Upstream(BASE, SecretStr(KEY), SystemClock(), transport=httpx.MockTransport(handler))
    found: int | str
    tracemalloc.start()
    try:
        found = len([parse_lead("main", row) for row in client.leads(since=None).rows])
    except Failure as why:
        found = why.code
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert found == comes_to
    assert peak < ROOM * 1024 * 1024
