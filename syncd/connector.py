"""The contract of a connector: a place leads go. What a plugin author reads, whole.

The engine maps, decides and remembers; a connector sends. It is told nothing of the ledger, of retries or of
export, and keeps no state that matters: everything it needs to be safe is in the `Delivery`.

Order: `deliver` gets at most `batch_size` deliveries, all of one `Route.group`, no two with one `Route.key`,
and answers with one outcome each, in order. An outcome is `Delivered(remote_id, created)` or one of the four
failures of `syncd.core.failure`. `Pause` or `Halt` in the list stands for that delivery and all after it.

Raising: `Pause` or `Halt` when nothing of the call was sent; `Pause(unexplained=True)` when the call failed
whole and nobody knows why; `Refused(code)` when the remote refused the call and wrote nothing. Whatever else
is raised is a bug: logged with its traceback and retried.

Truth: never answer `Delivered` for what the remote did not confirm. A delivery that an answer does not mention
is not a success.

Idempotence: re-sending must be safe. Where it is not (no upsert), say `resend_safe=False`: the ledger then
notes *maybe sent* before the call, and a delivery that comes with `maybe_sent` must be looked for before it is
written.

Feedback: a connector whose remote knows what became of people may offer `statuses_since`, see `TellsStatus`. It reads and
writes nothing, and what it answers is judged by the engine.

Threads: one instance is called by one thread at a time. `deliver` may block, within the time-outs it sets on
every call. Time and waiting come from `context.clock` only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from syncd.clock import Clock
from syncd.core.delivery import Delivery, Outcome, Route

Policy = Literal["always", "create_only", "if_empty"]


class Field(BaseModel):
    """One mapped field: text with `{{ expressions }}`, and when it may overwrite what is there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: str
    policy: Policy = "always"


class Logger(Protocol):
    """What of a structlog logger a connector uses: an event name in the past tense, and ids, never personal data."""

    def debug(self, event: str, **ids: object) -> Any: ...  # noqa: D102
    def info(self, event: str, **ids: object) -> Any: ...  # noqa: D102
    def warning(self, event: str, **ids: object) -> Any: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Watched:
    """The property of a person's object that the configuration wants to hear of, and the values that mean something."""

    property: str
    values: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Context:
    """What an instance is given besides its options.

    `fields`: the mapping in force, with its policies. `watched`: None unless the configuration asks for feedback.
    """

    name: str
    clock: Clock
    log: Logger
    fields: Mapping[str, Field] = field(default_factory=dict)
    watched: Watched | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of `check`: a sentence, and what to do if it is not `ok`."""

    level: Literal["ok", "warning", "error"]
    code: str
    detail: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that `setup` made, would make, or asks a person to make."""

    what: str
    done: bool
    by_hand: str = ""


@runtime_checkable
class Connector(Protocol):
    """See the module. `objects` says what one object at the remote stands for: a person, or one lead.

    Optional besides: `ack` ("required" or "best_effort") and `gate` (deliveries; None: no gate), what holds when the
    configuration says nothing of them; and the class method `clashes`, which is given the options of all connectors of the
    class by name, and tells (name, option, what is wrong) where one cannot stand beside another.
    """

    Options: ClassVar[type[BaseModel]]
    codes: ClassVar[Mapping[str, str]]
    defaults: ClassVar[Mapping[str, str | Field]]
    objects: ClassVar[Literal["people", "leads"]]
    batch_size: int

    def __init__(self, options: Any, context: Context) -> None: ...

    def check(self) -> Sequence[Finding]:
        """Cheap and read-only: credentials, scopes, fields."""
        ...

    def route(self, delivery: Delivery) -> Route:
        """Pure: which calls it may share, and what it must not share a call with."""
        ...

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send one batch: one outcome each, in order."""
        ...

    def close(self) -> None:
        """Let go of files and connections; called once, also after a failure."""
        ...


@runtime_checkable
class NeedsSetup(Protocol):
    """Optional: what must exist in the CRM before the first delivery."""

    def setup(self, apply: bool) -> Sequence[Change]:  # noqa: FBT001 - the contract is positional
        """List what is missing and, with `apply`, make it; running it again changes nothing."""
        ...


class Status(NamedTuple):
    """What the watched property of one object says, and since when the object is as it is (seconds since the epoch).

    `person`: the `Delivery.person` that was written there, empty if the object does not tell; `remote_id`: the object's
    own id, by which a connector of people may be told of those who share one. One of the two is needed.
    """

    value: str
    changed_at: float
    person: str = ""
    remote_id: str = ""


class Statuses(NamedTuple):
    """One page. `cursor`: where the next one begins; `more`: whether it is worth asking for at once."""

    found: Sequence[Status]
    cursor: str
    more: bool = False


@runtime_checkable
class TellsStatus(Protocol):
    """Optional: what became of people at the remote, for `[connectors.NAME.feedback]`."""

    def statuses_since(self, cursor: str) -> Statuses:
        """One page of the objects that have a value in `context.watched.property` and changed since the cursor.

        The cursor is the connector's own text, without personal data; empty: from the beginning. The engine commits a
        page and its cursor together, so a page may be asked for again. Told twice is harmless, left out is not: order
        by the time of the change, begin again a little before it (indexes lag, transactions end late), and do not count
        on offsets, for what changes moves. Raises Pause or Halt, as `deliver` does.
        """
        ...
