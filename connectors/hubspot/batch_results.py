"""The parts of an answer, each given to its row. Pure.

HubSpot may answer in another order than it was asked, with addresses in lower case, and with or without the
trace ids: nothing is ever matched by its place, and what is not mentioned is not done.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from connectors.hubspot.errors import Json, row_errors
from connectors.hubspot.identity import Aim, Contact, Kind
from connectors.hubspot.options import KEY


def contacts_of(body: Json) -> list[Contact]:
    """The `results` that have an id."""
    listed = body.get("results")
    found = []
    for each in listed if isinstance(listed, list) else []:
        if isinstance(each, Mapping) and each.get("id"):
            properties = each.get("properties")
            found.append(Contact(str(each["id"]), properties if isinstance(properties, Mapping) else {}))
    return found


def found_for(aims: Sequence[Aim], contacts: Sequence[Contact]) -> dict[int, Contact]:
    """Return the contacts of a read by the place of their row."""
    known: dict[tuple[Kind, str], Contact] = {}
    for contact in contacts:
        known |= {("id", old): contact for old in contact.merged}
    for contact in contacts:
        known["id", contact.id] = contact
        if key := contact.has(KEY):
            known["key", key] = contact
        for email in contact.emails:
            known["email", email] = contact
    if len(aims) == len(contacts) == 1:  # whatever it is known by
        return {aims[0].row.place: contacts[0]}
    return {aim.row.place: known[aim.kind, aim.id] for aim in aims if (aim.kind, aim.id) in known}


def absent(aims: Sequence[Aim], body: Json) -> bool:
    """True if a read says of all of them that there is no such contact, and does not just leave them out."""
    errors = row_errors(body)
    if not errors or any(error.get("category") != "OBJECT_NOT_FOUND" for error in errors):
        return False
    said: set[str] = set()
    for error in errors:
        context = error.get("context")
        ids = context.get("ids") if isinstance(context, Mapping) else None
        said.update(str(each).strip().lower() for each in (ids if isinstance(ids, list) else ()))
    if not said:
        return body.get("numErrors") == len(aims)
    return all(aim.id.lower() in said for aim in aims)


@dataclass(frozen=True, slots=True)
class Sorted:
    """A write's answer by place.

    Args:
        done: the contacts' ids.
        failed: the errors.
        unsaid: rows that it does not mention.
        stray: it mentions something that is nobody's.
        born: the ids of new contacts, whosever they are.
    """

    done: Mapping[int, str]
    failed: Mapping[int, Json]
    unsaid: frozenset[int]
    stray: bool
    born: frozenset[str]


def sorted_out(aims: Sequence[Aim], body: Json) -> Sorted:
    """Sort a write's answer: the rows that were written, and those that were not, and why."""
    failed, stray = _failed(aims, body)
    results = body.get("results")
    listed = [each for each in results if isinstance(each, Mapping)] if isinstance(results, list) else []
    listed = [each for each in listed if each.get("id")]
    names = {name: aim for aim in aims if aim.row.place not in failed for name in _names(aim)}
    alone = len(aims) == len(listed) == 1 and not failed
    done: dict[int, str] = {}
    for each in listed:
        aim = next((names[name] for name in _names_of(each) if name in names), None)
        if aim is None and alone and not each.get("objectWriteTraceId"):
            aim = aims[0]
        if aim is None or aim.row.place in done:
            stray = True
        else:
            done[aim.row.place] = str(each["id"])
    unsaid = frozenset(aim.row.place for aim in aims) - done.keys() - failed.keys()
    born = frozenset(str(each["id"]) for each in listed if each.get("new") is True)
    return Sorted(done, failed, unsaid, stray, born)


def _failed(aims: Sequence[Aim], body: Json) -> tuple[dict[int, Json], bool]:
    """The errors by place, and whether there are some that name no row."""
    errors = row_errors(body)
    if len(aims) == 1 and errors:
        return {aims[0].row.place: errors[0]}, False
    places = {aim.row.trace: aim.row.place for aim in aims}
    failed: dict[int, Json] = {}
    stray = False
    for error in errors:
        context = error.get("context")
        traces = context.get("objectWriteTraceId") if isinstance(context, Mapping) else None
        named = [t for t in traces if isinstance(t, str)] if isinstance(traces, list) else []
        mine = [places[t] for t in named if t in places]
        failed |= dict.fromkeys(mine, error)
        stray = stray or not mine
    counted = body.get("numErrors")
    return failed, stray or (isinstance(counted, int) and counted > len(failed))


def _names(aim: Aim) -> tuple[tuple[str, str], ...]:
    """By what a result may be known as this row's."""
    return (("trace", aim.row.trace), (aim.kind, aim.id), ("key", aim.row.delivery.person))


def _names_of(result: Json) -> Iterator[tuple[str, str]]:
    yield "trace", str(result.get("objectWriteTraceId", ""))
    yield "id", str(result["id"])
    properties = result.get("properties")
    if isinstance(properties, Mapping):
        yield "key", str(properties.get(KEY) or "")
        yield "email", str(properties.get("email") or "").strip().lower()
