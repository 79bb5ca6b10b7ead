"""The options, the default mapping, and the failure codes with their fixes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field as Option
from pydantic import field_validator

from syncd.connector import ConnectorOptions, Field
from syncd.http.kit import BaseUrl, Token

KEY = "ctgo_x_user_id"
"""The unique property that tells one person from another."""
STATUS = "ctgo_email_status"
"""The property that carries what is known of the address: only `verified` makes it a key."""
OPTIONAL = frozenset({"twitterhandle"})
"""Properties of HubSpot's own that newer portals lack: left out there, while any other that is missing halts."""

Adoptable = Literal["twitterhandle", "hs_linkedin_url"]


class HubSpotOptions(ConnectorOptions):
    """The table `[connectors.NAME]` of a HubSpot connector.

    `adopt`: by which properties to look for contacts that other tools made; `time_zone`: the portal's, as `Europe/Paris`;
    `portal_id`: the account's id, for links to contacts.
    """

    access_token: Token
    base_url: BaseUrl = "https://api.hubapi.com"
    requests_per_second: float = Option(9.0, gt=0, le=1000, allow_inf_nan=False)
    adopt: list[Adoptable] = Option(default_factory=list)
    time_zone: str = ""
    portal_id: str = Option("", pattern=r"^[0-9]*$")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name:
            try:
                ZoneInfo(name)
            except (KeyError, ValueError, OSError):
                raise ValueError("must be a time zone such as Europe/Paris") from None
        return name


def _if_empty(value: str) -> Field:
    return Field(value=value, policy="if_empty")


def _on_creation(value: str) -> Field:
    return Field(value=value, policy="create_only")


DEFAULTS: Mapping[str, str | Field] = MappingProxyType(
    {
        KEY: "{{ x_user_id or 'lead-' ~ id }}",
        "firstname": _if_empty("{{ first_name }}"),
        "lastname": _if_empty("{{ last_name if first_name or last_name else '@' ~ handle }}"),
        "twitterhandle": _if_empty("{{ handle }}"),
        "ctgo_handle": "{{ handle }}",
        "ctgo_x_url": "{{ x_url }}",
        "email": _if_empty("{{ email if email_status == 'verified' }}"),
        "ctgo_email_unverified": "{{ email if email_status != 'verified' }}",
        STATUS: "{{ email_status }}",
        "hs_linkedin_url": _if_empty("{{ linkedin_url }}"),
        "ctgo_bio": "{{ bio }}",
        "ctgo_follower_count": "{{ follower_count }}",
        "ctgo_first_campaign": _on_creation("{{ stream_name }}"),
        "ctgo_latest_campaign": "{{ stream_name }}",
        "ctgo_segment": "{{ segment_name }}",
        "ctgo_source_account": "{{ account_handle }}",
        "ctgo_match": "{{ match_confidence }}",
        "ctgo_source_type": "{{ source_type }}",
        "ctgo_first_seen": _on_creation("{{ discovered_at }}"),
        "ctgo_ref": "{{ id }}/{{ stream_id or 0 }}/{{ segment_id or 0 }}",
        "ctgo_synced_at": _on_creation("{{ synced_at }}"),
        "lifecyclestage": _on_creation("lead"),
    }
)

CODES: Mapping[str, str] = MappingProxyType(
    {
        # The lane
        "hubspot_token_refused": "Make a service key in HubSpot (Settings, Integrations, Service Keys; or use an existing private app's token), set access_token, then: syncd resume NAME",
        "hubspot_scopes_missing": "Add the scopes that the detail names to the service key or private app, then: syncd resume NAME",
        "hubspot_forbidden": "HubSpot refuses this for the account: check that its plan has API access and that the key's owner is active, then: syncd resume NAME",
        "hubspot_wrong_address": "Nothing there answers as HubSpot does: check base_url (https://api.hubapi.com), then: syncd resume NAME",
        "hubspot_property_missing": "A mapped property does not exist (any more): syncd setup NAME --apply makes ctgo_ properties; make the others in HubSpot or take them out of `fields`. Then: syncd resume NAME",
        "hubspot_property_read_only": "HubSpot sets that property itself: take it out of `fields`, then: syncd resume NAME",
        "hubspot_key_not_unique": "ctgo_x_user_id must be a single-line text property with unique values: syncd setup NAME --apply makes it; a wrong one must be deleted in HubSpot first. Then: syncd resume NAME",
        "hubspot_constant_refused": "A fixed value in `fields` is none that HubSpot accepts: use the option's internal name, or add the option in HubSpot. Then: syncd resume NAME",
        "hubspot_adopt_failed": "HubSpot cannot search by a property in `adopt`: take it out, or see what syncd check says of it.",
        "hubspot_feedback_refused": "Check the property in the connector's feedback table: it must be a contact property's internal name, and syncd setup NAME --apply must have run. Then: syncd resume NAME",
        "hubspot_feedback_value": "Use the options' internal names in the connector's feedback table: a value that HubSpot does not have is never heard.",
        "hubspot_rate_limited": "Nothing to do: syncd waits as long as HubSpot asks. If it happens often, lower requests_per_second.",
        "hubspot_daily_quota": "Nothing to do: syncd waits for midnight in the portal's time zone. If it happens often, see what else uses the API.",
        "hubspot_locked": "Nothing to do: HubSpot is busy with the contact, and syncd tries again. If it stays locked, see in HubSpot what works on it, then: syncd rejected retry",
        "hubspot_moving": "Nothing to do: HubSpot moves the account to another data centre, and syncd waits.",
        "hubspot_unavailable": "Nothing to do: HubSpot answers with a server error, and syncd keeps trying.",
        "hubspot_edge_failed": "HubSpot's own connection fails: if it lasts, see status.hubspot.com and ask its support. syncd keeps trying.",
        "hubspot_unreachable": "Check the network, DNS, the clock and base_url. syncd keeps trying.",
        "hubspot_bad_answer": "Check that base_url is HubSpot's API and that no proxy, firewall or login page stands between.",
        "hubspot_stopping": "Nothing to do: syncd was stopped while it waited for its turn.",
        # One lead
        "hubspot_refused": "HubSpot refuses the contact as it is: look at the lead, mend the mapping, then: syncd rejected retry",
        "hubspot_value_refused": "HubSpot does not take the value of the property in the detail: mend the mapping or the property, then: syncd rejected retry",
        "hubspot_option_missing": "Add the option to the property in HubSpot, or map to an existing option's internal name, then: syncd rejected retry",
        "hubspot_value_too_long": "Shorten it in the mapping ({{ bio | truncate(500) }}), then: syncd rejected retry",
        "hubspot_email_invalid": "HubSpot does not take that address: map it to another property, or drop it, then: syncd rejected retry",
        "hubspot_value_required": "The portal requires a property that the lead does not fill: map it, or relax the rule in HubSpot, then: syncd rejected retry",
        "hubspot_email_taken": "Another contact has that address and nothing verified says that it is the same person: settle it in HubSpot, then: syncd rejected retry",
        "hubspot_two_contacts": "The person and the address belong to two contacts: merge the two in HubSpot, then: syncd rejected retry",
        "hubspot_merged": "The person's contact bears another person's ctgo_x_user_id, as after a merge. If both are one person: syncd rejected drop. If not, correct the property in HubSpot, then: syncd rejected retry",
        "hubspot_row_failed": "HubSpot could not write that contact just now: it is tried again.",
        "hubspot_row_forgotten": "HubSpot's answer did not mention that contact: it is sent again.",
        # What check and setup find
        "hubspot_ready": "Nothing to do.",
        "hubspot_setup_needed": "Run: syncd setup NAME --apply (the token needs crm.schemas.contacts.write for it, once).",
        "hubspot_option_unknown": "Use one of the property's internal option names in `fields`, or add the option in HubSpot.",
        "hubspot_property_optional": "Nothing to do: that property is left out in this portal.",
    }
)
