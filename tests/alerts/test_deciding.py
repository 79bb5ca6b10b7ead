"""When a person is told of what. A reader who believes every message knows how things stand, and is not told twice."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.alerts.decision import (
    SETTLE,
    WINDOW,
    Alert,
    Condition,
    Group,
    Message,
    Topic,
    due,
    levels,
    noticed,
    reported,
)

A, B = Topic("lane", "deliver a"), Topic("lane", "deliver b")


class Story:
    """Looks at times, sends that work or do not, restarts; and a reader who believes what they read."""

    def __init__(self) -> None:
        self.known: dict[Topic, Alert] = {}
        self.last: dict[Group, float] = {}
        self.sent: list[tuple[float, Message]] = []
        self.believed: dict[Topic, int] = {}

    def look(
        self, now: float, *seen: Condition, works: bool = True, unseen: Sequence[Topic] = ()
    ) -> list[Message]:
        self.known = noticed(self.known, seen, now, lambda topic: topic in unseen)
        heard = []
        for message in due(self.known, now, self.last):
            if not works:
                break
            self.hear(message)
            heard.append(message)
            self.sent.append((now, message))
            self.last[message.group] = now
            self.known = reported(self.known, message, now)
        return heard

    def hear(self, message: Message) -> None:
        for alert in message.alerts:
            believed = self.believed.get(alert.topic)
            if alert.over_at is not None:
                assert believed is not None, "the end of what was never told"
                del self.believed[alert.topic]
            else:
                assert believed is None or alert.level > believed, "told twice"
                self.believed[alert.topic] = alert.level

    def restart(self) -> None:
        """What is not in the ledger is gone."""
        self.last = {}


def bad(topic: Topic = A, code: str = "halted", *, level: int = 1, patience: float = 0.0) -> Condition:
    return Condition(topic, code, level=level, patience=patience)


def test_a_change_is_told_once_it_has_settled_and_only_once() -> None:
    story = Story()
    assert not story.look(0.0, bad())
    assert story.look(SETTLE, bad())
    assert not any(story.look(SETTLE + n * 60.0, bad()) for n in range(1, 1000))


def test_what_breaks_together_is_one_message() -> None:
    story = Story()
    story.look(0.0, bad(A))
    story.look(SETTLE / 2, bad(A), bad(B))
    (message,) = story.look(2 * SETTLE, bad(A), bad(B))
    assert [alert.topic for alert in message.alerts] == [A, B]


def test_what_follows_within_five_minutes_waits_and_is_one_message_again() -> None:
    story = Story()
    topics = [Topic("lane", f"deliver {n}") for n in range(20)]
    for n in range(20):
        story.look(SETTLE + n * 14.0, *(bad(topic) for topic in topics[: n + 1]))
    story.look(SETTLE + WINDOW + 30.0, *map(bad, topics))
    assert [len(message.alerts) for _, message in story.sent] == [1, 19]


def test_causes_are_told_apart() -> None:
    story = Story()
    story.look(0.0, bad(A, "key_refused"), bad(B, "disk"))
    assert [m.group for m in story.look(60.0, bad(A, "key_refused"), bad(B, "disk"))] == [
        ("disk", False), ("key_refused", False),
    ]  # fmt: skip


def test_what_came_and_went_before_it_was_told_is_never_told() -> None:
    story = Story()
    story.look(0.0, bad(patience=900.0))
    story.look(899.0, bad(patience=900.0))
    story.look(901.0)
    assert story.known == {}
    assert not story.look(9999.0)


def test_the_end_of_what_was_told_is_told() -> None:
    story = Story()
    story.look(0.0, bad())
    story.look(60.0, bad())
    story.look(90.0)
    (message,) = story.look(120.0)
    assert message.group == ("halted", True)
    assert (story.known, story.believed) == ({}, {})


def test_an_end_that_does_not_last_is_not_told() -> None:
    story = Story()
    story.look(0.0, bad())
    story.look(60.0, bad())
    story.look(90.0)
    story.look(95.0, bad())
    assert not story.look(500.0, bad())


def test_worse_is_told_again_and_better_is_not() -> None:
    story = Story()
    for now, level in ((0.0, 1), (60.0, 1), (600.0, 2), (660.0, 2), (1200.0, 1), (1800.0, 2), (2400.0, 2)):
        story.look(now, bad(level=level))
    assert [message.alerts[0].level for _, message in story.sent] == [1, 2]


def test_a_message_that_cannot_be_sent_is_sent_later_as_things_stand_then() -> None:
    story = Story()
    for n in range(100):
        story.look(n * 60.0, bad(A), bad(B), works=False)
    (message,) = story.look(6000.0, bad(B))
    assert [alert.topic for alert in message.alerts] == [B]


def test_a_restart_neither_repeats_nor_forgets() -> None:
    story = Story()
    story.look(0.0, bad(A))
    story.look(60.0, bad(A))
    story.restart()
    assert not story.look(70.0, bad(A))
    story.restart()
    story.look(80.0)
    story.restart()
    (message,) = story.look(100.0)
    assert message.group == ("halted", True)


def test_a_look_that_could_not_see_changes_nothing() -> None:
    story = Story()
    story.look(0.0, bad())
    story.look(60.0, bad())
    before = dict(story.known)
    assert not story.look(120.0, unseen=[A])
    assert story.known == before


def test_one_that_comes_back_while_its_end_is_under_way_is_told_again() -> None:
    alert = Alert(A, "halted", 0.0, told_at=1.0, told_level=1, over_at=5.0)
    message = Message(("halted", True), (alert,))
    known = reported(noticed({A: alert}, [bad()], 20.0), message, 20.0)
    assert levels(known) == {}
    assert due(known, 60.0, {})


@pytest.mark.parametrize("days", [-400, 400])
def test_a_clock_that_is_set_strands_no_message(days: int) -> None:
    story = Story()
    story.look(0.0, bad(A))
    story.look(60.0, bad(A))
    there = days * 86400.0
    story.look(there, bad(A), bad(B))
    assert story.look(there + 60.0, bad(A), bad(B)) or story.sent[-1][0] == there
    story.look(there + 120.0)
    story.look(there + 600.0)
    assert story.believed == {}


def test_a_clock_that_is_set_back_strands_nothing_that_waits_to_be_told() -> None:
    story = Story()
    story.look(0.0, bad(patience=900.0))
    story.look(-400 * 86400.0, bad(patience=900.0))
    assert story.look(-400 * 86400.0 + 900.0 + SETTLE, bad(patience=900.0))


MOMENTS = st.lists(
    st.tuples(
        st.floats(1.0, 400.0),
        st.frozensets(
            st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y"]), st.integers(1, 3)), max_size=4
        ),
        st.booleans(),
        st.booleans(),
    ),
    max_size=60,
)


@settings(max_examples=300)
@given(moments=MOMENTS)
def test_whatever_happens_the_reader_is_right_in_the_end_and_never_flooded(
    moments: list[tuple[float, frozenset[tuple[str, str, int]], bool, bool]],
) -> None:
    story, now, seen = Story(), 0.0, list[Condition]()
    for seconds, wrong, works, restarts in moments:
        now += seconds
        by_topic = {Topic("lane", where): (code, level) for where, code, level in sorted(wrong)}
        seen = [bad(topic, code, level=level, patience=60.0) for topic, (code, level) in by_topic.items()]
        story.look(now, *seen, works=works)
        if restarts:
            story.restart()
    for _ in range(20):  # it stays as it is, and the webhook works
        now += 60.0
        story.look(now, *seen)
    assert set(story.believed) == {it.topic for it in seen}
    assert all(story.believed[it.topic] >= it.level for it in seen)
    if not any(restarts for *_, restarts in moments):
        assert not _too_close(story.sent)


def _too_close(sent: Sequence[tuple[float, Message]]) -> list[tuple[float, Message]]:
    last: dict[Group, float] = {}
    found = []
    for at, message in sent:
        if at - last.get(message.group, -WINDOW) < WINDOW:
            found.append((at, message))
        last[message.group] = at
    return found
