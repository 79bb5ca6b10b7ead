"""The options of an Apollo connector, its default mapping, and its failure codes with their fixes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from pydantic import Field as Option
from pydantic import field_validator, model_validator

from syncd.connector import ConnectorOptions, Field, Pause
from syncd.http.kit import BaseUrl, FailureTable, Token


def _field(value: str, policy: Literal["always", "create_only", "if_empty"]) -> Field:
    return Field(value=value, policy=policy)


DEFAULTS: Mapping[str, str | Field] = MappingProxyType(
    {
        "first_name": _field("{{ first_name }}", "if_empty"),
        "last_name": _field("{{ last_name or ('@' ~ handle if not first_name) }}", "if_empty"),
        "email": _field("{{ email }}", "if_empty"),
        "linkedin_url": _field("{{ linkedin_url }}", "if_empty"),
        "twitter_url": _field("{{ x_url }}", "if_empty"),
        "ctgo_x_user_id": "{{ x_user_id }}",
        "ctgo_handle": "{{ handle }}",
        "ctgo_x_url": "{{ x_url }}",
        "ctgo_email_status": "{{ email_status }}",
        "ctgo_bio": "{{ bio }}",
        "ctgo_follower_count": "{{ follower_count }}",
        "ctgo_first_campaign": _field("{{ stream_name }}", "create_only"),
        "ctgo_latest_campaign": "{{ stream_name }}",
        "ctgo_segment": "{{ segment_name }}",
        "ctgo_source_account": "{{ account_handle }}",
        "ctgo_match": "{{ match_confidence }}",
        "ctgo_source_type": "{{ source_type }}",
        "ctgo_first_seen": _field("{{ discovered_at }}", "create_only"),
        "ctgo_ref": "{{ id }}/{{ stream_id or 0 }}/{{ segment_id or 0 }}",
        "ctgo_synced_at": _field("{{ synced_at }}", "create_only"),
    }
)


class ApolloOptions(ConnectorOptions):
    """The table `[connectors.NAME]` of an Apollo connector.

    Attributes:
        api_key: a master key, or one with the scopes of the calls in use.
        base_url: ends in /api/v1; plain http on this machine's own addresses only.
        labels: lists that contacts are put on, the first also helps to find them.
        without_email: what becomes of a lead that has no address.
        update_existing: whether contacts that syncd did not make are filled where they are empty.
        key_field: the custom field of contacts that carries the lead key.
        owner_id: the Apollo user who owns new contacts; empty: Apollo decides.
        recreate_gone: whether a contact that is gone, or that somebody deleted, is made again for the person's next lead.
    """

    api_key: Token
    base_url: BaseUrl = "https://api.apollo.io/api/v1"
    labels: list[str] = Option(["ctgo"])
    without_email: Literal["skip", "create"] = "skip"
    update_existing: Literal["never", "if_empty"] = "never"
    key_field: str = Option("ctgo_x_user_id", min_length=1)
    owner_id: str = Option("", pattern=r"^[A-Za-z0-9]*$")
    recreate_gone: bool = False

    @property
    def also_where(self) -> str:
        """The condition for every lead besides the operator's `where`."""
        return "" if self.creates_without_email else "email"

    @property
    def creates_without_email(self) -> bool:
        """True if a lead without an address becomes a contact."""
        return self.without_email == "create"

    @field_validator("labels")
    @classmethod
    def _named(cls, labels: list[str]) -> list[str]:
        if not all(label.strip() for label in labels):
            raise ValueError("must not hold a blank name")
        return [label.strip() for label in labels]

    @model_validator(mode="after")
    def _findable(self) -> "ApolloOptions":
        if self.creates_without_email and not self.labels:
            raise ValueError('without_email = "create" needs a list in labels, to find contacts again')
        return self


class Settings(NamedTuple):
    """The mapping in force and the options, for the modules that do the work."""

    fields: Mapping[str, Field]
    options: ApolloOptions


FAILURES = FailureTable("apollo", "Apollo", {"425": (Pause, "unavailable"), "busy": (Pause, "unavailable")})
"""After a 503 nobody knows whether a contact was made, also when it has a `Retry-After`."""

CODES: Mapping[str, str] = MappingProxyType(
    {
        "apollo_key_refused": "Check api_key in Apollo (Settings, Integrations, API keys): it is wrong, revoked, or its account inactive. Then: syncd resume NAME",
        "apollo_scope_missing": "Give the API key the scope that the detail names, or use a master key. Then: syncd resume NAME",
        "apollo_plan": "The team's Apollo plan does not include this call: change the plan, or without_email. Then: syncd resume NAME",
        "apollo_permission": "The user whose key it is may not do this in Apollo: change the role or the key. Then: syncd resume NAME",
        "apollo_forbidden": "Apollo refuses this call: check the key's scopes, the plan, and what stands between. Then: syncd resume NAME",
        "apollo_wrong_address": "Nothing answers there as Apollo does: base_url must end in /api/v1. Then: syncd resume NAME",
        "apollo_redirected": "syncd follows no redirects, for they would carry the key along: set base_url to the final address.",
        "apollo_setting_invalid": "An id from the configuration (owner, stage, account) or a custom field is not known in Apollo: mend it, then: syncd resume NAME",
        "apollo_refused_call": "Apollo refuses the call as it is made: report it, with the detail. Then: syncd resume NAME",
        "apollo_field_missing": "Make the custom contact field in Apollo (syncd setup NAME --apply), or take it out of the fields. Then: syncd resume NAME",
        "apollo_no_key_field": "Without it a lead that has no email could be written twice: syncd setup NAME --apply, then: syncd resume NAME",
        "apollo_rate_limited": "Nothing to do: syncd waits until Apollo's window has passed. If it happens often, other programs use the team's allowance.",
        "apollo_daily_limit": "The team's daily allowance is used up: syncd goes on when the day's window has passed. A larger plan has a larger one.",
        "apollo_unreachable": "Check the network, DNS, the proxy and base_url. syncd keeps trying.",
        "apollo_proxy_invalid": "Mend https_proxy (or no_proxy) in the environment of the service, and start it again.",
        "apollo_unavailable": "Nothing to do: Apollo did not answer, or with a server error. syncd keeps trying, and looks before it writes again.",
        "apollo_unexpected_answer": "Check that base_url is Apollo's API and that no proxy or login page stands between. Then: syncd resume NAME",
        "apollo_unanswered": "Apollo's answer did not mention this lead: it is sent again alone, or looked for first.",
        "apollo_not_found_yet": "Nothing to do: an earlier call may have written it, so it is looked for twice, some minutes apart, before it is written.",
        "apollo_look_up_unclear": "Apollo ignored the filter of a search, so nothing can be told from it: syncd looks again. If it stays so, look for the contact in Apollo by hand.",
        "apollo_invalid": "Apollo refuses a value of this contact: look at the lead with: syncd lead ID, mend the mapping, then: syncd rejected retry",
        "apollo_no_email": 'Set without_email = "create" to write leads without an email too, then: syncd rejected retry; or: syncd rejected drop',
        "apollo_email_unmapped": 'Map email (email = "{{ email }}") in the fields, or set without_email = "create". Then: syncd resume NAME',
        "apollo_contact_gone": "The contact is no longer in Apollo: set recreate_gone = true to make it again, then: syncd rejected retry; or: syncd rejected drop",
        "apollo_contact_deleted": "Somebody deleted the contact in Apollo, so it is not made again by itself. To make it again: set recreate_gone = true, then: syncd rejected retry; else: syncd rejected drop",
        "apollo_address_taken": 'Two people have this address, and Apollo knows people by theirs: set without_email = "create" for a contact without it, then: syncd rejected retry; or: syncd rejected drop',
        "apollo_namesake": "Apollo takes a contact of the same name and company for this lead. If it is the person, write the lead's address (or X user id) there; if not, make the contact by hand. Then: syncd rejected retry",
        "apollo_contact_hidden": "The user whose key it is may not view this contact: share it with them in Apollo, or use another key; then: syncd rejected retry",
        "apollo_fields_left_out": "Make the custom contact fields in Apollo: syncd setup NAME --apply",
        "apollo_ready": "Nothing to do.",
    }
)
