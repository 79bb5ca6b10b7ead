"""`syncd map`: what would be sent, before anything is: each field with its policy, and why some are left out.

It needs no credentials and no ledger, so that a mapping can be reviewed where neither is. Whoever asks sees the data of
the leads it is shown for, as with `syncd lead`.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.app.privileges import settings_in_force
from syncd.cli.context import unknown
from syncd.cli.exits import Exit, complain
from syncd.cli.output import say, say_json, say_table
from syncd.clock import SystemClock
from syncd.core.lead import LARGEST_ID
from syncd.settings import Settings, SettingsError

if TYPE_CHECKING:
    from syncd.cli.prepare.draft_mappings import Drawn
    from syncd.core.lead import Lead
    from syncd.mapping import Labels

FEW = 3
"""Leads that are shown when none is asked for."""

_NUMBERED = {"stream_name": "stream_id", "segment_name": "segment_id", "account_handle": "account_id"}
"""A name, and the number that it is the name of."""

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def map_(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The connector; without it, every one.")] = "",
    lead: Annotated[
        int | None,
        typer.Option("--lead", min=1, max=LARGEST_ID, metavar="ID", help="For this lead of the ledger."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only say what is wrong; exits with 78 if something is.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False,
) -> int:
    """What would be sent to a connector, for a lead: each field with its policy, and what `where` says."""
    settings = settings_in_force(context.obj, keyless=True)
    if name and name not in settings.connectors:
        raise unknown("connector", name, settings.connectors)
    from syncd.cli.prepare.draft_mappings import drawn  # noqa: PLC0415 - Jinja2 and the connectors' classes

    if not settings.connectors:
        raise SettingsError(f"{settings.provenance.name}: connectors: there is none, so nothing is mapped")
    ready, mistakes = drawn(settings, name)
    if not check and mistakes:
        raise SettingsError(*mistakes)
    if check:
        return _checked(ready, mistakes, as_json=as_json)
    if lead is not None and not settings.state.path.exists():
        complain(f"There is no ledger at {settings.state.path}, so no lead {lead} either.")
        return Exit.REJECTED
    told = [_told(it, _seen_for(settings, it, lead)) for it in ready.values()]
    if as_json:
        say_json(told)
    else:
        for one in told:
            _show(one)
    if lead is not None and not any(one["leads"] for one in told):
        complain(f"The ledger holds no lead {lead} of a source that delivers there.")
        return Exit.REJECTED
    return Exit.DONE


@dataclass(frozen=True, slots=True)
class _Seen:
    """A lead to show a mapping for. `lead` None: its payload is no longer kept."""

    key: str
    lead: "Lead | None"
    labels: "Labels"
    enrichment: dict[str, Any] | None
    made_up: bool = False


def _seen_for(settings: Settings, it: "Drawn", lead_id: int | None) -> list[_Seen]:
    """The lead that was asked for, else the newest few, else a made-up one."""
    name = it.draft.name
    sources = [source for source in settings.sources if name in settings.connectors_of(source)]
    found = _stored(settings, sources, lead_id) if settings.state.path.exists() else []
    if found or lead_id is not None:
        return found
    from syncd.cli.prepare.sample import ENRICHED, NAMES, sample  # noqa: PLC0415

    made_up = sample(sources[0] if sources else "main")
    return [_Seen(str(made_up.key), made_up, NAMES, dict(ENRICHED), made_up=True)]


def _stored(settings: Settings, sources: Sequence[str], lead_id: int | None) -> list[_Seen]:
    from syncd.ledger import Ledger  # noqa: PLC0415 - CI has none, and need not wait for it
    from syncd.ledger.labels import load_names  # noqa: PLC0415
    from syncd.ledger.leads import examples  # noqa: PLC0415
    from syncd.mapping import Labels  # noqa: PLC0415

    with Ledger.open_to_read(settings.state.path) as ledger, ledger.read() as connection:
        if lead_id is None:
            rows = examples.newest(connection, sources, FEW)
        else:
            rows = examples.of_id(connection, sources, lead_id)
        labels = {source: Labels(*load_names(connection, source)) for source in {row.source for row in rows}}
    return [_seen(row, labels[row.source]) for row in rows]


def _seen(row: Any, labels: "Labels") -> _Seen:
    from syncd.core.lead import read_lead  # noqa: PLC0415 - as above

    try:
        lead = read_lead(row.source, row.payload) if row.payload is not None else None
    except ValueError:
        lead = None
    enrichment = json.loads(row.enrichment) if row.enrichment else None
    return _Seen(str(lead.key) if lead else "", lead, labels, enrichment)


def _told(it: "Drawn", leads: Sequence[_Seen]) -> dict[str, Any]:
    return {
        "connector": it.draft.name,
        "type": it.draft.type,
        "mapping": "default" if it.draft.by_default else "fields",
        "where": it.draft.condition,
        "leads": [_one(it, seen) for seen in leads],
    }


def _one(it: "Drawn", seen: _Seen) -> dict[str, Any]:
    from syncd.cli.prepare.draft_mappings import judged, shown  # noqa: PLC0415
    from syncd.mapping import variables  # noqa: PLC0415

    if seen.lead is None:
        gone = "its personal data is no longer kept, so nothing would be sent"
        return {"lead": None, "made_up": False, "verdict": "set aside", "code": "payload_gone", "detail": gone,
                "fields": []}  # fmt: skip
    uses = it.uses | frozenset(_NUMBERED.values())
    values = variables(seen.lead, seen.labels, seen.enrichment, uses, SystemClock().now())
    verdict, fields = judged(it, values), shown(it, values)
    failed = next((one.left_out for one in fields if one.failed), "")
    said = "set aside" if verdict.code else "wanted" if verdict.wanted else "unwanted"
    code, detail = verdict.code, verdict.detail
    unnamed = [
        name for name, number in _NUMBERED.items() if values.get(name) is None and values[number] is not None
    ]
    if not it.where.uses.isdisjoint(unnamed):
        said, code, detail = "waiting", "name_unknown", "its `where` needs a name that CTGO has not told yet"
    elif verdict.wanted and failed:
        said, code, detail = "set aside", "mapping_failed", failed
    key = seen.lead.key
    return {
        "lead": {
            "source": key.source,
            "id": key.id,
            "stream_id": key.stream_id,
            "segment_id": key.segment_id,
        },
        "made_up": seen.made_up,
        "verdict": said,
        "code": code,
        "detail": detail,
        "fields": [asdict(one) for one in fields],
    }


def _show(told: dict[str, Any]) -> None:
    mapping = "its default mapping" if told["mapping"] == "default" else "the fields table"
    say(f"connector {told['connector']} ({told['type']}): {mapping}, where: {told['where'] or 'every lead'}")
    for one in told["leads"]:
        say()
        why = f": {one['detail']} ({one['code']})" if one["code"] else ""
        say(f"{_called(one)}: {one['verdict']}{why}")
        if one["fields"]:
            rows = [(it["name"], it["policy"], _text(it)) for it in one["fields"]]
            say_table(("field", "policy", "value"), rows)
    say()


def _called(one: dict[str, Any]) -> str:
    lead = one["lead"]
    if lead is None:
        return "a lead"
    made_up = " (made up, with everything that CTGO and enriching may know)" if one["made_up"] else ""
    return f"lead {lead['id']}/{lead['stream_id']}/{lead['segment_id']} of {lead['source']}{made_up}"


def _text(field: dict[str, Any]) -> str:
    if field["left_out"]:
        return f"- left out: {field['left_out']}"
    value = field["value"]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _checked(ready: dict[str, "Drawn"], mistakes: list[str], *, as_json: bool) -> int:
    """Say what is wrong: what was found when compiling, and what not even a lead that has everything makes right."""
    from syncd.cli.prepare.draft_mappings import judged  # noqa: PLC0415
    from syncd.cli.prepare.sample import ENRICHED, NAMES, sample  # noqa: PLC0415
    from syncd.mapping import variables  # noqa: PLC0415

    now = SystemClock().now()
    notes = []
    for it in ready.values():
        whole = variables(sample("main"), NAMES, ENRICHED, it.uses, now)
        mistakes += _refused(it, whole)
        bare = judged(it, variables(sample("main", bare=True), names=it.uses, now=now))
        if bare.code and not judged(it, whole).code:
            notes.append(
                f"connector {it.draft.name}: a lead that lacks something would be set aside: {bare.detail}"
            )
    if as_json:
        say_json({"ok": not mistakes, "mistakes": mistakes, "notes": notes, "connectors": list(ready)})
        return Exit.CONFIG if mistakes else Exit.DONE
    if mistakes:
        raise SettingsError(*mistakes)
    for it in ready.values():
        say(f"connector {it.draft.name}: {len(it.fields)} fields and its `where` can be evaluated")
    for note in notes:
        say(note)
    return Exit.DONE


def _refused(it: "Drawn", values: dict[str, object]) -> list[str]:
    from syncd.cli.prepare.draft_mappings import judged, shown  # noqa: PLC0415

    details = [one.left_out for one in shown(it, values) if one.failed]
    verdict = judged(it, values)
    if verdict.code:
        details.append(verdict.detail)
    return [
        f"connectors.{it.draft.name}: {detail}, also for a lead that has everything" for detail in details
    ]
