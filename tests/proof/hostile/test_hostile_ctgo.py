"""CTGO's client meets every hostile answer at every question: one failure of its own, in time, and nothing believed."""

import random
from collections.abc import Iterator, Mapping

import pytest

from syncd.clock import SystemClock
from syncd.core.failure import CODES, Failure, Halt, Pause, Reject, Retry
from syncd.ctgo import Page
from tests.proof.depth import deep
from tests.proof.figures import record
from tests.proof.hostile import bodies
from tests.proof.hostile.ctgo import ENGINE, KEY, PEOPLE, Ask, Table, said, table
from tests.proof.hostile.watching import nothing_left, within
from tests.proof.hostile.wire import BROKEN, EVERYTHING, SLOW, Bad

UNPROMISED = frozenset({"outcome_unknown"})
"""Codes of acts whose answer is lost, besides those of a call."""


@pytest.fixture
def it() -> Iterator[Table]:
    with nothing_left(), table() as made:
        yield made


def judged(it: Table, what: str, name: str, ask: Ask, bad: Bad) -> object:
    """What one answer came to, held to what holds for all of them."""
    it.server.expect(bad.script)
    it.signals.clear()
    client = it.client()
    try:
        with within(what=f"{name} at {what}"):
            found = said(ask, client)
    finally:
        client.close()
    requests = it.server.requests
    assert requests, "it asked"
    assert len(it.signals) == len(requests), "the budget is told of each request, once"
    if isinstance(found, Failure):
        assert found.code in CODES, found
        assert KEY not in repr(found) + found.detail
        assert "\n" not in found.detail
        assert found.__context__ is None, "frames of a context would hold the key"
    return found


def all_of(table: Mapping[str, Ask], every: int) -> Iterator[tuple[str, Ask, str, Bad]]:
    """Each question with each `every`-th answer, none with the same ones as its neighbour."""
    for n, (what, ask) in enumerate(table.items()):
        for m, (name, bad) in enumerate(EVERYTHING.items()):
            if (n + m) % every == 0:
                yield what, ask, name, bad


def test_leads_are_not_believed_whatever_carries_them(it: Table) -> None:
    for name, bad in EVERYTHING.items():
        found = judged(it, "leads", name, ENGINE["leads"], bad)
        if isinstance(found, Page):
            assert bad.fair, f"{name} is believed"
            assert [row["id"] for row in found.rows] == [90213, 90212, 90211], name  # type: ignore[index]
        else:
            assert isinstance(found, Pause | Halt | Retry), f"{name}: {found!r}"
    record("hostile", {"answers": len(EVERYTHING), "kinds": len(EVERYTHING) + len(SLOW), "bad": 0})


def test_every_question_of_the_engine_meets_a_part_of_them(it: Table) -> None:
    seen = 0
    for what, ask, name, bad in all_of(ENGINE, max(1, round(6 / deep(1)))):
        found = judged(it, what, name, ask, bad)
        assert bad.fair or isinstance(found, Failure) or _is_absent(what, found), (
            f"{name} at {what}: {found!r}"
        )
        seen += 1
    record("hostile", {"answers": seen})


def _is_absent(what: str, found: object) -> bool:
    """A subscription that is not there is as good as one that was ended."""
    return what == "unsubscribe" and found is False


def test_every_question_of_people_meets_a_part_of_them(it: Table) -> None:
    seen = 0
    for what, ask, name, bad in all_of(PEOPLE, max(1, round(40 / deep(1)))):
        judged(it, what, name, ask, bad)
        seen += 1
    record("hostile", {"answers": seen})


def test_a_body_that_is_no_answer_is_none(it: Table) -> None:
    for name, sent in bodies.constants().items():
        for what in ("leads", "me", "streams", "enrich", "subscribe"):
            found = judged(it, what, name, ENGINE[what], Bad(bodies.body(sent)))
            assert isinstance(found, Pause) or name in FAIR.get(what, ()), f"{name} at {what}: {found!r}"
            if isinstance(found, Pause):
                assert found.code == "unexpected_answer", f"{name} at {what}: {found!r}"
    record("hostile", {"answers": 4 * len(bodies.constants())})


# The last of them is well-formed, and what a listing it comes to says nothing: pulling refuses it
FAIR: Mapping[str, tuple[str, ...]] = {
    "leads": ("the same key a thousand times",),
    "streams": ("an empty list",),
}


def test_the_same_bodies_under_a_refusal_are_a_refusal(it: Table) -> None:
    for name, sent in bodies.constants().items():
        for status, what in (
            (400, "leads"),
            (401, "export"),
            (403, "enrich"),
            (404, "export"),
            (429, "leads"),
        ):
            found = judged(it, what, name, ENGINE[what], Bad(bodies.body(sent, status)))
            assert isinstance(found, Failure)
            if isinstance(found, Reject):  # a lead that counts as gone: CTGO alone may say so
                assert name in SAYS_NOTHING or sent.startswith(b"{"), f"{name}: {found!r}"
    record("hostile", {"answers": 5 * len(bodies.constants())})


SAYS_NOTHING = ("empty", "blanks")


def test_a_good_page_cut_at_any_byte_is_none(it: Table) -> None:
    it.server.expect(None)
    client = it.client()
    assert len(client.leads(since=None).rows) == 3
    client.close()
    for before_its_end in range(1, 1300, max(1, round(9 / deep(1)))):
        found = judged(it, "leads", "cut off", ENGINE["leads"], Bad(bodies.truncated(-before_its_end)))
        assert isinstance(found, Pause), f"{before_its_end}: {found!r}"


def test_good_answers_with_something_wrong_in_them_are_read_or_refused(it: Table) -> None:
    asks = {**ENGINE, **PEOPLE}
    tries = deep(2000)
    for seed, what in enumerate(random.Random(1).choices(list(asks), k=tries)):  # noqa: S311 - no secret
        judged(it, what, f"seed {seed}", asks[what], Bad(bodies.breaking(seed)))
    record("hostile", {"answers": tries, "fuzz_examples": tries})


class Hasty(SystemClock):
    """A clock by which each look at it takes a second: deadlines pass, and nobody waits."""

    def __init__(self) -> None:
        super().__init__()
        self._looks = 0

    def monotonic(self) -> float:
        self._looks += 1
        return 1000.0 + self._looks


@pytest.mark.parametrize("name", [name for name in SLOW if "silence" not in name])
def test_a_drip_ends_by_the_deadline(name: str) -> None:
    with nothing_left(), table(clock=Hasty(), total=30.0) as it:
        for what in ("leads", "export"):
            found = judged(it, what, name, ENGINE[what], SLOW[name])
            assert isinstance(found, Pause)
            assert found.unexplained
    record("hostile", {"answers": 2})


def test_silence_ends_by_the_deadline() -> None:
    with nothing_left(), table(total=0.2) as it:
        for name in ("silence", "a head, then silence"):
            assert isinstance(judged(it, "leads", name, ENGINE["leads"], SLOW[name]), Pause)


def test_a_client_that_goes_on_is_not_confused_by_what_was(it: Table) -> None:
    """One client for all of them: after each, an honest answer is read as it is."""
    client = it.client()
    for name, bad in BROKEN.items():
        if name == "another answer behind":  # nothing tells it from the next one
            continue
        it.server.expect(bad.script)
        with within(what=name):
            said(ENGINE["leads"], client)
        it.server.expect(None)
        with within(what=name):
            page = said(ENGINE["leads"], client)
        if isinstance(page, Failure):  # a connection that the server had hung up on
            page = said(ENGINE["leads"], client)
        assert isinstance(page, Page), f"after {name}: {page!r}"
        assert page.total == 3, name
    client.close()
