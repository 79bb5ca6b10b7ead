"""The contract of a connector: a place leads go. A plugin author reads this page and imports from here alone.

A connector is a class with `Options` and `deliver`; all else has a default. The engine maps, decides and remembers; a
connector sends. It knows nothing of the ledger, of retries or of export, and keeps no state that matters: everything it
needs to be safe is in the `Delivery`.

Outcomes: one for each delivery, in order. `Delivered` says that the remote confirmed it: never answer so for a delivery that
the remote's answer does not mention. `Reject` and `Retry` are about that one lead; in a call
of one they may be raised. `Pause` and `Halt` stand for that delivery
and all after it.

Raising: `Pause` or `Halt` stands for every delivery that has no outcome yet, and says that none of them was sent;
`Pause(unexplained=True)` says that nobody knows. `Refused` says that the remote refused the call and wrote nothing of it.
Whatever else is raised is a bug: logged with its traceback, and retried.

Sending twice: networks lose answers, so every delivery may come again, also to another instance. Where that makes no second
object (an upsert by a stable key), set `resend_safe`. Else a delivery that comes with `maybe_sent` must be looked for at the
remote before it is written.

Threads: one instance is called by one thread at a time. `deliver` may block, within the time-outs it sets on every call.
Time and waiting come from `context.clock` only.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from syncd.clock import Clock
from syncd.core.delivery import Delivered, Delivery, Outcome, Route
from syncd.core.failure import Failure, Halt, Pause, Refused, Reject, Retry
from syncd.core.lead import Lead, LeadKey, utc_text

__all__ = [
    "VARIABLES",
    "Called",
    "Change",
    "Clock",
    "Connector",
    "ConnectorOptions",
    "Context",
    "Delivered",
    "Delivery",
    "Failure",
    "Field",
    "Finding",
    "Halt",
    "Lead",
    "LeadKey",
    "Logger",
    "Outcome",
    "Pause",
    "Policy",
    "Refused",
    "Reject",
    "Retry",
    "Route",
    "Status",
    "Statuses",
    "TellsStatus",
    "Watched",
    "utc_text",
]

Policy = Literal["always", "create_only", "if_empty"]

VARIABLES = (
    "id", "stream_id", "stream_name", "segment_id", "segment_name", "account_id", "account_handle", "match_confidence",
    "source_type", "discovered_at", "handle", "display_name", "first_name", "last_name", "bio", "follower_count",
    "image_url", "x_user_id", "x_url", "email", "email_status", "email_domain", "linkedin_url", "raw", "synced_at",
)  # fmt: skip
"""Every variable of a lead that a mapping may name."""


class ConnectorOptions(BaseModel):
    """A base of `Options`: unknown keys are refused, and no mistake shows what was given."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Field(BaseModel):
    """One mapped field: text with `{{ expressions }}`, and when it may overwrite what is there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: str
    policy: Policy = "always"


class Logger(Protocol):
    """The part of a structlog logger that a connector uses: an event in the past tense, and ids, never personal data."""

    def debug(self, event: str, **ids: object) -> Any: ...  # noqa: D102
    def info(self, event: str, **ids: object) -> Any: ...  # noqa: D102
    def warning(self, event: str, **ids: object) -> Any: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Watched:
    """The property that the configuration's feedback watches, and the values of it that mean something."""

    property: str
    values: frozenset[str] = frozenset()


class Called(Protocol):
    """Tells what was sent to the remote and what it answered, for people who look for a reason; call it after each request.

    `path`: without the host; empty if it is secret. `status` 0: no answer, and `response` may say why. `request`: text, or what JSON
    is made of. The engine takes out secrets and the query, cuts what is long, and keeps few of the `headers`. Do not tell of
    signing in.
    """

    def __call__(  # noqa: D102
        self,
        method: str,
        path: str,
        status: int,
        *,
        request: object = None,
        response: str | bytes | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None: ...


def untold(*_: object, **__: object) -> None:
    """Keep nothing."""


@dataclass(frozen=True, slots=True)
class Context:
    """An instance's surroundings.

    `name`: the one in the configuration. `fields`: the mapping in force, with its policies. `watched`: None unless the
    configuration asks for feedback. `called`: see there; it does nothing unless a console is configured.
    """

    name: str
    clock: Clock
    log: Logger
    fields: Mapping[str, Field] = field(default_factory=dict)
    watched: Watched | None = None
    called: Called = untold


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of `check`. Its fix is the one that `codes` has for its code."""

    level: Literal["ok", "warning", "error"]
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that `setup` made, would make, or asks a person to make."""

    what: str
    done: bool
    by_hand: str = ""


class Connector(ABC):
    """The base of every connector. Only `Options` and `deliver` are required.

    Attributes:
        Options: a pydantic model of the table `[connectors.NAME]`. Secrets in it are `SecretStr`. A property `also_where`
            of it is a condition that every lead must meet, whatever the operator's `where` says.
        codes: the connector's failure codes, each with its fix: a sentence that tells the operator what to do. `NAME` in
            it becomes the connector's name.
        defaults: the mapping in force when the configuration has none.
        objects: one object at the remote stands for a person, or for one lead.
        resend_safe: sending a delivery again makes no second object.
        batch_size: deliveries that `deliver` takes at once.
        ack: the export waits for this connector ("required"), or not, unless the configuration says otherwise.
        gate: new leads in one burst that need nobody's consent, unless the configuration says otherwise. 0: any number;
            None: 200 if the objects are people, else any number.
    """

    Options: ClassVar[type[BaseModel]]
    codes: ClassVar[Mapping[str, str]] = MappingProxyType({})
    defaults: ClassVar[Mapping[str, str | Field]] = MappingProxyType({n: f"{{{{ {n} }}}}" for n in VARIABLES})
    objects: ClassVar[Literal["people", "leads"]] = "leads"
    resend_safe: ClassVar[bool] = False
    batch_size: int = 1
    ack: ClassVar[Literal["required", "best_effort"]] = "required"
    gate: ClassVar[int | None] = None

    def __init__(self, options: Any, context: Context) -> None:
        """Keep both; open nothing yet. `options`: an instance of `Options`."""
        self.options = options
        self.context = context

    @abstractmethod
    def deliver(self, batch: Sequence[Delivery]) -> Iterable[Outcome]:
        """Send one batch: return a list with an outcome for each, or yield them one by one.

        All of a batch are of one `Route.group`, and no two have one `Route.key`.
        """

    def route(self, delivery: Delivery) -> Route:
        """Tell which calls a delivery may share, and what it must not share a call with. Pure."""
        key = delivery.person if self.objects == "people" else f"{delivery.lead.source}/{delivery.lead.key}"
        return Route("all", key, self.resend_safe)

    def check(self) -> Sequence[Finding]:
        """Look at credentials, scopes and fields; cheap and read-only. A raised failure is an error found."""
        return ()

    def setup(self, apply: bool) -> Sequence[Change]:  # noqa: ARG002, FBT001 - the contract is positional
        """List what must exist before the first delivery and is missing; with `apply`, make it."""
        return ()

    def close(self) -> None:  # noqa: B027 - there may be nothing to close
        """Let go of files and connections. It may come after a failure, and twice."""

    @classmethod
    def clashes(cls, options: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:  # noqa: ARG003
        """Tell which of the class's connectors cannot stand beside another: (name, option, what is wrong).

        `options`: those of all connectors of the class, by name.
        """
        return ()

    @classmethod
    def as_written(cls, fields: Mapping[str, object]) -> Mapping[str, object]:
        """Return mapped fields as they are written, as far as that is known without the remote: cut, or as text. Pure.

        What is left out of the result is not written. For people to see: the engine gives `deliver` the fields as mapped.
        """
        return fields

    @classmethod
    def record_url(cls, options: Any, remote_id: str) -> str | None:  # noqa: ARG003
        """Return the address where a person sees a record in a browser; None if it is not known. Pure."""
        return None


class Status(NamedTuple):
    """The watched property's value of one object, and since when the object is as it is (seconds since the epoch).

    `person`: the `Delivery.person` that was written there, empty if the object does not tell; `remote_id`: the object's
    own id, by which a connector of people may tell of those who share one. One of the two is needed.
    """

    value: str
    changed_at: float
    person: str = ""
    remote_id: str = ""


class Statuses(NamedTuple):
    """One page. `cursor`: where the next one begins; `more`: it is worth asking for at once."""

    found: Sequence[Status]
    cursor: str
    more: bool = False


@runtime_checkable
class TellsStatus(Protocol):
    """Optional: a connector that tells what became of people, for `[connectors.NAME.feedback]`."""

    def statuses_since(self, cursor: str) -> Statuses:
        """One page of the objects that have a value in `context.watched.property` and changed since the cursor.

        The cursor is the connector's own text, without personal data; empty: from the beginning. The engine commits a
        page and its cursor together, so a page may be asked for again. Telling twice is harmless, leaving out is not: order
        by the time of the change, begin again a little before it (indexes lag, transactions end late), and do not count
        on offsets, for what changes moves. Raises Pause or Halt, as `deliver` does.
        """
        ...
