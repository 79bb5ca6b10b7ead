"""The smallest connector that passes the contract, and a remote in memory with the manners of a CRM.

The remote knows nothing of `syncd`: people by a unique key, written in calls that succeed for each member or fail
whole, with errors that are numbers. The connector reads before it writes where a policy asks for it, and translates
the numbers by one table.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, SecretStr

from syncd.connector import (
    Connector,
    Context,
    Delivered,
    Delivery,
    Failure,
    Field,
    Finding,
    Halt,
    Outcome,
    Pause,
    Reject,
)


class RemoteError(Exception):
    """The remote's refusal: a status as HTTP has them, and the seconds it asks for."""

    def __init__(self, status: int, after: float | None = None) -> None:
        """`status` 0: the connection broke."""
        super().__init__(f"status {status}")
        self.status = status
        self.after = after


class Answer(NamedTuple):
    """The result of one member of a writing call: its id, or the reason why it was not written."""

    id: str = ""
    created: bool = False
    reason: str = ""


class MemoryRemote:
    """People by key. Satisfies `syncd.testing.Remote`; `read` and `write` are its API."""

    def __init__(self, token: str = "memory-token") -> None:  # noqa: S107 - made up
        """`token`: what a caller must show."""
        self.token = token
        self.people: dict[str, dict[str, object]] = {}
        self._poisoned: set[str] = set()
        self._lose = self._fail = False
        self._after: float | None = None

    def objects(self) -> Sequence[Mapping[str, object]]:
        """As `Remote` says, like the five that follow."""
        return [dict(person) for person in self.people.values()]

    def lose_next_answer(self) -> None:  # noqa: D102
        self._lose = True

    def fail_next(self) -> None:  # noqa: D102
        self._fail = True

    def poison(self, person: str) -> None:  # noqa: D102
        self._poisoned.add(person)

    def slow_down(self, seconds: float) -> None:  # noqa: D102
        self._after = seconds

    def revoke(self) -> None:  # noqa: D102
        self.token = ""

    def read(self, token: str, keys: Sequence[str]) -> dict[str, Mapping[str, object]]:
        """The people that are there, by key. Raises RemoteError."""
        self._admit(token)
        return {key: dict(self.people[key]) for key in keys if key in self.people}

    def write(self, token: str, members: Sequence[tuple[str, Mapping[str, object]]]) -> list[Answer]:
        """Make or change people, each for itself. Raises RemoteError."""
        self._admit(token)
        answers = [self._upsert(key, fields) for key, fields in members]
        if self._lose:
            self._lose = False
            raise RemoteError(0)
        return answers

    def _admit(self, token: str) -> None:
        if not self.token or token != self.token:
            raise RemoteError(401)
        if self._after is not None:
            after, self._after = self._after, None
            raise RemoteError(429, after)
        if self._fail:
            self._fail = False
            raise RemoteError(500)

    def _upsert(self, key: str, fields: Mapping[str, object]) -> Answer:
        if key in self._poisoned:
            return Answer(reason="not valid")
        created = key not in self.people
        person = self.people.setdefault(key, {"id": f"m{len(self.people) + 1}"})
        person.update(fields)
        return Answer(str(person["id"]), created)


class MemoryOptions(BaseModel):
    """`remote` stands in for an address."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    remote: MemoryRemote
    token: SecretStr = SecretStr("memory-token")


_CODES = {
    "memory_token": "Give the connector the remote's token. Then: syncd resume NAME",
    "memory_busy": "Nothing to do: the remote asked syncd to wait, and it does.",
    "memory_silent": "Nothing to do: the remote failed without a reason, and syncd keeps trying.",
    "memory_invalid": "The remote refuses this person: look at the lead, then: syncd rejected retry",
}


class MemoryConnector(Connector):
    """People in a `MemoryRemote`. One request a batch, or two where a policy needs to see what is there."""

    Options = MemoryOptions
    codes: ClassVar[Mapping[str, str]] = MappingProxyType(_CODES)
    defaults: ClassVar[Mapping[str, str | Field]] = MappingProxyType(
        {
            "name": Field(value="{{ display_name or '@' ~ handle }}", policy="if_empty"),
            "handle": "{{ handle }}",
            "bio": "{{ bio }}",
            "followers": "{{ follower_count }}",
            "email": Field(value="{{ email if email_status == 'verified' }}", policy="if_empty"),
            "first_campaign": Field(value="{{ stream_name }}", policy="create_only"),
        }
    )
    objects = "people"
    resend_safe = True
    batch_size = 100

    def __init__(self, options: MemoryOptions, context: Context) -> None:
        """Open nothing."""
        super().__init__(options, context)
        self._remote, self._token = options.remote, options.token
        self._policies = {name: field.policy for name, field in context.fields.items()}
        self._reads = any(policy != "always" for policy in self._policies.values())

    def check(self) -> Sequence[Finding]:
        """Read nobody: that proves the token."""
        try:
            self._remote.read(self._token.get_secret_value(), [])
        except RemoteError as error:
            why = self._failure(error)
            return [Finding("error", why.code, why.detail)]
        return [Finding("ok", "memory_ready", "The remote answers.")]

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """One write, and a read before it if a policy asks. Raises Pause or Halt, with one of `codes`."""
        token, keys = self._token.get_secret_value(), [self._key(each) for each in batch]
        try:
            there = self._remote.read(token, keys) if self._reads else {}
            due = [self._due(each.fields, there.get(key)) for each, key in zip(batch, keys, strict=True)]
            answers = self._remote.write(token, list(zip(keys, due, strict=True)))
        except RemoteError as error:
            raise self._failure(error) from None
        return [self._outcome(answer) for answer in answers]

    def _key(self, delivery: Delivery) -> str:
        """Return the key by which the remote distinguishes people."""
        return delivery.person

    def _due(self, fields: Mapping[str, object], there: Mapping[str, object] | None) -> dict[str, object]:
        """The fields that may be written over what is there."""
        return {name: value for name, value in fields.items() if there is None or self._may(name, there)}

    def _may(self, name: str, there: Mapping[str, object]) -> bool:
        policy = self._policies.get(name, "always")
        return policy == "always" or (policy == "if_empty" and there.get(name) in (None, ""))

    def _outcome(self, answer: Answer) -> Outcome:
        if answer.reason:
            return Reject("memory_invalid", "The remote refuses this person.")
        return Delivered(answer.id, answer.created)

    def _failure(self, error: RemoteError) -> Failure:
        """The remote's numbers in the words of the contract: the one edge where they meet."""
        if error.status == 401:  # noqa: PLR2004
            return Halt("memory_token", "The token is refused.")
        if error.status == 429:  # noqa: PLR2004
            return Pause("memory_busy", "Too many requests.", after=error.after)
        return Pause("memory_silent", "The call failed whole.", unexplained=True)
