"""A person's wishes for CTGO, checked before anything is sent. Sources: the v2 pages of creating and updating.

Only documented limits are checked; CTGO judges what the vendor left open, such as labels and follower tiers. A mistake is a
sentence for the author of the file or the command. Field names may be the vendor's (`syncTimes`) or their like in TOML
(`sync_times`). No sentence repeats a value: any of them may be a secret.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import Annotated, Any, ClassVar, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from syncd.core.lead import LARGEST_ID, utc_text

MOST_PAIRS = 50
LONGEST_TEMPLATE_NAME = 100
LONGEST_MESSAGE = 2000


class DraftError(ValueError):
    """It cannot be sent as it is. `mistakes` holds one sentence each, `str()` one line each. Values are not repeated."""

    def __init__(self, message: str, *more: str) -> None:
        """`message`: the first mistake; `more`: the others."""
        super().__init__("\n".join((message, *more)))
        self.mistakes = (message, *more)


class Draft(BaseModel):
    """The later body or query of a request."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        str_strip_whitespace=True,
        defer_build=True,
    )

    NULLABLE: ClassVar[frozenset[str]] = frozenset()
    """Fields that may be sent as null."""

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Check the content of a file or of a command line. Raises DraftError."""
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            details = error.errors(include_url=False)
            found = {_sentence(cls, it): None for it in details if not _follows(it, details)}
        raise DraftError(*found)

    def body(self) -> dict[str, Any]:
        """The JSON object to send: the given fields, and nothing else."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    @model_validator(mode="after")
    def _holds_no_null(self) -> Self:
        for name in self.model_fields_set - self.NULLABLE:
            if getattr(self, name) is None:
                raise ValueError(f"{to_camel(name)} may not be null: leave it out")
        return self


_MISTAKES = {
    "missing": "is missing",
    "string_too_short": "must not be empty",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
}


def _follows(detail: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    """True if a list is too short only because what is wrong in it does not count."""
    where = detail["loc"]
    within = (it for it in details if len(it["loc"]) > len(where) and it["loc"][: len(where)] == where)
    return detail["type"] == "too_short" and any(within)


def _sentence(model: type[BaseModel], detail: ErrorDetails) -> str:
    """`pairs[1].accountTier: must be 'starter', 'growth' or 'pro'`."""
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"])[:200]
    kind, text = detail["type"], detail["msg"]
    if kind in _MISTAKES:
        text = _MISTAKES[kind]
    elif kind == "extra_forbidden":
        text = "unknown key" + _hint(str(detail["loc"][-1]), _keys(model))
    else:
        text = re.sub(r"^\w+ should", "must", text.removeprefix("Value error, "))
        text = re.sub(r" after validation.*|, unable to .*", "", text)
    named = "".join(character for character in where.lstrip(".") if character.isprintable())
    return f"{named}: {text}" if named else text


def _keys(annotation: Any) -> set[str]:
    """The vendor's names of all fields of a draft and of those within it."""
    if isinstance(annotation, type) and issubclass(annotation, Draft):
        fields = annotation.model_fields
        within = (_keys(field.annotation) for field in fields.values())
        return {to_camel(name) for name in fields}.union(*within)
    return set().union(*(_keys(part) for part in get_args(annotation)))


def _hint(word: str, known: set[str]) -> str:
    near = difflib.get_close_matches(to_camel(word), known, n=1, cutoff=0.6)
    return f", did you mean {near[0]}?" if near else f", known keys are: {', '.join(sorted(known))}"


def _matching(pattern: str, mistake: str) -> AfterValidator:
    """Check a whole text against a pattern."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(mistake)
        return text

    return AfterValidator(check)


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ValueError, OSError):  # a name that is none may be a folder, or lead out of one
        raise ValueError("must be a time zone's name, such as Europe/Paris") from None
    except LookupError:
        raise ValueError("is no time zone's name, such as Europe/Paris") from None
    return text


def _value(value: object) -> object:
    """The value of a member of an enumeration."""
    return value.value if isinstance(value, Enum) else value


Id = Annotated[int, Field(strict=True, ge=1, le=LARGEST_ID)]
Text = Annotated[str, StringConstraints(min_length=1)]
Handle = Annotated[
    str,
    AfterValidator(lambda text: text.removeprefix("@")),
    _matching(r"[A-Za-z0-9_]{1,50}", "must be a handle on X: letters, digits and _, without a blank"),
]
Quarter = Annotated[
    str,
    _matching(r"([01][0-9]|2[0-3]):(00|15|30|45)", "must be a quarter of an hour as HH:MM, such as 07:15"),
]
Address = Annotated[
    str, _matching(r"https?://[^\s/?#@]+[^\s]*", "must be an address that begins with https://")
]


class Tier(StrEnum):
    """The costs and rights of a tracked account."""

    STARTER = "starter"
    GROWTH = "growth"
    PRO = "pro"


TierName = Annotated[Literal["starter", "growth", "pro"], BeforeValidator(_value)]


class NewSegment(Draft):
    """A filter to look for people by. Only `description` is required.

    `name`: for people. `gender_values`: such as `["female"]`. `applied_search_filters`: labels by category (`job_role`, `skill`,
    ...); one that CTGO does not know is refused as `orphan_label`. `follower_count_tiers`: such as `["10k_to_100k"]`.
    """

    description: Text
    name: Text | None = None
    gender_values: tuple[Text, ...] | None = None
    applied_search_filters: dict[str, tuple[Text, ...]] | None = None
    follower_count_tiers: tuple[Text, ...] | None = None


class NewPair(Draft):
    """A tracked account and a segment, each by id or new.

    `account_handle`: an X account to track, which is billed by its `account_tier`; `segment`: one to make.
    """

    account_id: Id | None = None
    account_handle: Handle | None = None
    account_tier: TierName | None = None
    segment_id: Id | None = None
    segment: NewSegment | None = None

    @model_validator(mode="after")
    def _names_both(self) -> Self:
        if (self.account_id is None) == (self.account_handle is None):
            raise ValueError("name the account by either accountId or accountHandle")
        if (self.segment_id is None) == (self.segment is None):
            raise ValueError("name the segment by either segmentId or segment")
        if self.account_tier is not None and self.account_handle is None:
            raise ValueError(
                "accountTier is for an accountHandle: the tier of an account is changed elsewhere"
            )
        return self


def _recipients(value: object) -> Any:
    several = value if isinstance(value, list | tuple) else [value]
    if not several or not all(isinstance(each, str) and "@" in each for each in several):
        raise ValueError("must be an email address, or a list of them")
    return value


class CsvEmail(Draft):
    """The recipients of a CSV by email after every run. CTGO documents neither if it is one address or a list, nor the values of `format`."""

    to: Annotated[Any, PlainValidator(_recipients)]
    cc: Annotated[Any, PlainValidator(_recipients)] = ()
    format: Text


class StreamSettings(Draft):
    """The common part of creating and updating a campaign; everything is optional.

    `name`: by default made of segment and handle. `sync_times`: quarters of an hour as `HH:MM`, in `timezone` (IANA). `email_mode`:
    which addresses enriching may bring. `email_digest_override`, `telegram_override`: instead of the team's settings. `webhook_url`:
    used when `delivery_destination` is `leads_plus_webhook`.
    """

    name: Text | None = None
    sync_times: tuple[Quarter, ...] | None = None
    timezone: Annotated[str, AfterValidator(_zone)] | None = None
    auto_enrich_linkedin: bool | None = None
    auto_enrich_email: bool | None = None
    email_mode: Literal["verified", "any"] | None = None
    email_digest_override: Literal["after_every_sync", "daily", "weekly", "off"] | None = None
    telegram_override: bool | None = None
    delivery_destination: Literal["leads_only", "leads_plus_webhook"] | None = None
    webhook_url: Address | None = None
    csv_email_recipients: CsvEmail | None = None


Pairs = Annotated[tuple[NewPair, ...], Field(min_length=1, max_length=MOST_PAIRS)]


class NewStream(StreamSettings):
    """A campaign to create. `pairs`: 1 to 50."""

    pairs: Pairs


class StreamChanges(StreamSettings):
    """Changes to a campaign; what is left out stays as it is.

    `pairs` replaces all pairs there are: one that is not repeated is removed. `is_active`: false pauses, true resumes.
    """

    NULLABLE: ClassVar[frozenset[str]] = frozenset(
        {"email_digest_override", "telegram_override", "webhook_url", "csv_email_recipients"}
    )

    pairs: Pairs | None = None
    is_active: bool | None = None
    is_archived: bool | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("nothing is to be changed")
        return self


class NewTemplate(Draft):
    """A direct message to keep. `name`: 1 to 100 characters, unique; `message_body`: 1 to 2000 (limits of v1)."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TEMPLATE_NAME)]
    message_body: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_MESSAGE)]


class LeadFilter(Draft):
    """A choice of leads: `lifecycle` is `new` (not exported) or `exported`, `since` the instant after which they were discovered."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset(
        {"lifecycle", "match_confidence", "account_id", "segment_id", "since"}
    )

    lifecycle: Literal["new", "exported"] | None = None
    match_confidence: Literal["high", "medium"] | None = None
    account_id: Id | None = None
    segment_id: Id | None = None
    since: datetime | None = None

    def query(self) -> dict[str, str | int]:
        """The parameters to send. A `since` without a zone is UTC, and goes out as the whole second before."""
        given = {name: value for name, value in self.body().items() if value is not None}
        if self.since is not None:
            moment = self.since if self.since.tzinfo else self.since.replace(tzinfo=UTC)
            given["since"] = utc_text(moment.replace(microsecond=0))
        return given


def handles_of(draft: StreamSettings) -> tuple[str, ...]:
    """The X accounts that it names by handle, each once: those that CTGO may begin to track, and to bill."""
    pairs: tuple[NewPair, ...] = getattr(draft, "pairs", None) or ()
    found = (pair.account_handle.lower() for pair in pairs if pair.account_handle)
    return tuple(dict.fromkeys(found))
