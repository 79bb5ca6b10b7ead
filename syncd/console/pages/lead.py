"""One lead: where it is, place by place, and what happened, in order of time. Pure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from syncd.console.words import trouble_of, type_name
from syncd.settings import Settings
from syncd.verbs.lead import Attempt, KnownDelivery, KnownLead

_PROFILE = {"handle": "Handle", "displayName": "Name", "followerCount": "Followers", "bio": "Bio"}
_TONES = {"delivered": "good", "rejected": "bad", "pending": "wait"}
_WORDS = {"delivered": "Delivered", "rejected": "Set aside", "pending": "Waits", "dropped": "Dropped"}


class Place(NamedTuple):
    """A place that the lead goes to. `record`: its id there; `url`: of the record, None if it is not known."""

    name: str
    type: str
    tone: str
    stands: str
    said: str
    record: str
    url: str | None
    code: str


class Event(NamedTuple):
    """Something that happened. `at`: None for what waits still."""

    at: float | None
    tone: str
    what: str
    code: str
    said: str


class LeadPage(NamedTuple):
    """One row of a lead. `facts`: of the person, none for a viewer."""

    title: str
    about: str
    where: str
    places: Sequence[Place]
    events: Sequence[Event]
    facts: Sequence[tuple[str, str]]
    row: KnownLead


def lead_page(row: KnownLead, settings: Settings, *, masked: bool) -> LeadPage:
    """Make the page. `masked`: without the person, and what a remote said."""
    facts = [] if masked else list(_facts(row))
    name = next((text for title, text in facts if title == "Name"), "")
    labels = [] if masked else [it for it in (row.stream_name, row.segment_name) if it]
    places = [_place(it, settings, masked=masked) for it in row.deliveries]
    there = sum(it.state == "delivered" for it in row.deliveries)
    many = len(row.deliveries)
    where = f"in {there} of {many} place{'' if many == 1 else 's'}, {_told(row)}"
    return LeadPage(
        name or f"Lead {row.id}",
        " · ".join((f"Lead {row.id} of {row.source}", row.state, *labels)),
        where,
        [*places, _export(row, masked=masked)],
        sorted(_events(row, masked=masked), key=lambda it: (it.at is None, it.at)),
        facts,
        row,
    )


def _told(row: KnownLead) -> str:
    told = row.export is not None and row.export.state == "delivered"
    return "and CTGO was told" if told else "and CTGO was not told"


def _facts(row: KnownLead) -> Iterator[tuple[str, str]]:
    profile = row.payload.get("profile") if isinstance(row.payload, dict) else None
    for key, title in _PROFILE.items():
        if isinstance(profile, dict) and profile.get(key) not in (None, ""):
            yield title, f"{profile[key]}"
    email = row.enrichment.get("email") if isinstance(row.enrichment, dict) else None
    if isinstance(email, dict) and email.get("address"):
        yield "Email", f"{email['address']}"
    if row.person:
        yield "X id", row.person


def _place(it: KnownDelivery, settings: Settings, *, masked: bool) -> Place:
    type_ = settings.connectors[it.connector].type if it.connector in settings.connectors else ""
    stands = "Held by the gate" if it.held else _WORDS.get(it.state, it.state)
    said = trouble_of(it.code, type_) if masked or not it.detail else it.detail
    tone = _TONES.get(it.state, "none")
    return Place(
        it.connector, type_name(type_), tone, stands, said, it.remote_id or "", it.url, it.code if it.state == "rejected" else ""
    )  # fmt: skip


def _export(row: KnownLead, *, masked: bool) -> Place:
    if row.export is None:
        return Place("CTGO", "export", "none", "Not owed yet", "", "", None, "")
    it = row.export
    said = trouble_of(it.code) if masked or not it.detail else it.detail
    return Place(
        "CTGO", "export", _TONES.get(it.state, "none"), _WORDS.get(it.state, it.state), said, "", None, ""
    )


def _events(row: KnownLead, *, masked: bool) -> Iterator[Event]:
    if row.discovered_at:
        yield Event(row.discovered_at, "good", "CTGO found it", "", "")
    yield Event(row.ingested_at, "good", "Taken into the ledger", "", "")
    tried: list[tuple[str, Attempt]] = [(it.connector, it) for it in row.deliveries]
    for name, it in [*tried, *([("CTGO", row.export)] if row.export else [])]:
        yield _event(name, it, masked=masked)
    if row.settled_at is not None:
        yield Event(row.settled_at, "none", f"Done: {row.state}", "", "" if masked else row.detail)


def _event(name: str, it: Attempt, *, masked: bool) -> Event:
    told = "CTGO was told that it is exported" if name == "CTGO" else f"Delivered to {name}"
    words = {"delivered": told, "rejected": f"{name} refused it", "pending": f"Waits for {name}"}
    what = words.get(it.state, f"{name}: {it.state}")
    tries = f"{it.attempts} {'try' if it.attempts == 1 else 'tries'}" if it.attempts else ""
    said = ". ".join(filter(None, (tries, "" if masked else it.detail)))
    return Event(it.settled_at, _TONES.get(it.state, "none"), what, it.code, said)
