"""The options of an Attio connector, its default mapping, and the failures that Attio's answers mean."""

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import Field as Option

from syncd.connector import ConnectorOptions, Field, Halt, Retry
from syncd.http.kit import FailureTable, HostUrl, Token

_NAME = "{{ last_name ~ ', ' ~ first_name if first_name and last_name else display_name or handle }}"
"""A name in one text, as Attio reads it: the last name, a comma, the first name."""
DEFAULTS: Mapping[str, str | Field] = MappingProxyType(
    {
        "name": Field(value=_NAME, policy="if_empty"),
        "email_addresses": Field(value="{{ email if email_status == 'verified' }}", policy="if_empty"),
        "linkedin": Field(value="{{ linkedin_url }}", policy="if_empty"),
        "ctgo_handle": "{{ handle }}",
        "ctgo_x_url": "{{ x_url }}",
        "ctgo_bio": "{{ bio }}",
        "ctgo_follower_count": "{{ follower_count }}",
        "ctgo_email_unverified": "{{ email if email_status != 'verified' }}",
        "ctgo_email_status": "{{ email_status }}",
        "ctgo_first_campaign": Field(value="{{ stream_name }}", policy="create_only"),
        "ctgo_latest_campaign": "{{ stream_name }}",
        "ctgo_segment": "{{ segment_name }}",
        "ctgo_source_account": "{{ account_handle }}",
        "ctgo_first_seen": Field(value="{{ discovered_at }}", policy="create_only"),
    }
)


class AttioOptions(ConnectorOptions):
    """The table `[connectors.NAME]` of an Attio connector.

    Attributes:
        access_token: a token with record_permission:read-write and object_configuration:read.
        base_url: the address without a path; plain http is for this machine's own addresses only.
        key_attribute: the slug of the unique attribute that holds the X user id.
    """

    access_token: Token
    base_url: HostUrl = "https://api.attio.com"
    key_attribute: str = Option("ctgo_x_user_id", pattern=r"^[A-Za-z0-9_-]+$")


FAILURES = FailureTable(
    "attio",
    "Attio",
    {
        "auth_error": (Halt, "token_refused"),
        "matching_attribute_definition_not_unique": (Halt, "key_not_unique"),
        "filter_error": (Halt, "setup_missing"),
        "not_found": (Retry, "conflict"),
        "uniqueness_conflict": (Retry, "conflict"),
        "401": (Halt, "token_refused"),
        "409": (Retry, "conflict"),
        "3xx": (Halt, "wrong_address"),
    },
)
"""With the codes and types of Attio's own errors. Attio's message may quote a lead, so no detail repeats it."""

CODES: Mapping[str, str] = MappingProxyType(
    {
        **FAILURES.codes,
        "attio_token_refused": "Attio does not accept access_token, or it lacks record_permission:read-write or object_configuration:read. Mend that, then: syncd resume NAME",
        "attio_forbidden": "A firewall or proxy refuses the call: look at what stands between. syncd keeps trying.",
        "attio_wrong_address": "Nothing answers there as Attio does, or it redirects, which syncd never follows: check base_url. Then: syncd resume NAME",
        "attio_setup_missing": "Make the attributes of people: syncd setup NAME --apply. Then: syncd resume NAME",
        "attio_key_not_unique": "The key attribute exists and is not a unique text: name another one in key_attribute, then: syncd setup NAME --apply, and: syncd resume NAME",
        "attio_ambiguous": "Several people in Attio hold this X user id: merge them there, then: syncd rejected retry",
        "attio_conflict": "Nothing to do: the record changed or went away, or another one holds a unique value of this lead. syncd looks again. If it lasts, check base_url.",
        "attio_unexpected_answer": "Check that base_url is Attio's API and that no login page stands between. syncd keeps trying.",
        "attio_ready": "Nothing to do.",
    }
)
