"""Apollo's calls, each as a method: the shell between the connector and the HTTP client.

Every call looks at the windows first and notes the headers after, so that a limit is met by waiting. Endpoints and
their scopes: https://docs.apollo.io/reference/contacts and the pages beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from connectors.apollo.errors import AbsentError, Endpoint, RemovedError, limited, read, unexpected
from connectors.apollo.identity import Contact, CustomField, contact_id, label_key
from connectors.apollo.rate_limit import Windows
from syncd.connector import Clock, Halt, Pause, Refused
from syncd.http.kit import LateClient

CREATE = Endpoint("contacts/bulk_create", "POST", "/contacts/bulk_create", writes=True)
SHOW = Endpoint("contacts/show", "GET", "/contacts/{}", one=True)
UPDATE = Endpoint("contacts/update", "PATCH", "/contacts/{}", writes=True, one=True)
BULK_UPDATE = Endpoint("contacts/bulk_update", "POST", "/contacts/bulk_update", writes=True)
SEARCH = Endpoint("contacts/search", "POST", "/contacts/search")
FIELDS = Endpoint("fields/index", "GET", "/fields")
MAKE_FIELD = Endpoint("fields/create", "POST", "/fields")
LISTS = Endpoint("labels/index", "GET", "/labels")
MAKE_LIST = Endpoint("labels/create", "POST", "/labels")
ADD_TO_LISTS = Endpoint(
    "labels/add_entity_ids_to_label_names", "POST", "/labels/add_entity_ids_to_label_names"
)

NOBODY = "0" * 24
"""The id of no contact."""
NOT_ALLOWED = frozenset(
    {"apollo_key_refused", "apollo_scope_missing", "apollo_plan", "apollo_permission", "apollo_forbidden"}
)
PAGE = 100
ODD_ANSWERS = 3
"""Good statuses with something else in them, in a row, before the lane halts."""


class Page(NamedTuple):
    """One page of a search. `more`: there are further ones."""

    contacts: list[Contact]
    more: bool


class Api:
    """Every method raises Pause, Halt or Refused as `errors` lists; those of one contact its two signals too."""

    def __init__(self, client: LateClient, clock: Clock) -> None:
        """`client`: closed with this."""
        self._client, self._clock = client, clock
        self._windows = Windows()
        self._odd: dict[str, int] = {}

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def create(
        self, items: Sequence[Contact], labels: Sequence[str], owner_id: str
    ) -> tuple[list[Contact], list[Contact]]:
        """Create contacts, at most 100; those created, and those that were there, unchanged."""
        body = {"contacts": list(items), "run_dedupe": True}
        optional = {"append_label_names": list(labels), "owner_id": owner_id}
        found = self._ask(CREATE, body | {name: value for name, value in optional.items() if value})
        were = found.get("existing_contacts")
        made = self._list(CREATE, found if isinstance(were, list) else {}, "created_contacts")
        return made, self._list(CREATE, found, "existing_contacts")

    def show(self, id_: str) -> Contact:
        """One contact. Raises AbsentError."""
        return self._contact(SHOW, self._ask(SHOW, None, id_), id_)

    def update(self, id_: str, changes: Contact) -> Contact:
        """Change one contact. Raises AbsentError or RemovedError."""
        return self._contact(UPDATE, self._ask(UPDATE, dict(changes), id_), id_)

    def permitted(self, endpoint: Endpoint) -> None:
        """Ask for nothing: the answer shows whether the key may. Raises Pause, or Halt if it may not."""
        body: dict[str, Any] | None = (
            {"contacts": []} if endpoint == CREATE else {} if endpoint.writes else None
        )
        try:
            self._ask(endpoint, body, NOBODY)
        except Halt as why:
            if why.code in NOT_ALLOWED:
                raise
        except (Refused, AbsentError, RemovedError):
            return

    def update_all(self, changes: Mapping[str, Contact]) -> dict[str, Contact]:
        """Change contacts by id, at most 100, which Apollo does before it answers; those that it shows, by id."""
        body = {"contact_attributes": [{"id": id_, **one} for id_, one in changes.items()]}
        shown = self._ask(BULK_UPDATE, body).get("contacts")
        shown = shown if isinstance(shown, list) else []
        return {contact_id(each): each for each in shown if isinstance(each, dict)}

    def search(self, keywords: str, list_id: str | None, page: int) -> Page:
        """The newest contacts of a list (None: of all). An empty `keywords` asks for any."""
        body = {
            "sort_by_field": "contact_created_at",
            "sort_ascending": False,
            "page": page,
            "per_page": PAGE,
        }
        narrowed = {"q_keywords": keywords, "contact_label_ids": [list_id] if list_id else None}
        found = self._ask(SEARCH, body | {name: value for name, value in narrowed.items() if value})
        hits, pages = self._list(SEARCH, found, "contacts"), found.get("pagination")
        total = pages.get("total_pages") if isinstance(pages, dict) else None
        more = total > page if isinstance(total, int) else len(hits) >= PAGE
        return Page(hits, more)

    def fields(self) -> dict[str, CustomField]:
        """The custom fields of contacts, by `label_key`."""
        found = self._list(FIELDS, self._ask(FIELDS, None, query={"source": "custom"}), "fields")
        known = {}
        for each in reversed(found):  # of two that are alike the first is taken
            # The list has `contact.ID`; contacts are read and written by the bare id.
            id_ = str(each.get("id")).removeprefix("contact.")
            label = each.get("label")
            if each.get("modality") == "contact" and isinstance(label, str) and contact_id({"id": id_}):
                known[label_key(label)] = CustomField(id_, str(each.get("type")))
        return known

    def make_field(self, label: str, type_: str) -> None:
        """Make a custom field of contacts."""
        self._ask(MAKE_FIELD, {"label": label, "modality": "contact", "type": type_})

    def lists(self) -> dict[str, str]:
        """The ids of the lists of contacts, by name in lower case."""
        found = self._list(LISTS, self._ask(LISTS, None, array="labels"), "labels")
        return {
            str(each.get("name")).casefold(): contact_id(each)
            for each in found
            if each.get("modality") in ("contacts", None) and contact_id(each)
        }

    def make_list(self, name: str) -> None:
        """Make an empty list of contacts."""
        self._ask(MAKE_LIST, {"name": name, "modality": "contacts"})

    def add_to_lists(self, ids: Sequence[str], names: Sequence[str]) -> None:
        """Put contacts on lists without taking them off others."""
        self._ask(
            ADD_TO_LISTS,
            {"entity_ids": list(ids), "label_names": list(names), "modality": "contacts", "async": False},
        )

    def _ask(
        self,
        endpoint: Endpoint,
        body: dict[str, Any] | None,
        id_: str = "",
        *,
        query: dict[str, str] | None = None,
        array: str = "",
    ) -> dict[str, Any]:
        """`array`: the name to give an answer that is an array and no object."""
        if rest := self._windows.rest(endpoint.scope, self._clock.monotonic()):
            raise limited(endpoint, rest)
        answer = self._client.send(endpoint.method, endpoint.path.format(id_), json=body, query=query or {})
        self._windows.observe(endpoint.scope, answer.headers, self._clock.monotonic())
        if array and answer.status == 200 and answer.body.lstrip()[:1] == b"[":  # noqa: PLR2004 - OK
            answer = replace(answer, body=b'{"%s":%s}' % (array.encode(), answer.body))
        try:
            return read(endpoint, answer, body, self._clock.now(), id_)
        except Pause as why:
            # A refusal may be a firewall's, for what one contact holds: it is not counted here
            if why.code == "apollo_unexpected_answer" and answer.status < 300:  # noqa: PLR2004 - a good status
                raise self._counted(endpoint, why) from None
            raise

    def _contact(self, endpoint: Endpoint, found: Mapping[str, Any], id_: str) -> Contact:
        contact = found.get("contact")
        if not isinstance(contact, dict) or contact_id(contact) != id_:
            raise self._counted(endpoint, unexpected(endpoint, "is not about the contact that was asked for"))
        self._odd.pop(endpoint.scope, None)
        return contact

    def _list(self, endpoint: Endpoint, found: Mapping[str, Any], name: str) -> list[Contact]:
        """The objects of a list that an answer must have."""
        listed = found.get(name)
        if not isinstance(listed, list):
            raise self._counted(endpoint, unexpected(endpoint, f"lacks the list {name}"))
        self._odd.pop(endpoint.scope, None)
        return [each for each in listed if isinstance(each, dict)]

    def _counted(self, endpoint: Endpoint, why: Pause) -> Exception:
        """The pause, or a halt after several in a row: waiting has not helped."""
        count = self._odd.pop(endpoint.scope, 0) + 1
        if count < ODD_ANSWERS:
            self._odd[endpoint.scope] = count
            return why
        detail = f"{count} answers in a row were none of Apollo's: {why.detail}"
        return Halt("apollo_unexpected_answer", detail)
