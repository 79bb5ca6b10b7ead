"""Looking for a contact that is there already, because no dedupe of Apollo's knows a lead without an address again.

A lead that was never sent, as far as the ledger knows, is looked for once: the ledger may have been lost, or the
connector renamed. One that an earlier call may have written needs more, for search shows a new contact late, and how
late is unknown. So only two look-ups that find nothing, some minutes apart and both after the last time it was sent,
mean that it was not written. When a person was first looked for is remembered here and nowhere else: after a restart
nobody was, and the two begin anew.
Source: https://docs.apollo.io/reference/search-for-contacts, where an unknown filter is silently ignored, so
that every hit is looked at again.
"""

from collections.abc import Sequence

from connectors.apollo.api import Api
from connectors.apollo.identity import Contact, Shape, contact_id, is_same
from connectors.apollo.options import Settings
from syncd.connector import Clock, Retry

LOOK_AGAIN_SECONDS = 240.0
"""Between the two look-ups."""
PAGES = 2
"""Of a hundred each, the newest first."""
KEPT = 10_000
"""Persons remembered."""


class Search:
    """Looks, and knows how often it has looked."""

    def __init__(self, api: Api, settings: Settings, clock: Clock) -> None:
        """`api`: opened."""
        self._api, self._settings, self._clock = api, settings, clock
        self._list_id = ""
        self._first: dict[str, float] = {}

    def forget(self, person: str) -> float | None:
        """It was found, or is about to be sent: the next look-up is a first one. What `restore` takes."""
        return self._first.pop(person, None)

    def restore(self, person: str, first: float | None) -> None:
        """It was not sent after all."""
        if first is not None:
            self._first[person] = first

    def look_up(self, person: str, wanted: Contact, form: Shape) -> str | Retry | None:
        """The contact's id; or when to look again; or None: it was not written. Raises Pause or Halt.

        The name is searched among all contacts, for a person may have taken the contact off the list.
        """
        name, newest = _name(wanted), ("", self._found_list())
        found, clear = self._sought(wanted, form, [(name, ""), newest] if name else [newest])
        if found:
            return found
        if not clear:
            return Retry("apollo_look_up_unclear", "a search ignored its filter", after=LOOK_AGAIN_SECONDS)
        now = self._clock.monotonic()
        left = self._first.setdefault(person, now) + LOOK_AGAIN_SECONDS - now
        if len(self._first) > KEPT:
            del self._first[next(iter(self._first))]
        if left <= 0:
            return None
        return Retry(
            "apollo_not_found_yet", "an earlier call may have written it, and it is not found", after=left
        )

    def once(self, wanted: Contact, form: Shape) -> str:
        """The contact's id, or "". Mostly one request: by the name, or where there is none, on the list.

        A search that ignored its filter counts as one that found nothing. Raises Pause or Halt.
        """
        name = _name(wanted)
        return self._sought(wanted, form, [(name, "") if name else ("", self._found_list())])[0]

    def _sought(self, wanted: Contact, form: Shape, places: Sequence[tuple[str, str]]) -> tuple[str, bool]:
        """Search `places`, each keywords and a list's id: a contact's id or "", and if nothing means nothing."""
        clear = True
        for keywords, among in places:
            for number in range(1, PAGES + 1):
                page = self._api.search(keywords, among or None, number)
                for hit in page.contacts:
                    if is_same(hit, wanted, form) and contact_id(hit):
                        return contact_id(hit), True
                if not page.more:
                    break
                clear = clear and (not among or all(_on(hit, among) for hit in page.contacts))
        return "", clear

    def _found_list(self) -> str:
        """The id of the first list; "" while there is none, and so nothing on it."""
        if not self._list_id:
            self._list_id = self._api.lists().get(self._settings.options.labels[0].casefold(), "")
        return self._list_id


def _name(contact: Contact) -> str:
    return " ".join(str(contact[part]) for part in ("first_name", "last_name") if part in contact)


def _on(contact: Contact, list_id: str) -> bool:
    held = contact.get("label_ids")
    return isinstance(held, list) and list_id in held
