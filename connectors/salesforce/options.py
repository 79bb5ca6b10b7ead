"""The options of a Salesforce connector, its default mapping, and its failure codes with their fixes.

Two ways to sign in: client credentials (`domain`, `client_id`, `client_secret`), which renew themselves, or a
session that something else obtained (`session_id`, `instance_url`), which lasts until it expires.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, SecretStr, model_validator
from pydantic import Field as Option

from syncd.connector import ConnectorOptions, Field
from syncd.http.kit import host_url, token

KEY_FIELD = "CTGO_X_User_Id__c"
API_VERSION = "66.0"
"""Spring '26. The library's own default is older by seven releases."""


def base_address(url: str) -> str:
    """Return scheme and host of an org, without a slash at the end; "" stays "". Raises ValueError as `host_url` does."""
    return host_url(url) if url else ""


def _my_domain(text: str) -> str:
    """`acme.my`, also if it was given as a whole address."""
    name = text.strip().removeprefix("https://").rstrip("/").removesuffix(".salesforce.com")
    if name and not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", name):
        raise ValueError("must be the part of your address before .salesforce.com, such as acme.my")
    if name in {"login", "test"}:
        raise ValueError("must be your My Domain, such as acme.my: login and test know no client credentials")
    return name


Secret = Annotated[SecretStr, AfterValidator(lambda secret: token(secret) if secret else secret)]
"""A token, or nothing: which ones are needed depends on the way to sign in."""


class SalesforceOptions(ConnectorOptions):
    """See the module.

    `daily_share` is the part of the org's API calls of 24 hours that syncd may use; `batch` the leads a call.
    `duplicates` says what becomes of somebody who is in the org as a lead that is not ours: `reject`, `link` (write
    our key and what is empty there on that lead) or `save` (make another one, where the org's rules allow it).
    `assignment` is for new leads only: `on` (the org's active rule), `off`, or a rule's id.
    """

    domain: Annotated[str, AfterValidator(_my_domain)] = ""
    client_id: str = Option("", pattern=r"^[\x21-\x7e]*$")
    client_secret: Secret = SecretStr("")
    session_id: Secret = SecretStr("")
    instance_url: Annotated[str, AfterValidator(base_address)] = ""
    external_id_field: str = Option(KEY_FIELD, pattern=r"^[A-Za-z][A-Za-z0-9_]*__c$", max_length=80)
    daily_share: float = Option(0.5, gt=0, le=1)
    batch: int = Option(100, ge=1, le=200)
    duplicates: Literal["reject", "link", "save"] = "reject"
    assignment: str = Option("on", pattern=r"^(on|off|01Q[A-Za-z0-9]{12}([A-Za-z0-9]{3})?)$")

    @model_validator(mode="after")
    def _one_sign_in(self) -> "SalesforceOptions":
        credentials = bool(self.client_id), bool(self.client_secret.get_secret_value())
        if self.session_id.get_secret_value():
            if any(credentials):
                raise ValueError("give either session_id or client_id and client_secret, not both")
            if not self.instance_url:
                raise ValueError("session_id needs instance_url")
        elif not all(credentials) or not (self.domain or self.instance_url):
            raise ValueError("give domain, client_id and client_secret; or session_id and instance_url")
        return self

    @property
    def renewable(self) -> bool:
        """True if syncd signs in itself."""
        return not self.session_id.get_secret_value()

    @property
    def home(self) -> str:
        """The address to sign in at: scheme and host."""
        return self.instance_url or f"https://{self.domain}.salesforce.com"


_MAIL_PROVIDERS = [
    "gmail.com",
    "googlemail.com",
    "yahoo.com",
    "yahoo.co.uk",
    "ymail.com",
    "outlook.com",
    "hotmail.com",
    "hotmail.co.uk",
    "live.com",
    "msn.com",
    "icloud.com",
    "me.com",
    "mac.com",
    "aol.com",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "web.de",
    "mail.com",
    "mail.ru",
    "yandex.com",
    "yandex.ru",
    "proton.me",
    "protonmail.com",
    "pm.me",
    "zoho.com",
    "fastmail.com",
    "hey.com",
    "qq.com",
    "163.com",
    "126.com",
    "orange.fr",
    "free.fr",
]
"""Their domains say nothing of where somebody works."""

_COMPANY = (
    "{{ email_domain if email_domain and email_domain not in "
    + str(_MAIL_PROVIDERS)
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

CODES: Mapping[str, str] = MappingProxyType(
    {
        "salesforce_unreachable": "Check the network, DNS, proxy and certificates, and the connector's domain or instance_url. syncd keeps trying.",
        "salesforce_unavailable": "Nothing to do: Salesforce is under maintenance (see status.salesforce.com), and syncd keeps trying.",
        "salesforce_failed": "Nothing to do: the call broke without a reason, and syncd tries its leads again, if need be one by one.",
        "salesforce_unexpected_answer": "Check that domain or instance_url is your org's My Domain and that no proxy or login page stands between.",
        "salesforce_redirected": "syncd follows no redirects, for they would carry the token along: set domain to the org's current My Domain.",
        "salesforce_credentials": "Check client_id and client_secret, and that the app allows the client credentials flow with an active run-as user. Then: syncd resume NAME",
        "salesforce_session": "The session was refused, also when new: check the app, its scope `api` and its run-as user; a session_id must be replaced by hand. Then: syncd resume NAME",
        "salesforce_limit": "The org has used up its API calls of the last 24 hours: syncd waits. Look in Setup for what else uses them.",
        "salesforce_concurrency": "Too many slow calls run in the org at once: syncd waits. A smaller `batch` makes its own shorter.",
        "salesforce_slow_down": "Nothing to do: syncd waits as long as it was asked to.",
        "salesforce_daily_share": "syncd has used its daily_share of the org's API calls and goes on as they come back. Raise daily_share if the org can spare more.",
        "salesforce_api_disabled": "This org or its edition has no API access: enable it or change the edition. Then: syncd resume NAME",
        "salesforce_permission": "Give the run-as user API access, create, edit and read on Lead, edit on every mapped field, read on Contact. Then: syncd resume NAME",
        "salesforce_policy": "A transaction security policy of the org refuses the call: exempt the run-as user. Then: syncd resume NAME",
        "salesforce_field_missing": "Run: syncd setup NAME --apply, or create the field and grant it to the run-as user, or take it out of the mapping. Then: syncd resume NAME",
        "salesforce_field_locked": "Grant the run-as user edit on the field, or take it out of the mapping. Then: syncd resume NAME",
        "salesforce_no_key": "external_id_field must be a text field of Lead, marked External ID and Unique, visible to the run-as user: syncd setup NAME --apply makes it. Then: syncd resume NAME",
        "salesforce_object_hidden": "Give the run-as user read on Lead and Contact. Then: syncd resume NAME",
        "salesforce_version": "The org no longer serves this version of the API: upgrade syncd.",
        "salesforce_storage": "The org's data storage is full: free some or buy more. Then: syncd resume NAME",
        "salesforce_malformed": "Salesforce cannot read the request: look at the values with syncd map, mend the mapping, then: syncd rejected retry",
        "salesforce_required": "Salesforce wants a value for the field: map one, then: syncd rejected retry",
        "salesforce_too_long": "The value is longer than the field: make the field longer or map less of it, then: syncd rejected retry",
        "salesforce_bad_email": "Salesforce takes this for no email address: mend the mapping, then: syncd rejected retry; or: syncd rejected drop",
        "salesforce_bad_value": "The field cannot hold this value: mend the mapping, then: syncd rejected retry",
        "salesforce_picklist": "Add the value to the picklist, or map another, then: syncd rejected retry",
        "salesforce_validation": "A validation rule or a lookup filter of the org said no: mend it or the mapping, then: syncd rejected retry",
        "salesforce_automation": "A trigger or flow of the org failed on this lead: have its owner look, then: syncd rejected retry",
        "salesforce_owner": "An owner or record type in the mapping does not exist, is inactive, or cannot be given the lead: mend it, then: syncd rejected retry",
        "salesforce_record_locked": "The run-as user may not edit this record: check sharing and approval locks, and for all leads create and edit on Lead; then: syncd rejected retry",
        "salesforce_duplicate": "The person is in the org already, see the detail. Merge by hand, then: syncd rejected drop. Or choose another value of duplicates (link, save), then: syncd rejected retry",
        "salesforce_org_limit": "A limit of the org or of its licences stands in the way: see the detail, have its administrator free or raise it, then: syncd rejected retry",
        "salesforce_merged": "Sales merged this person's lead into another person's, which syncd leaves alone: syncd rejected drop; or set duplicates to save, for a lead of its own, then: syncd rejected retry",
        "salesforce_lead_gone": "The person's lead may have been merged, deleted or hidden, and Salesforce does not tell. If sales has the person: syncd rejected drop. If not, set duplicates to save, then: syncd rejected retry",
        "salesforce_not_unique": "Another record holds a value that must be unique: look at the field's other holder, then: syncd rejected retry",
        "salesforce_key_ambiguous": "Several records hold this key: merge them and mark the external id field Unique, then: syncd rejected retry",
        "salesforce_bad_key": "The person's id does not fit the external id field: make it longer, then: syncd rejected retry",
        "salesforce_row_locked": "Nothing to do: somebody else was writing the same records, and syncd tries again.",
        "salesforce_row_deleted": "Nothing to do: the record was deleted meanwhile, and syncd tries again.",
        "salesforce_row_failed": "Salesforce failed on this lead with a code that syncd does not know: see the detail. It is tried again.",
        "salesforce_every_row": "Every row of several calls failed alike, so it is no single lead: see the detail and mend it. Then: syncd resume NAME",
        "salesforce_feedback_refused": "Check the property in the connector's feedback table: it must be the API name of a field of Lead that the run-as user can read and that can be filtered by. Then: syncd resume NAME",
        # What check finds
        "salesforce_feedback_value": "Use the values of the picklist in the connector's feedback table: one that it does not have is never heard.",
        "salesforce_ready": "Nothing to do.",
        "salesforce_key": "Nothing to do.",
        "salesforce_kept": 'Write policy = "create_only" to say so yourself.',
        "salesforce_email": "Map only verified addresses to Email: {{ email if email_status == 'verified' }}, so that people are found by theirs.",
    }
)
