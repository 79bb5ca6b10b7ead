"""`syncd map`: show the data that a connector would get: each field with its policy, and why some are left out.

It needs no credentials and no ledger, so that a mapping can be reviewed without them. It prints personal data of the leads
that it shows, as `syncd lead` does.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache, partial
from typing import Annotated, Any

import typer

from syncd.app.privileges import settings_in_force
from syncd.cli import toml_text
from syncd.cli.context import AsJson, unknown
from syncd.cli.exits import Exit, complain
from syncd.cli.output import say, say_json, say_table
from syncd.cli.prepare.draft_mappings import (
    ENRICHED,
    NAMES,
    DraftMapping,
    describe_value,
    draft_mappings,
    evaluate,
    judge,
    sample,
)
from syncd.cli.prepare.examples import (
    Example,
    called,
    key_of,
    made_up_example,
    newest_examples,
    stored_examples,
)
from syncd.clock import SystemClock
from syncd.core.failure import Failure
from syncd.core.lead import LARGEST_ID
from syncd.log import redact_values
from syncd.mapping import variables
from syncd.settings import Settings, SettingsError, secret_values

MOST = 10_000
"""Leads that `where` is tried on, at most."""

_NUMBER_OF = {"stream_name": "stream_id", "segment_name": "segment_id", "account_handle": "account_id"}
"""The number that each name belongs to."""


def map_(  # noqa: PLR0917 - Typer passes them by name
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="A connector; without it, all.")] = "",
    lead: Annotated[
        int | None,
        typer.Option("--lead", min=1, max=LARGEST_ID, metavar="ID", help="Show this lead of the ledger."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only report mistakes; exits with 78 if there is one.")
    ] = False,
    toml: Annotated[
        bool, typer.Option("--toml", help="Print the mapping in force as a table for the configuration.")
    ] = False,
    upstream: Annotated[
        bool,
        typer.Option(
            "--upstream", help="Show leads that CTGO lists now: one request, and nothing is stored."
        ),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Show the data that a connector would get for a lead: each field with its policy, and the result of `where`."""
    _refuse_mixed(toml=toml, upstream=upstream, as_json=as_json, others=check or lead is not None)
    settings = _with_connectors(context, name, keyless=not upstream)
    ready, mistakes = draft_mappings(settings, name)
    if not check and mistakes:
        raise SettingsError(*mistakes)
    if check:
        return _checked(ready, mistakes, as_json=as_json)
    if toml:
        return _print_toml(ready)
    if upstream:
        return _show_upstream(settings, ready, as_json=as_json)
    return _show_stored(settings, ready, lead, as_json=as_json)


def _show_stored(
    settings: Settings, ready: Mapping[str, DraftMapping], lead: int | None, *, as_json: bool
) -> int:
    """Show the mappings for the named lead of the ledger, else for the newest few or a made-up one."""
    if lead is not None and not settings.state.path.exists():
        complain(f"There is no ledger at {settings.state.path}, so no lead {lead} either.")
        return Exit.REJECTED
    found = [_document(it, _leads_for(settings, it, lead)) for it in ready.values()]
    for one in found if lead is None else ():
        one["counted"] = _count_wanted(settings, ready[one["connector"]])
    _say(found, as_json=as_json)
    if lead is not None and not any(one["leads"] for one in found):
        complain(f"The ledger holds no lead {lead} of a source that delivers there.")
        return Exit.REJECTED
    return Exit.DONE


def _refuse_mixed(*, toml: bool, upstream: bool, as_json: bool, others: bool) -> None:
    """Raise a usage error for options that do not go together."""
    if toml and (upstream or as_json or others):
        raise typer.BadParameter("stands alone", param_hint="--toml")
    if upstream and others:
        raise typer.BadParameter("takes neither --lead nor --check", param_hint="--upstream")


def _show_upstream(settings: Settings, ready: Mapping[str, DraftMapping], *, as_json: bool) -> int:
    """Show the mappings for leads that CTGO lists now, of the first source that delivers to each connector."""
    settings.require_sources(to_deliver=False)
    redact_values(secret_values(settings))
    from syncd.cli.campaigns.session import complain_of, exit_of  # noqa: PLC0415
    from syncd.cli.prepare.upstream_examples import upstream_examples  # noqa: PLC0415 - a client and a database

    ask = cache(partial(upstream_examples, settings))
    found = []
    for it in ready.values():
        source = next((s for s in settings.sources if it.draft.name in settings.connectors_of(s)), "")
        try:
            found.append(_document(it, ask(source) if source else []))
        except Failure as why:
            complain_of(why, source)
            return exit_of(why)
    _say(found, as_json=as_json)
    if not any(one["leads"] for one in found):
        complain("CTGO lists no lead.")
        return Exit.REJECTED
    return Exit.DONE


def _with_connectors(context: typer.Context, name: str, *, keyless: bool) -> Settings:
    """Read the settings; they have connectors, and the named one."""
    settings = settings_in_force(context.obj, keyless=keyless)
    if name and name not in settings.connectors:
        raise unknown("connector", name, settings.connectors)
    if not settings.connectors:
        raise SettingsError(f"{settings.provenance.name}: connectors: there is none, so there is no mapping")
    return settings


def _print_toml(ready: Mapping[str, DraftMapping]) -> int:
    """Print the mappings in force as tables."""
    for it in ready.values():
        _print_table(it)
    return Exit.DONE


def _print_table(it: DraftMapping) -> None:
    """Print a mapping, with the policies that are not `always`."""
    say(f"[connectors.{it.draft.name}.fields]")
    for name, field in it.draft.fields.items():
        say(f"{toml_text.key(name)} = {toml_text.inline(toml_text.of_field(field))}")


def _sources_of(settings: Settings, it: DraftMapping) -> list[str]:
    return [source for source in settings.sources if it.draft.name in settings.connectors_of(source)]


def _count_wanted(settings: Settings, it: DraftMapping) -> dict[str, int] | None:
    """Count the newest leads of the ledger by the verdict of `where`; None if there is nothing to count."""
    if it.where.accepts_all or not settings.state.path.exists():
        return None
    now, uses = SystemClock().now(), it.where.uses | frozenset(_NUMBER_OF.values())
    verdicts = Counter(
        _judged(it, variables(seen.lead, seen.labels, seen.enrichment, uses, now))[0]
        for seen in newest_examples(settings, _sources_of(settings, it), MOST)
        if seen.lead is not None
    )
    return {
        "leads": verdicts.total(),
        **{name: verdicts[name] for name in ("wanted", "set aside", "waiting")},
    }


def _leads_for(settings: Settings, it: DraftMapping, lead_id: int | None) -> list[Example]:
    """Choose the named lead, else the newest few, else a made-up one."""
    sources = _sources_of(settings, it)
    found = stored_examples(settings, sources, lead_id) if settings.state.path.exists() else []
    if found or lead_id is not None:
        return found
    return [made_up_example(sources[0] if sources else "main")]


def _document(it: DraftMapping, leads: Sequence[Example]) -> dict[str, Any]:
    return {
        "connector": it.draft.name,
        "type": it.draft.type,
        "mapping": "default" if it.draft.by_default else "fields",
        "where": it.draft.condition,
        "leads": [_one(it, seen) for seen in leads],
    }


def _one(it: DraftMapping, seen: Example) -> dict[str, Any]:

    if seen.lead is None:
        gone = "its personal data is no longer kept, so nothing would be sent"
        return {"lead": None, "made_up": False, "verdict": "set aside", "code": "payload_gone", "detail": gone,
                "fields": []}  # fmt: skip
    uses = it.uses | frozenset(_NUMBER_OF.values())
    values = variables(seen.lead, seen.labels, seen.enrichment, uses, SystemClock().now())
    fields = evaluate(it, values)
    verdict, code, detail = _judged(it, values)
    failed = next((one.left_out for one in fields if one.failed), "")
    if verdict == "wanted" and failed:
        verdict, code, detail = "set aside", "mapping_failed", failed
    return {
        "lead": key_of(seen.lead),
        "made_up": seen.made_up,
        "verdict": verdict,
        "code": code,
        "detail": detail,
        "fields": [asdict(one) for one in fields],
    }


def _judged(it: DraftMapping, values: Mapping[str, object]) -> tuple[str, str, str]:
    """Judge a lead by `where`: the verdict, and the code and sentence of what is wrong. `values`: also the numbers of names."""
    unnamed = [
        name for name, number in _NUMBER_OF.items() if values.get(name) is None and values[number] is not None
    ]
    if not it.where.uses.isdisjoint(unnamed):
        return "waiting", "name_unknown", "its `where` needs a name that CTGO has not sent yet"
    result = judge(it, values)
    return (
        "set aside" if result.code else "wanted" if result.wanted else "unwanted",
        result.code,
        result.detail,
    )


def _counted(n: dict[str, int]) -> str:
    """Write how many leads `where` wants."""
    scope = f"the newest {MOST:,} leads" if n["leads"] == MOST else f"{n['leads']:,} leads in the ledger"
    more = [f"{n['set aside']:,} would be rejected"] if n["set aside"] else []
    more += [f"{n['waiting']:,} wait for a name"] if n["waiting"] else []
    return "; ".join([f"{n['wanted']:,} of {scope} would be wanted", *more])


def _say(found: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Print documents, for a script or for people."""
    if as_json:
        say_json(found)
    else:
        for one in found:
            _show(one)


def _show(document: dict[str, Any]) -> None:
    mapping = "its default mapping" if document["mapping"] == "default" else "the fields table"
    where = document["where"] or "every lead"
    say(f"connector {document['connector']} ({document['type']}): {mapping}, where: {where}")
    if document.get("counted"):
        say(f"where: {_counted(document['counted'])}")
    for one in document["leads"]:
        say()
        why = f": {one['detail']} ({one['code']})" if one["code"] else ""
        say(f"{called(one)}: {one['verdict'].replace('set aside', 'rejected')}{why}")
        if one["fields"]:
            rows = [(it["name"], it["policy"], describe_value(it)) for it in one["fields"]]
            say_table(("field", "policy", "value"), rows)
    say()


def _checked(ready: dict[str, DraftMapping], mistakes: list[str], *, as_json: bool) -> int:
    """Report mistakes: those found by compiling, and those that even a complete lead shows."""
    now = SystemClock().now()
    notes = []
    for it in ready.values():
        whole = variables(sample("main"), NAMES, dict(ENRICHED), it.uses, now)
        mistakes += _refused(it, whole)
        bare = judge(it, variables(sample("main", bare=True), names=it.uses, now=now))
        if bare.code and not judge(it, whole).code:
            notes.append(
                f"connector {it.draft.name}: a lead that lacks something would be rejected: {bare.detail}"
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


def _refused(it: DraftMapping, values: dict[str, object]) -> list[str]:

    details = [one.left_out for one in evaluate(it, values) if one.failed]
    result = judge(it, values)
    if result.code:
        details.append(result.detail)
    return [f"connectors.{it.draft.name}: {detail}, even for a complete lead" for detail in details]
