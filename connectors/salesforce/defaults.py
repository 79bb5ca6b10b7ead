"""The default mapping of a Salesforce Lead, and the custom fields that `setup` makes for it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from connectors.salesforce.options import KEY_FIELD
from syncd.connector import Field

_MAIL_PROVIDERS = (
    *("gmail.com", "googlemail.com", "yahoo.com", "yahoo.co.uk", "ymail.com", "outlook.com", "hotmail.com"),
    *(
        "hotmail.co.uk",
        "live.com",
        "msn.com",
        "icloud.com",
        "me.com",
        "mac.com",
        "aol.com",
        "gmx.com",
        "gmx.de",
    ),
    *("gmx.net", "web.de", "mail.com", "mail.ru", "yandex.com", "yandex.ru", "proton.me", "protonmail.com"),
    *("pm.me", "zoho.com", "fastmail.com", "hey.com", "qq.com", "163.com", "126.com", "orange.fr", "free.fr"),
)
"""Their domains say nothing of where somebody works."""

_COMPANY = (
    "{{ email_domain if email_domain and email_domain not in "
    + str(list(_MAIL_PROVIDERS))
    + " else '@' ~ (handle or x_user_id or id) ~ ' (X)' }}"
)
_WHY_HERE = (
    "Found on X by Catch The Good Ones on {{ discovered_at }}: "
    "{{ match_confidence or 'unrated' }} match for {{ stream_name or 'a campaign' }}."
)


def _once(value: str) -> Field:
    return Field(value=value, policy="create_only")


def _if_empty(value: str) -> Field:
    return Field(value=value, policy="if_empty")


DEFAULTS: Mapping[str, str | Field] = MappingProxyType(
    {
        KEY_FIELD: "{{ x_user_id or 'lead-' ~ id }}",
        # A display name of one word is a first name, which Salesforce wants as the last.
        "FirstName": _if_empty("{{ first_name if last_name }}"),
        "LastName": _if_empty("{{ last_name or display_name or handle or 'X user ' ~ (x_user_id or id) }}"),
        "CTGO_Handle__c": "{{ handle }}",
        "CTGO_X_URL__c": "{{ x_url }}",
        "Email": _if_empty("{{ email if email_status == 'verified' }}"),
        "CTGO_Email_Unverified__c": "{{ email if email_status != 'verified' }}",
        "CTGO_LinkedIn_URL__c": _if_empty("{{ linkedin_url }}"),
        # Never one placeholder for all: duplicate rules compare companies.
        "Company": _once(_COMPANY),
        "CTGO_Bio__c": "{{ bio }}",
        "CTGO_Followers__c": "{{ follower_count }}",
        "Description": _once(_WHY_HERE),
        "CTGO_First_Campaign__c": _once("{{ stream_name }}"),
        "CTGO_Latest_Campaign__c": "{{ stream_name }}",
        "CTGO_Segment__c": "{{ segment_name }}",
        "CTGO_Source_Account__c": "{{ account_handle }}",
        "CTGO_Match__c": "{{ match_confidence }}",
        "CTGO_Source_Type__c": "{{ source_type }}",
        "CTGO_First_Seen__c": _once("{{ discovered_at }}"),
        "CTGO_Ref__c": "{{ id }}/{{ stream_id or 0 }}/{{ segment_id or 0 }}",
        "CTGO_Synced_At__c": _once("{{ synced_at }}"),
        "LeadSource": _once("Catch The Good Ones"),
    }
)
"""The default mapping. `Website`, `Rating`, `Status` and `OwnerId` are left to the salespeople."""


def _text(label: str, length: int) -> dict[str, Any]:
    return {"label": label, "type": "Text", "length": length}


CUSTOM_FIELDS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "CTGO_Handle__c": _text("CTGO Handle", 64),
        "CTGO_X_URL__c": {"label": "CTGO X URL", "type": "Url"},
        "CTGO_Email_Unverified__c": {"label": "CTGO Email (unverified)", "type": "Email"},
        "CTGO_LinkedIn_URL__c": {"label": "CTGO LinkedIn URL", "type": "Url"},
        "CTGO_Bio__c": {"label": "CTGO Bio", "type": "TextArea"},
        "CTGO_Followers__c": {"label": "CTGO Followers", "type": "Number", "precision": 18, "scale": 0},
        "CTGO_First_Campaign__c": _text("CTGO First Campaign", 255),
        "CTGO_Latest_Campaign__c": _text("CTGO Latest Campaign", 255),
        "CTGO_Segment__c": _text("CTGO Segment", 255),
        "CTGO_Source_Account__c": _text("CTGO Source Account", 255),
        # Text and not a picklist: CTGO's lists of values are open.
        "CTGO_Match__c": _text("CTGO Match", 64),
        "CTGO_Source_Type__c": _text("CTGO Source Type", 64),
        "CTGO_First_Seen__c": {"label": "CTGO First Seen", "type": "DateTime"},
        "CTGO_Ref__c": _text("CTGO Ref", 80),
        "CTGO_Synced_At__c": {"label": "CTGO Synced At", "type": "DateTime"},
    }
)
"""By API name, the metadata of a Lead field: what the Tooling API's CustomField takes."""


def key_metadata() -> dict[str, Any]:
    """The external id field: unique, or two programs at once could make two records for one person."""
    return {
        **_text("CTGO X User Id", 32),
        "externalId": True,
        "unique": True,
        "caseSensitive": False,
    }
