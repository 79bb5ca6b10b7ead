"""The kit of connectors that speak HTTP: addresses, tokens, and the table of failures."""

import pytest
from pydantic import SecretStr, TypeAdapter, ValidationError

from syncd.connector import Failure, Halt, Pause, Reject, Retry
from syncd.http.answer import Answer, Trouble
from syncd.http.kit import TABLE, BaseUrl, FailureTable, HostUrl, Token, clean
from syncd.testing.bench import NOON

FAILURES = FailureTable("acme", "the shop", {"gone": (Retry, "conflict"), "busy": (Pause, "unavailable")})


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("https://api.example.com/v1/", "https://api.example.com/v1"),
        (" http://127.0.0.1:8080 ", "http://127.0.0.1:8080"),
        ("http://[::1]/x", "http://[::1]/x"),
        ("http://localhost", "http://localhost"),
    ],
)
def test_an_address_that_a_key_may_go_to_is_taken(given: str, taken: str) -> None:
    assert TypeAdapter(BaseUrl).validate_python(given) == taken


@pytest.mark.parametrize(
    "given",
    [
        "", "api.example.com", "ftp://x.example", "http://x.example", "http://127.0.0.1.evil.example", "https://u:p@x.example",
        "https://x.example?a=b", "https://x.example#a", "https://x.example:99999", "https://999.999.999.999", "https://x y.example",
        "https://x.example\\y", "https://",
    ],
)  # fmt: skip
def test_any_other_address_is_refused(given: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(BaseUrl).validate_python(given)


def test_a_host_has_no_path() -> None:
    assert TypeAdapter(HostUrl).validate_python("https://x.example/") == "https://x.example"
    with pytest.raises(ValidationError):
        TypeAdapter(HostUrl).validate_python("https://x.example/v2")


def test_a_token_loses_the_line_end_of_its_file_and_nothing_else() -> None:
    taken = TypeAdapter(Token).validate_python("t0ken\n")
    assert isinstance(taken, SecretStr)
    assert taken.get_secret_value() == "t0ken"
    for bad in ("", " ", "two words", "clé", "a\nb"):
        with pytest.raises(ValidationError):
            TypeAdapter(Token).validate_python(bad)


@pytest.mark.parametrize(
    ("answer", "codes", "kind", "code"),
    [
        (Answer(404), ("gone",), Retry, "acme_conflict"),
        (Answer(404), ("odd", None, ["gone"], 7), Halt, "acme_wrong_address"),
        (Answer(404), ("401", "4xx", "other"), Halt, "acme_wrong_address"),
        (Answer(503, {"retry-after": "7"}), (), Pause, "acme_unavailable"),
        (Answer(422), (), Reject, "acme_refused"),
        (Answer(999), (), Pause, "acme_unexpected_answer"),
        (Answer(200), (), Pause, "acme_unexpected_answer"),
        (Answer(401, trouble="broken"), ("gone",), Pause, "acme_unavailable"),
        (Answer(401, unread="too_large"), (), Halt, "acme_key_refused"),
        (Answer(200, unread="too_large"), (), Pause, "acme_unavailable"),
    ],
)
def test_an_answer_has_one_meaning(
    answer: Answer, codes: tuple[object, ...], kind: type[Failure], code: str
) -> None:
    why = FAILURES.failure(answer, NOON, *codes)
    assert (type(why), why.code) == (kind, code)


@pytest.mark.parametrize(("trouble", "blind"), [("unsent", False), ("late", True), ("broken", True)])
def test_only_what_certainly_never_left_is_explained(trouble: Trouble, *, blind: bool) -> None:
    why = FAILURES.failure(Answer(trouble=trouble), NOON, who="people/search")
    assert isinstance(why, Pause)
    assert why.unexplained is blind
    assert ("people/search" in why.detail) is blind


def test_where_no_connection_stood_the_host_is_named_unless_it_is_a_secret() -> None:
    answer = Answer(trouble="unsent", why="No connection to acme.example could be made.")
    assert FAILURES.failure(answer, NOON).detail == "no connection to acme.example could be made"
    quiet = FailureTable("acme", "Acme", names_host=False)
    assert quiet.failure(answer, NOON).detail == "no connection to Acme could be made"


def test_every_common_code_has_a_fix() -> None:
    own = {name for _, name in FAILURES.table.values()} - {name for _, name in TABLE.values()}
    wanted = {f"acme_{name}" for _, name in FAILURES.table.values() if name not in own}
    assert wanted <= FAILURES.codes.keys()
    assert all(fix[0].isupper() and "{" not in fix for fix in FAILURES.codes.values())


def test_a_text_is_cleaned_of_what_nobody_can_store() -> None:
    assert clean("a\0b\ud800c \N{GRINNING FACE}") == "ab\ufffdc \N{GRINNING FACE}"
