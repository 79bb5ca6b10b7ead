"""The options of an Attio connector, and its default mapping."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from pydantic import Field as Option
from pydantic import SecretStr, field_validator

from syncd.connector import ConnectorOptions, Field

_NAME = "{{ last_name ~ ', ' ~ first_name if first_name and last_name else display_name or handle }}"
"""A name in one text, as Attio reads it: the last name, a comma, the first name."""
_HTTPS, _HTTP = r"https://([A-Za-z0-9-]+\.)*[A-Za-z][A-Za-z0-9-]*", r"http://(localhost|127\.0\.0\.1|\[::1\])"
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

    access_token: SecretStr
    base_url: str = Option("https://api.attio.com", pattern=f"^({_HTTPS}|{_HTTP})(:[0-9]{{1,5}})?$")
    key_attribute: str = Option("ctgo_x_user_id", pattern=r"^[A-Za-z0-9_-]+$")

    @field_validator("access_token")
    @classmethod
    def _fits_a_header(cls, token: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[\x21-\x7e]+", token.get_secret_value()):
            raise ValueError("is empty, or holds blanks or characters that no token has: copy it again")
        return token
