"""The contacts of the fake Apollo: what `run_dedupe` matches, what an update does, what a search shows and when."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

Contact = dict[str, Any]

ITEM_FIELDS = frozenset(
    "first_name last_name email title primary_title organization_name phone present_raw_address linkedin_url"  # noqa: SIM905 - a list takes a line for each
    " twitter_url facebook_url photo_url account_id organization_id contact_stage_id salesforce_id hubspot_id"
    " salesforce_lead_id salesforce_contact_id salesforce_account_id outreach_id salesloft_id typed_custom_fields"
    " contact_emails phone_numbers contact_role_type_ids website_url".split()
)


ABSENT = "Oops! This contact does not exist in Apollo."
REMOVED = "This contact has been deleted."
HIDDEN = "You are not authorized to view this page."


class InvalidError(Exception):
    """A 422: what Apollo says, and its details."""

    def __init__(self, error: str, **details: object) -> None:
        super().__init__(error)
        self.body: dict[str, object] = {"error": error, **details}


class Book:
    """A team's contacts, lists and custom fields. `now`: wall seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.contacts: dict[str, Contact] = {}
        self.deleted: set[str] = set()
        self.hidden: set[str] = set()
        """Contacts that the key's user may not view."""
        self.labels: dict[str, str] = {}
        self.fields: dict[str, dict[str, Any]] = {}
        self.poisoned: set[str] = set()
        self.lag = 0.0
        self.ignored: set[str] = set()
        """Fields that a change leaves as they are, without a word."""
        self.drops_unknown = False
        """Custom fields that are not there are left out, and not refused: the page says neither."""
        self._made_at: dict[str, float] = {}
        self.drops_filters = False
        self._count = 0

    def id(self, prefix: str) -> str:
        """Return a new id."""
        self._count += 1
        return f"{prefix}{self._count:023x}"

    def label(self, name: str) -> str:
        """The id of a list, which is made if there is none."""
        return (
            self.labels.setdefault(name, "") or self.labels.update({name: self.id("b")}) or self.labels[name]
        )

    def field(self, label: str, type_: str = "string", modality: str = "contact") -> str:
        """Make a custom field; return its id."""
        id_ = self.id("f")
        self.fields[id_] = {
            "id": id_,
            "label": label,
            "type": type_,
            "modality": modality,
            "source": "custom",
        }
        return id_

    def create(
        self, items: list[Contact], labels: list[str], *, dedupe: bool
    ) -> tuple[list[Contact], list[Contact]]:
        """Bulk create, all or nothing. Raises InvalidError."""
        for item in items:
            self.validate(item)
        created: list[Contact] = []
        existing: list[Contact] = []
        for item in items:
            match = self.match(item) if dedupe else None
            if match is not None:
                existing.append(match)
                continue
            contact = {
                "id": self.id("c"),
                **dict.fromkeys(sorted(ITEM_FIELDS)),
                "contact_emails": [],
                **{name: value for name, value in item.items() if name in ITEM_FIELDS},
                "typed_custom_fields": {
                    id_: value
                    for id_, value in item.get("typed_custom_fields", {}).items()
                    if id_ in self.fields
                },
                "label_ids": [self.label(name) for name in labels],
                "created_at": f"{datetime.fromtimestamp(self.now(), UTC):%Y-%m-%dT%H:%M:%S.000Z}",
            }
            self.contacts[contact["id"]] = contact
            self._made_at[contact["id"]] = self.now()
            created.append(contact)
        return created, existing

    def match(self, item: Contact) -> Contact | None:
        """The first that any rule finds: by address, then by name and company."""
        mail = normal(item.get("email"))
        for contact in self.contacts.values():
            if mail and mail in {normal(one) for one in _mails(contact)}:
                return contact
        name, company = _name(item), str(item.get("organization_name") or "").casefold()
        for contact in self.contacts.values():
            if (
                name
                and company
                and (name, company)
                == (
                    _name(contact),
                    str(contact.get("organization_name") or "").casefold(),
                )
            ):
                return contact
        return None

    def validate(self, item: Contact) -> None:
        """Raises InvalidError for what a contact cannot hold."""
        custom = item.get("typed_custom_fields") or {}
        for id_ in custom:
            if id_ not in self.fields and not self.drops_unknown:
                raise InvalidError(f"Parameters misconfigured. {id_} is not a valid ID")
        if not all(isinstance(value, str) for value in custom.values()):
            raise InvalidError("Values of typed_custom_fields must be strings")
        if self.poisoned & {str(value) for value in custom.values()}:
            raise InvalidError(
                f"{item.get('first_name')} has an invalid title",
                error_details={"field": "title", "message": f"{item.get('email')} is refused"},
            )

    def show(self, id_: str) -> Contact:
        """One, as it is viewed. Raises InvalidError: there is no 404 for contacts."""
        if id_ in self.deleted | self.hidden or id_ not in self.contacts:
            raise InvalidError(REMOVED if id_ in self.deleted else HIDDEN if id_ in self.hidden else ABSENT)
        return self.contacts[id_]

    def update(self, id_: str, changes: Contact) -> Contact:
        """Change one; an empty value clears. Raises InvalidError."""
        if id_ in self.deleted:
            raise InvalidError("Cannot update contact as it is deleted.", deleted_contact_ids=[id_])
        if id_ not in self.contacts:
            raise InvalidError(f"Parameters misconfigured. {id_} is not a valid ID")
        contact = self.contacts[id_]
        self.validate({**contact, **changes})
        custom = {**contact["typed_custom_fields"], **changes.get("typed_custom_fields", {})}
        taken = ITEM_FIELDS - self.ignored
        contact.update({name: value or None for name, value in changes.items() if name in taken})
        contact["typed_custom_fields"] = custom
        if "label_names" in changes:
            contact["label_ids"] = [self.label(name) for name in changes["label_names"]]
        return contact

    def delete(self, id_: str) -> None:
        """A person deletes it in the interface."""
        del self.contacts[id_]
        self.deleted.add(id_)

    def search(self, body: Contact) -> list[Contact]:
        """Return the contacts that the index shows by now, in the order asked for."""
        hits = [one for one in self.contacts.values() if self._made_at[one["id"]] + self.lag <= self.now()]
        if not self.drops_filters:
            wanted = set(body.get("contact_label_ids") or [])
            hits = [one for one in hits if not wanted or wanted & set(one["label_ids"])]
            words = str(body.get("q_keywords") or "").casefold().split()
            hits = [one for one in hits if all(word in _indexed(one) for word in words)]
        if body.get("sort_by_field") == "contact_created_at":
            hits.sort(key=lambda one: self._made_at[one["id"]], reverse=not body.get("sort_ascending", False))
        return hits


def normal(mail: object) -> str:
    """Lower case, and what follows a plus left out."""
    return re.sub(r"\+[^@]*@", "@", str(mail).casefold()) if mail else ""


def _mails(contact: Contact) -> Iterator[object]:
    yield contact.get("email")
    for each in contact.get("contact_emails") or []:
        yield each.get("email")


def _name(contact: Contact) -> str:
    return " ".join(str(contact.get(part) or "") for part in ("first_name", "last_name")).strip().casefold()


def _indexed(contact: Contact) -> str:
    parts = ("first_name", "last_name", "title", "organization_name", "email")
    return " ".join(str(contact.get(part) or "") for part in parts).casefold()
