"""Feedback: a CRM's judgement of a person, sent to CTGO for each of their leads. Pure.

A value of the watched property becomes a judgement: `good`, or `bad` with a reason and perhaps a note. It is kept as one
line of text: equal lines are equal judgements. `state_after` decides if one must be sent. CTGO overwrites, so the last one
counts, and the same one is not sent twice.

CTGO may have received a judgement whose answer was lost. So while one *may have been sent*, the judgement before it is a
change like any other: only sending it again makes it sure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

GOOD, BAD = "good", "bad"
NO_SEGMENT = "no_segment"
"""The state of feedback that cannot be sent: CTGO keeps it for a lead in a segment, and this lead has none."""


class Judgement(NamedTuple):
    """One judgement. `reason` and `note` are empty for a good one."""

    feedback: str
    reason: str = ""
    note: str = ""

    @property
    def line(self) -> str:
        """The text that is kept and compared, such as `bad other Right person, wrong moment`."""
        return " ".join(part for part in self if part)

    def __str__(self) -> str:
        """Return the text for people, such as `bad (wrong_job)`."""
        return f"{self.feedback} ({': '.join(filter(None, self[1:]))})" if self.reason else self.feedback

    @classmethod
    def of(cls, line: str) -> "Judgement":
        """Parse a line."""
        feedback, _, rest = line.partition(" ")
        reason, _, note = rest.partition(" ")
        return cls(feedback, reason, note)


@dataclass(frozen=True)
class Judging:
    """A `feedback` table: the judgement that a value means. `name`: of the property; `poll`: seconds between two polls."""

    name: str
    judgements: Mapping[str, Judgement] = field(default_factory=dict)
    poll: float = 900.0

    def judge(self, value: str) -> Judgement | None:
        """Return the judgement; None for a value that means nothing. Case and outer blanks do not matter."""
        return self.judgements.get(plain(value))

    @property
    def digest(self) -> str:
        """Return a digest of this table. When the table changes, every status is read again."""
        table = repr((self.name, sorted((value, *judgement) for value, judgement in self.judgements.items())))
        return sha256(table.encode()).hexdigest()[:16]


def plain(value: str) -> str:
    """Normalise a value, so that its spellings compare as equal."""
    return value.strip().casefold()


class FeedbackRow(NamedTuple):
    """The ledger's row for one lead in one segment. `word`: the last judgement; `told`: the one that CTGO has."""

    state: str
    word: str
    told: str
    maybe_sent: bool


def state_after(standing: FeedbackRow | None, word: str, *, segment: int) -> str | None:
    """Return the state after a new judgement; None: nothing changes.

    `gone` stays: CTGO does not know that lead any more.
    """
    if not segment:
        return None if standing and standing.word == word else NO_SEGMENT
    if standing is None:
        return "pending"
    if standing.word == word:
        return None
    if standing.state == "gone":
        return "gone"
    sure = not (standing.state == "pending" and standing.maybe_sent)
    return "delivered" if standing.told == word and sure else "pending"
