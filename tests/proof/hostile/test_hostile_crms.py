"""The connectors meet every hostile answer at every request: an outcome of theirs, in time, and nobody delivered by it."""

import json
import logging
import random
from collections.abc import Iterator

import pytest

from syncd.clock import Clock
from syncd.core.delivery import Delivered
from syncd.core.failure import Failure, Reject
from syncd.testing import ManualClock
from tests.proof.depth import deep
from tests.proof.figures import record
from tests.proof.hostile import bodies, crms
from tests.proof.hostile.crms import BELIEVED, DEEDS, KINDS, REFUSALS, STATUSES, Talk
from tests.proof.hostile.watching import nothing_left, peak, within
from tests.proof.hostile.wire import EVERYTHING, SLOW, Bad

WITHOUT_END = 64 * 1024 * 1024
"""Bytes by which the process may grow over thousands of answers, some of which blow up to a quarter of a gigabyte."""


@pytest.fixture(autouse=True)
def _as_in_production() -> Iterator[None]:
    """urllib3 is silent, as `syncd.log` has it: pytest would keep its warnings, and the sockets in their tracebacks."""
    logger = logging.getLogger("urllib3.connection")
    logger.addFilter(_nothing)
    yield
    logger.removeFilter(_nothing)


def _nothing(_: logging.LogRecord) -> bool:
    return False


@pytest.fixture(params=KINDS)
def it(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    crms.bounds(monkeypatch)
    with nothing_left(), crms.talking(request.param) as made:
        yield made


def judged(it: Talk, deed: str, name: str, bad: Bad, turn: int) -> object:
    """What a deed came to whose `turn`-th request was answered so, held to what holds for all of them."""
    it.server.expect(bad.script, lambda n: n == turn)
    with within(what=f"{name} at request {turn} of {deed}"):
        found = it.come_to(deed)
    if deed in ("write", "deliver", "deliver again", "update"):
        assert crms.is_in_order(found), f"{name} at request {turn} of {deed}: {found!r}"
    if isinstance(found, Failure):
        assert found.fix or found.code, found
        assert "\n" not in found.detail
    return found


def test_an_answer_to_a_write_that_cannot_be_read_delivers_nobody(it: Talk) -> None:
    last = it.requests("write") - 1
    before = peak()
    for name, bad in EVERYTHING.items():
        found = judged(it, "write", name, bad, last)
        # Apollo's contact of an earlier answer that was lost is found by a search, before the write
        there = it.name == "apollo"
        believed = isinstance(found, list) and any(
            isinstance(one, Delivered) and not (there and one.created is False) for one in found
        )
        assert not believed or bad.fair or BELIEVED[it.name](name), f"{name}: {found!r}"
        if isinstance(found, list) and name[0] in "123679":
            assert not isinstance(found[0], Reject), f"{name} is no refusal of a lead: {found!r}"
    assert peak() - before < WITHOUT_END
    record("hostile", {"answers": len(EVERYTHING)})


def test_every_request_of_every_deed_meets_a_part_of_them(it: Talk) -> None:
    seen = 0
    every = max(1, round(60 / deep(1)))
    for deed in DEEDS:
        for turn in range(it.requests(deed)):
            for n, (name, bad) in enumerate(EVERYTHING.items()):
                if (n + turn) % every == 0:
                    judged(it, deed, name, bad, turn)
                    seen += 1
    record("hostile", {"answers": seen})


def test_a_body_that_is_no_answer_is_none(it: Talk) -> None:
    seen = 0
    for n, (name, sent) in enumerate(bodies.constants().items()):
        for m, deed in enumerate(DEEDS):
            for turn in range(it.requests(deed)):
                if deed == "write" or (n + m + turn) % 9 == 0:
                    judged(it, deed, name, Bad(bodies.body(sent)), turn)
                    seen += 1
    record("hostile", {"answers": seen})


def test_good_answers_with_something_wrong_in_them_are_read_or_refused(it: Talk) -> None:
    dice = random.Random(it.name)  # noqa: S311 - no secret
    places = [(deed, turn) for deed in DEEDS for turn in range(it.requests(deed))]
    tries = deep(150)
    for seed, (deed, turn) in enumerate(dice.choices(places, k=tries)):
        judged(it, deed, f"seed {seed}", Bad(bodies.breaking(seed)), turn)
    record("hostile", {"answers": tries, "fuzz_examples": tries})


def test_refusals_with_something_wrong_in_them_are_read(it: Talk) -> None:
    dice = random.Random(it.name)  # noqa: S311 - no secret
    places = [(deed, turn) for deed in DEEDS for turn in range(it.requests(deed))]
    tries = deep(150)
    for seed, (deed, turn) in enumerate(dice.choices(places, k=tries)):
        sent = json.dumps(dice.choice(REFUSALS[it.name])).encode()
        if seed % 4:
            sent = bodies.broken(sent, dice)
        judged(it, deed, f"seed {seed}: {sent!r}", Bad(bodies.body(sent, dice.choice(STATUSES))), turn)
    record("hostile", {"answers": tries, "fuzz_examples": tries})


class Hasty(ManualClock):
    """A clock by which each look at it takes ten seconds: deadlines pass, and nobody waits."""

    def monotonic(self) -> float:
        self.advance(10.0)
        return super().monotonic()


@pytest.mark.parametrize("name", [name for name in SLOW if "silence" not in name])
@pytest.mark.parametrize("kind", KINDS)
def test_a_drip_ends_by_the_deadline(kind: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    crms.bounds(monkeypatch)
    clock: Clock = Hasty()
    with nothing_left(), crms.talking(kind) as it:
        it.server.expect(SLOW[name].script)
        with within(what=name):
            found = it.come_to("deliver", clock)  # type: ignore[arg-type]
    assert isinstance(found, Failure), repr(found)


@pytest.mark.parametrize("kind", KINDS)
def test_silence_ends_by_a_time_out(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    crms.impatient(monkeypatch)
    with nothing_left(), crms.talking(kind) as it:
        for name in ("silence", "a head, then silence"):
            it.server.expect(SLOW[name].script)
            with within(what=name):
                found = it.come_to("deliver")
            assert isinstance(found, Failure) or not any(isinstance(one, Delivered) for one in found), found


def test_cookies_are_not_kept(it: Talk) -> None:
    for deed in DEEDS:
        if it.requests(deed):
            it.server.expect(lambda line, good: line.send(good.raw(set_cookie="stranger=here; Path=/")))
            it.come_to(deed)
            assert not any(b"stranger" in head for head in it.server.heads)
