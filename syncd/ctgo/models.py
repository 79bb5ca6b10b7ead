"""The vendor's answers by name. Source: the v2 pages of `GET /me` and `POST /leads/{id}/enrich`.

Types are read off samples, and the vendor adds fields in place. So every field is optional, one of another type counts
as absent, and unknown fields are kept in `model_extra`. No repr shows a value: answers hold personal data.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from syncd.core.lead import LARGEST_ID


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a leads listing.

    `rows` are raw JSON values, not validated: `syncd.core.lead.parse_lead` does that for each. `total` and `has_more` are
    None when the answer has neither. `server_date` is its `Date` header in seconds since the epoch.
    """

    rows: Sequence[object] = field(repr=False)
    total: int | None
    has_more: bool | None
    server_date: float | None


def _absent_if_odd(value: object, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        return None


T = TypeVar("T")
Maybe = Annotated[T | None, WrapValidator(_absent_if_odd)]
"""A field that may be missing, null, or of an unforeseen type: then it is None."""


class Answer(BaseModel):
    """An object in an answer."""

    # Built when the first such answer comes: pulling leads needs none of them
    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True, defer_build=True)

    @classmethod
    def documented(cls) -> frozenset[str]:
        """The JSON names of the fields that the vendor documents."""
        return frozenset(
            name for field, info in cls.model_fields.items() for name in _names(info.validation_alias, field)
        )

    def document(self) -> dict[str, Any]:
        """The answer as JSON values by the vendor's names: the fields that it had, unknown ones too."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def __repr_args__(self) -> Sequence[tuple[str | None, Any]]:
        return ()


def _names(alias: str | AliasPath | AliasChoices | None, field: str) -> Sequence[str]:
    if isinstance(alias, AliasChoices):
        return [name for name in alias.choices if isinstance(name, str)]
    return [alias if isinstance(alias, str) else field]


class Budget(Answer):
    """The used part of an allowance: a day's syncs (`cap`), a month's re-tests (`budget`).

    `billing_period_start` is a time; earlier versions also said `trial` or `free`.
    """

    used: Maybe[int] = None
    cap: Maybe[int] = None
    budget: Maybe[int] = None
    remaining: Maybe[int] = None
    billing_period_start: Maybe[str] = Field(None, alias="billingPeriodStart")


class Account(Answer):
    """A tracked account, as `/me` lists it."""

    account_id: Maybe[int] = Field(None, alias="accountId")
    handle: Maybe[str] = Field(None, alias="xHandle")
    tier: Maybe[str] = None
    monthly_retest: Maybe[Budget] = Field(None, alias="monthlyRetest")
    daily_sync: Maybe[Budget] = Field(None, alias="dailySync")


class Credits(Answer):
    """The team's enrichment credits."""

    balance: Maybe[int] = None
    low_balance_threshold: Maybe[int] = Field(None, alias="lowBalanceThreshold")
    is_low: Maybe[bool] = Field(None, alias="isLow")
    auto_topup: Maybe[bool] = Field(None, alias="autoTopupEnabled")


class Totals(Answer):
    """The remaining allowance over all tracked accounts."""

    monthly_retest_remaining: Maybe[int] = Field(None, alias="monthlyRetestRemaining")
    daily_sync_remaining: Maybe[int] = Field(None, alias="dailySyncRemaining")


class Me(Answer):
    """The key's owner and rights. `subscription_status` is an open list: `active`, `trialing`, ..."""

    name: Maybe[str] = None
    email: Maybe[str] = None
    subscription_status: Maybe[str] = Field(None, alias="subscriptionStatus")
    is_free_tier: Maybe[bool] = Field(None, alias="isFreeTier")
    accounts: Maybe[tuple[Account, ...]] = None
    credits: Maybe[Credits] = None
    totals: Maybe[Totals] = None


class Stream(Answer):
    """A campaign. Without an `id` it is none."""

    id: int = Field(ge=1, le=LARGEST_ID)
    name: Maybe[str] = None


class LinkedIn(Answer):
    """A profile address that was found."""

    url: Maybe[str] = None
    confidence: Maybe[str] = None


class Email(Answer):
    """An email address that was found. `status`: `verified`, or another of an open list."""

    address: Maybe[str] = None
    status: Maybe[str] = None
    provider: Maybe[str] = None


class Route(Answer):
    """One way to reach the person."""

    type: Maybe[str] = Field(None, alias="routeType")
    value: Maybe[str] = None
    confidence: Maybe[str] = None


class Result(Answer):
    """The result of the look-up. CTGO does not document the answer for nothing found."""

    ok: Maybe[bool] = None
    kind: Maybe[str] = None
    linkedin: Maybe[LinkedIn] = None
    email: Maybe[Email] = None


class Enrichment(Answer):
    """Contact data of one lead, as far as it was found."""

    lead_id: Maybe[int] = Field(None, alias="leadId")
    x_profile_id: Maybe[str] = None
    result: Maybe[Result] = None
    credits_remaining: Maybe[int] = None
    contact_routes: Maybe[tuple[Route, ...]] = None

    @property
    def email(self) -> str | None:
        """The address, wherever the answer put it."""
        found = self.result.email.address if self.result and self.result.email else None
        return found or self._route("email")

    @property
    def email_status(self) -> str | None:
        """The certainty of the address."""
        return self.result.email.status if self.result and self.result.email else None

    @property
    def linkedin_url(self) -> str | None:
        """The LinkedIn profile, wherever the answer put it."""
        found = self.result.linkedin.url if self.result and self.result.linkedin else None
        return found or self._route("linkedin_url")

    def _route(self, kind: str) -> str | None:
        return next((route.value for route in self.contact_routes or () if route.type == kind), None)
