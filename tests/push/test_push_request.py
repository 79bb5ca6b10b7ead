"""A request's first line is all that is looked at."""

import inspect
from http import HTTPStatus

import pytest

from syncd.push import Answer, judge

TOKEN = "8vJ1q6h5xYbC0aQ2rT9uW3eZ4kL7mN_pO-sDfGhXcVw"
TOKENS = {"other": "x" * 43, "main": TOKEN}
TAKEN = Answer(HTTPStatus.ACCEPTED, "main")


@pytest.mark.parametrize("path", ["/", "/ctgo/", "/a/b/c/", "//"])
@pytest.mark.parametrize("query", ["", "?", "?a=b/c", "?/"])
def test_a_token_is_known_whatever_a_proxy_put_before_it(path: str, query: str) -> None:
    assert judge(f"POST {path}{TOKEN}{query} HTTP/1.1".encode(), TOKENS) == TAKEN


def test_each_source_has_its_own() -> None:
    assert judge(b"POST /" + b"x" * 43 + b" HTTP/1.0", TOKENS).source == "other"


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "",
        f"/{TOKEN[:-1]}",
        f"/{TOKEN}x",
        f"/{TOKEN}/",
        f"/{TOKEN}/metrics",
        f"/{TOKEN.lower()}",
        f"/{TOKEN}#",
        f"/%38{TOKEN[1:]}",
        "/metrics",
        "/healthz",
        "*",
        f"/?{TOKEN}",
        "/\u00e9",
        "/" + "x" * 2000,
    ],
)
def test_anything_else_is_not_there(target: str) -> None:
    assert judge(f"POST {target} HTTP/1.1".encode(), TOKENS) == Answer(HTTPStatus.NOT_FOUND)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"])
def test_only_a_post_is_a_push_and_only_who_knows_a_token_learns_that(method: str) -> None:
    assert judge(f"{method} /{TOKEN} HTTP/1.1".encode(), TOKENS) == Answer(HTTPStatus.METHOD_NOT_ALLOWED)
    assert judge(f"{method} /x HTTP/1.1".encode(), TOKENS) == Answer(HTTPStatus.NOT_FOUND)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"POST",
        f"POST /{TOKEN}".encode(),
        f"POST  /{TOKEN} HTTP/1.1".encode(),
        f"POST /{TOKEN} HTTP/1.1 x".encode(),
        f"POST /{TOKEN} HTTP/2".encode(),
        f"POST /{TOKEN} SIP/2.0".encode(),
        b"PRI * HTTP/2.0",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00" * 100,
        b"\xff\xfe POST",
    ],
)
def test_what_is_no_request_line_is_refused(line: bytes) -> None:
    assert judge(line, TOKENS) == Answer(HTTPStatus.BAD_REQUEST)


def test_where_nobody_listens_nothing_is_there() -> None:
    assert judge(f"POST /{TOKEN} HTTP/1.1".encode(), {}) == Answer(HTTPStatus.NOT_FOUND)


def test_tokens_are_compared_in_constant_time_and_all_of_them() -> None:
    source = inspect.getsource(judge)
    assert "compare_digest" in source
    assert "== token" not in source
