"""A row of a listing as it may come, for `syncd.core.lead`: what tells which lead it is must be right, and the rest may be odd."""

from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.alias_generators import to_camel

LARGEST = 2**63 - 1


def _absent_if_odd(value: object, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(value)
    except (ValidationError, OverflowError):
        return None


def _in_utc(moment: datetime) -> datetime:
    """A time without a zone is UTC, as all of CTGO's are."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


T = TypeVar("T")
Maybe = Annotated[T | None, WrapValidator(_absent_if_odd)]
"""A field that may be missing, null, or of a type that nobody foresaw: then it is None."""
_Moment = Annotated[datetime, AfterValidator(_in_utc)]
_Number = Annotated[int, Field(le=LARGEST)]


class _ProfileRow(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True, alias_generator=to_camel)

    x_user_id: str | None = None
    handle: Maybe[str] = None
    display_name: Maybe[str] = None
    profile_image_url: Maybe[str] = None
    follower_count: Maybe[_Number] = None
    bio: Maybe[str] = None


class Row(BaseModel):
    """A row as it may come: numbers as text, ids of people as numbers, times with any zone or none."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True, alias_generator=to_camel)

    id: int = Field(ge=1, le=LARGEST)
    stream_id: int | None = Field(None, ge=0, le=LARGEST)
    segment_id: int | None = Field(None, ge=0, le=LARGEST)
    tracked_x_account_id: Maybe[_Number] = None
    match_confidence: Maybe[str] = None
    source_type: Maybe[str] = None
    discovered_at: Maybe[_Moment] = None
    exported_at: Maybe[_Moment] = None
    profile: _ProfileRow
