"""Feedback: what a CRM says of a person, as CTGO is told it of their leads. Pure.

A value of the watched property becomes a *word*: `good`, or `bad` with a reason and perhaps a note. A word is kept as one
line of text, so that two are the same word if their lines are. What has a word already told, or about to be told, is
decided by `state_after`: CTGO overwrites, so the last word counts, and the same word is not said twice.

An answer that was lost may have been heard. So while a word *may have been sent*, coming back to the word before is a change
like any other: only telling it again makes it sure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal, NamedTuple

GOOD, BAD = "good", "bad"
NO_SEGMENT = "no_segment"
"""The state of what cannot be told: CTGO keeps feedback for a lead in a segment, and this one is in none."""

State = Literal["pending", "delivered", "gone", "no_segment"]


class Judgement(NamedTuple):
    """One judgement. `reason` and `note` are empty for a good one."""

    feedback: str
    reason: str = ""
    note: str = ""

    @property
    def line(self) -> str:
        """As it is kept and compared, such as `bad other Right person, wrong moment`."""
        return " ".join(part for part in self if part)

    def __str__(self) -> str:
        """As people read it, such as `bad (wrong_job)`."""
        return f"{self.feedback} ({': '.join(filter(None, self[1:]))})" if self.reason else self.feedback

    @classmethod
    def of(cls, line: str) -> "Judgement":
        """Back from a line."""
        feedback, _, rest = line.partition(" ")
        reason, _, note = rest.partition(" ")
        return cls(feedback, reason, note)


@dataclass(frozen=True)
class Judging:
    """A `feedback` table: which word a value is. `name`: of the property; `poll`: seconds between two looks."""

    name: str
    words: Mapping[str, Judgement] = field(default_factory=dict)
    poll: float = 900.0

    def judge(self, value: str) -> Judgement | None:
        """The word; None for a value that says nothing. Case and outer blanks do not matter."""
        return self.words.get(plain(value))

    @property
    def mark(self) -> str:
        """What stands for this table: when it is another, everything is looked at once more."""
        said = repr((self.name, sorted((value, *word) for value, word in self.words.items())))
        return sha256(said.encode()).hexdigest()[:16]


def plain(value: str) -> str:
    """What two spellings of one value have in common."""
    return value.strip().casefold()


class Standing(NamedTuple):
    """What the ledger holds of one lead in one segment."""

    state: str
    word: str
    told: str
    maybe_sent: bool


def state_after(standing: Standing | None, word: str, *, segment: int) -> str | None:
    """The state that a new word puts it in; None: nothing changes.

    `gone` stays: CTGO does not know that lead any more, whatever is said of it.
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
