"""The options of a Salesforce connector, checked before anything runs.

Two ways to sign in: client credentials (`domain`, `client_id`, `client_secret`), which renew themselves, or a
session that something else obtained (`session_id`, `instance_url`), which lasts until it expires.
"""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from syncd.connector import ConnectorOptions
from syncd.http.addresses import is_loopback

KEY_FIELD = "CTGO_X_User_Id__c"
API_VERSION = "66.0"
"""Spring '26. The library's own default is older by seven releases."""


def base_address(url: str) -> str:
    """Scheme and host of an org, without a slash at the end; "" stays "".

    Raises:
        ValueError: it is no such address, or would carry a secret over a network in the clear.
    """
    if not url:
        return ""
    wanted = "must be an address such as https://acme.my.salesforce.com"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError(wanted) from None
    plain = parts.scheme == "http" and is_loopback(parts.hostname or "")
    if not parts.hostname or not (parts.scheme == "https" or plain):
        raise ValueError(f"{wanted} (plain http is for this machine's own addresses only)")
    if "@" in parts.netloc or parts.query or parts.fragment or parts.path.strip("/"):
        raise ValueError(f"{wanted}, and nothing after the host")
    if re.search(r"[\s\x00-\x20\x7f]", url):
        raise ValueError("must not hold blanks")
    return f"{parts.scheme}://{parts.netloc}"


def _my_domain(text: str) -> str:
    """`acme.my`, also if it was given as a whole address."""
    name = text.strip().removeprefix("https://").rstrip("/").removesuffix(".salesforce.com")
    if name and not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", name):
        raise ValueError("must be the part of your address before .salesforce.com, such as acme.my")
    if name in {"login", "test"}:
        raise ValueError("must be your My Domain, such as acme.my: login and test know no client credentials")
    return name


def _visible(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21-\x7e]*", secret.get_secret_value()):
        raise ValueError("holds blanks, line breaks or characters that no key has: copy it again")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_visible)]


class SalesforceOptions(ConnectorOptions):
    """See the module.

    `daily_share` is the part of the org's API calls of 24 hours that syncd may use; `batch` the leads a call.
    `duplicates` says what becomes of somebody who is in the org as a lead that is not ours: `reject`, `link` (write
    our key and what is empty there on that lead) or `save` (make another one, where the org's rules allow it).
    `assignment` is for new leads only: `on` (the org's active rule), `off`, or a rule's id.
    """

    domain: Annotated[str, AfterValidator(_my_domain)] = ""
    client_id: str = Field("", pattern=r"^[\x21-\x7e]*$")
    client_secret: Secret = SecretStr("")
    session_id: Secret = SecretStr("")
    instance_url: Annotated[str, AfterValidator(base_address)] = ""
    external_id_field: str = Field(KEY_FIELD, pattern=r"^[A-Za-z][A-Za-z0-9_]*__c$", max_length=80)
    daily_share: float = Field(0.5, gt=0, le=1)
    batch: int = Field(100, ge=1, le=200)
    duplicates: Literal["reject", "link", "save"] = "reject"
    assignment: str = Field("on", pattern=r"^(on|off|01Q[A-Za-z0-9]{12}([A-Za-z0-9]{3})?)$")

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
