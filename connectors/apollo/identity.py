"""Contacts as Apollo has them, and leads as it wants them. Pure.

Which contact of an answer is which lead's is known by the address or by the lead key in a custom field, never by the
position: Apollo promises no order. Source: https://docs.apollo.io/reference/bulk-create-contacts
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from syncd.connector import Delivery, Field

Contact = Mapping[str, Any]

STANDARD = frozenset(
    "first_name last_name email title primary_title organization_name phone present_raw_address linkedin_url"  # noqa: SIM905 - a list takes a line for each
    " twitter_url facebook_url photo_url account_id organization_id contact_stage_id salesforce_id hubspot_id"
    " salesforce_lead_id salesforce_contact_id salesforce_account_id outreach_id salesloft_id".split()
)
"""The fields of a contact that a bulk create takes; any other name of a mapping is a custom field's."""

CUSTOM = "typed_custom_fields"
_ADDRESS = re.compile(r"[^@\s,;<>()\"]+@[^@\s,;<>()\"]+\.[^@\s,;<>()\".]+")
_ADDRESSES = 256
"""Addresses that are known again: each of a batch is looked at half a dozen times on its way."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LINKEDIN = re.compile(r"(?:https?://)?(?:[a-z]{2,3}\.)?linkedin\.com/in/([^/?#\s]+)[/?#]?.*", re.IGNORECASE)
_X = re.compile(
    r"(?:https?://)?(?:(?:www|mobile)\.)?(?:x|twitter)\.com/(\w+)[/?#]?.*", re.IGNORECASE | re.ASCII
)
_TYPES = MappingProxyType(
    {
        "ctgo_follower_count": "number",
        "ctgo_bio": "textarea",
        "ctgo_first_seen": "datetime",
        "ctgo_synced_at": "datetime",
    }
)


class CustomField(NamedTuple):
    """A custom field of contacts: its id, and its type as Apollo names it."""

    id: str
    type: str


@dataclass(frozen=True, slots=True)
class Shape:
    """A mapping in the terms of one workspace.

    Attributes:
        custom: the custom fields of the mapping that exist, by the mapping's names.
        key: the custom field for the lead key, None if there is none.
        missing: names of the mapping that are neither standard nor a custom field.
    """

    custom: Mapping[str, CustomField]
    key: CustomField | None
    missing: tuple[str, ...]


def shape(names: Iterable[str], key: str, known: Mapping[str, CustomField]) -> Shape:
    """Find the custom fields of a mapping. `known`: the workspace's, by `label_key`."""
    wanted = [name for name in names if name not in STANDARD]
    found = {name: known[label_key(name)] for name in wanted if label_key(name) in known}
    missing = tuple(name for name in wanted if name not in found)
    return Shape(MappingProxyType(found), known.get(label_key(key)), missing)


def label_key(label: str) -> str:
    """Return the name by which a custom field is known: `CTGO X User Id` is `ctgo_x_user_id`."""
    return re.sub(r"[\W_]+", "_", label.casefold()).strip("_")


def field_type(name: str) -> str:
    """The type that a custom field of the default mapping is made with."""
    return _TYPES.get(name, "string")


def address(value: object) -> str | None:
    """An email as it is compared: lower case; None for what is no address, which would match nobody again."""
    return _address(value) if isinstance(value, str) else None


@lru_cache(_ADDRESSES)
def _address(value: str) -> str | None:
    text = value.strip().lower()
    return text if _ADDRESS.fullmatch(text) else None


def linkedin(url: str) -> str:
    """A profile's URL in the one form in which Apollo stores and finds it; any other URL as it is."""
    found = _LINKEDIN.fullmatch(url.strip())
    return f"http://www.linkedin.com/in/{found[1].lower()}" if found else url.strip()


def item(delivery: Delivery, form: Shape) -> dict[str, Any]:
    """A contact to be created. Never holds a blank: Apollo may take one as an order to clear the field."""
    chosen: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    ours = form.custom
    for name, value in delivery.fields.items():
        field = ours.get(name)
        # Most is plain text, which costs no call of a function
        if value.__class__ is str and value.isascii() and "\0" not in value:
            written = value.strip()
        else:
            written = _text(value)
        if written == "":
            continue
        if field is not None:
            custom[field.id] = written
        elif name in STANDARD:
            chosen[name] = linkedin(written) if name == "linkedin_url" else written
    if "email" in chosen and address(chosen["email"]) is None:
        del chosen["email"]
    if form.key and delivery.person:
        custom[form.key.id] = delivery.person
    return {**chosen, CUSTOM: custom} if custom else chosen


def as_written(fields: Mapping[str, object]) -> dict[str, str]:
    """Return mapped fields as `item` writes them."""
    texts = {name: _text(value) for name, value in fields.items()}
    if "linkedin_url" in texts:
        texts["linkedin_url"] = linkedin(texts["linkedin_url"])
    if "email" in texts and address(texts["email"]) is None:
        del texts["email"]
    return {name: written for name, written in texts.items() if written}


def _text(value: object) -> str:
    """Text as JSON can carry it, which is all that Apollo takes: a mapping may make NUL characters and halves of a pair."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return text.replace("\0", "").strip() if "\0" in text else text.strip()


class Found(NamedTuple):
    """The contact that an answer holds for a lead. `linked`: by name and company only, so it may be somebody else's."""

    contact: Contact
    created: bool
    linked: bool = False

    @property
    def id(self) -> str:
        """The contact's id."""
        return str(self.contact["id"])


def attribute(
    items: Sequence[Contact], form: Shape, created: Sequence[Contact], existing: Sequence[Contact]
) -> list[Found | None]:
    """Find the contact of each item; None where the answer leaves it open.

    A single item needs no sign: whatever one contact comes back is its own.
    """
    answers = [Found(contact, True) for contact in created if contact_id(contact)]  # noqa: FBT003 - by name it costs twice
    answers += [Found(contact, False) for contact in existing if contact_id(contact)]  # noqa: FBT003
    by_address = {mail: found for found in reversed(answers) for mail in addresses(found.contact)}
    by_key: Mapping[str | None, Found] | None = None
    mine = []
    for one in items:
        found = by_address.get(address(one.get("email")) or "")
        if found is None and (key := key_of(one, form)):
            if by_key is None:  # few answers need it
                by_key = {key_of(each.contact, form): each for each in reversed(answers)}
            found = by_key.get(key)
        if found is None and len(items) == len(answers) == 1:
            found = answers[0]._replace(linked=not answers[0].created)
        mine.append(found)
    return mine


def contact_id(contact: Contact) -> str:
    """The id, or "" for what has none that could be put in a path."""
    found = contact.get("id")
    return found if isinstance(found, str) and _ID.fullmatch(found) else ""


def addresses(contact: Contact) -> set[str]:
    """Every address of a contact, as compared."""
    more = contact.get("contact_emails")
    if not more:
        mail = address(contact.get("email"))
        return {mail} if mail else set()
    held = [contact.get("email")]
    held += [each.get("email") for each in more if isinstance(each, dict)] if isinstance(more, list) else []
    return {mail for mail in map(address, held) if mail}


def key_of(contact: Contact, form: Shape) -> str | None:
    """The lead key that a contact carries."""
    custom = contact.get(CUSTOM)
    if form.key is None or not isinstance(custom, dict):
        return None
    found = custom.get(form.key.id)
    return None if found is None else str(found)


def lacks_key(contact: Contact, form: Shape) -> bool:
    """True if a new contact shows its custom fields, and the field of the lead key is none of them."""
    custom = contact.get(CUSTOM)
    return form.key is not None and isinstance(custom, dict) and form.key.id not in custom


def is_anothers(contact: Contact, person: str, form: Shape) -> bool:
    """True if a contact bears the lead key of another person: it is not this one's, whatever else they share."""
    return (key_of(contact, form) or person) != person


def is_same(contact: Contact, wanted: Contact, form: Shape) -> bool:
    """True if a contact that a search found is the one that was sent.

    The lead key decides. A contact that lost it, with the custom field that somebody deleted, has the person's profile
    on LinkedIn or on X.
    """
    key = key_of(wanted, form)
    if key is not None and (held := key_of(contact, form)):
        return held == key
    return bool(_profiles(contact) & _profiles(wanted))


def _profiles(contact: Contact) -> set[str]:
    """The pages of a person that a contact names, each in one form."""
    profile, x = contact.get("linkedin_url"), contact.get("twitter_url")
    found = {linkedin(profile)} if isinstance(profile, str) and profile.strip() else set()
    if isinstance(x, str) and (known := _X.fullmatch(x.strip())):
        found.add(f"https://x.com/{known[1].lower()}")
    return found


def changes(
    contact: Contact, wanted: Contact, form: Shape, fields: Mapping[str, Field], *, ours: bool
) -> dict[str, Any]:
    """Choose the fields to write on a contact that is there already.

    Args:
        contact: as Apollo has it.
        wanted: as `item` would create it.
        form: the mapping's shape.
        fields: the mapping with its policies.
        ours: syncd made it, so that `always` may overwrite. On anybody else's contact only what is empty is filled,
            and neither the address nor the lead key is touched.
    """
    names = {field.id: name for name, field in form.custom.items()}
    held = contact.get(CUSTOM)
    chosen = {
        name: value
        for name, value in wanted.items()
        if name in STANDARD
        and _wants(_policy(fields, name), contact.get(name, _ABSENT), value, name, ours=ours)
    }
    if contact.get("phone_numbers"):
        chosen.pop("phone", None)
    custom = {
        id_: value
        for id_, value in wanted.get(CUSTOM, {}).items()
        if id_ in names
        and (form.key is None or id_ != form.key.id)
        and _wants(
            _policy(fields, names[id_]),
            held.get(id_) if isinstance(held, dict) else _ABSENT,
            value,
            names[id_],
            ours=ours,
        )
    }
    return {**chosen, CUSTOM: custom} if custom else chosen


_ABSENT = object()
"""The value of a field that an answer leaves out. Such a field is not empty: a bulk create may show a part of a contact."""


def _policy(fields: Mapping[str, Field], name: str) -> str:
    return fields[name].policy if name in fields else "if_empty"


def _wants(policy: str, held: object, value: object, name: str, *, ours: bool) -> bool:
    if policy == "create_only" or (name == "email" and not ours):
        return False
    if held is _ABSENT:
        return ours and policy == "always"
    if held in (None, "", []):
        return True
    same = linkedin(str(held)) == value if name == "linkedin_url" else _alike(_text(held), _text(value))
    return ours and policy == "always" and not same


def _alike(held: str, value: str) -> bool:
    """A number is kept as text, and may be shown as a number."""
    if held == value:
        return True
    try:
        return float(held) == float(value)
    except ValueError:
        return False
