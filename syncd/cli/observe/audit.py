"""`syncd audit`: prove the books. Every lead is settled, or listed with the reason why it is not."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.context import AsJson, ledger_to_read, settings_of
from syncd.cli.exits import SOURCE_EXITS, Exit, strongest
from syncd.cli.output import say, say_json, say_table
from syncd.clock import SystemClock
from syncd.core.failure import Failure
from syncd.settings import Settings
from syncd.verbs.targets import advice

if TYPE_CHECKING:
    from syncd.ledger.admin.auditor import Contradiction

FIXES = {
    "damaged": "Restore a backup: syncd restore FILE",
    "missing_here": "The hourly comparison of the books brings them; to bring them now: syncd --once --since TIME",
    "mark_lost": "If nobody took the marks back in CTGO's dashboard: syncd replay --exports. To look at one: syncd lead ID",
}
FIX = "This should not be possible: keep a copy (syncd backup FILE), look at one with syncd lead ID, and report it."


def audit_codes() -> dict[str, str]:
    """Return what an audit may find, by code, with what to do."""
    from syncd.ledger.admin import auditor  # noqa: PLC0415 - for those who ask

    return {**{code: f"{detail} {FIX}" for code, detail in auditor.CONTRADICTIONS.items()}, **FIXES}


def audit(
    context: typer.Context,
    as_json: AsJson = False,
    upstream: Annotated[
        bool,
        typer.Option(
            "--upstream", help="Also compare with CTGO's list of un-exported leads, within the limit."
        ),
    ] = False,
) -> int:
    """Prove the books: every lead is settled, or listed with the reason why it is not.

    It reads every row, also beside an engine. Exits with 0 if all is well, with 2 if something does not add up, and as a
    run would if CTGO cannot be asked.
    """
    settings = settings_of(context)
    from syncd.ledger import overview  # noqa: PLC0415
    from syncd.ledger.admin import auditor, maintenance  # noqa: PLC0415

    damage = maintenance.damage(settings.state.path)
    found: list[Contradiction] = [auditor.Contradiction("damaged", 1, damage)] if damage else []
    with ledger_to_read(settings) as ledger, ledger.read() as connection:
        leads = overview.counts(connection)["lead"]
        reasons = auditor.reasons(connection)
        found += auditor.contradictions(connection)
    listed, codes = _compare(settings, found) if upstream else ({}, [])
    code = strongest([*codes, *([Exit.FAILED] if found else [])])
    document = {
        "ok": not code,
        "leads": leads,
        "unsettled": [
            {**it._asdict(), "fix": advice(settings, it.code, it.where or it.source)} for it in reasons
        ],
        "findings": [_finding(it) for it in found],
        "upstream": listed,
    }
    if as_json:
        say_json(document)
    else:
        _show(document)
    return code


def _finding(it: "Contradiction") -> dict[str, Any]:
    fix = FIXES.get(it.code, FIX)
    return {"code": it.code, "n": it.n, "detail": it.detail, "leads": list(it.leads), "fix": fix}


def _compare(settings: Settings, found: list["Contradiction"]) -> tuple[dict[str, Any], Iterable[Exit]]:
    """Count, by source, CTGO's un-exported leads by their state here; add contradictions to `found`."""
    from syncd.cli.observe.upstream_audit import compare  # noqa: PLC0415
    from syncd.ledger import Ledger  # noqa: PLC0415

    listed: dict[str, Any] = {}
    codes: list[Exit] = []
    with Ledger.open(settings.state.path) as ledger:
        for name, source in settings.sources.items():
            try:
                compared = compare(name, source, ledger, SystemClock())
            except Failure as why:
                listed[name] = {"error": why.detail, "code": why.code, "fix": why.fix.replace("SOURCE", name)}
                codes.append(SOURCE_EXITS.get(why.code, Exit.WORK_LEFT))
                continue
            listed[name] = dict(compared.states)
            found += compared.contradictions(name)
    return listed, codes


def _show(document: dict[str, Any]) -> None:
    for source, states in document["leads"].items():
        total = sum(states.values())
        say(f"{source}: {total} leads: {', '.join(f'{n} {state}' for state, n in states.items())}")
    if document["unsettled"]:
        say_table(
            ("n", "source", "state", "where", "why"),
            [
                (it["n"], it["source"], it["state"], it["where"], it["code"] or "pending")
                for it in document["unsettled"]
            ],
        )
    for code, fix in {it["code"]: it["fix"] for it in document["unsettled"] if it["fix"]}.items():
        say(f"{code}: {fix}")
    for source, states in document["upstream"].items():
        if "error" in states:
            say(f"{source}: not compared with CTGO: {states['error']} ({states['code']})")
            say(f"  {states['fix']}")
        else:
            parts = ", ".join(f"{n} {state}" for state, n in sorted(states.items())) or "none"
            say(f"{source}: un-exported at CTGO, by their state here: {parts}")
    for it in document["findings"]:
        more = ", …" if it["n"] > len(it["leads"]) else ""
        examples = f" Leads: {', '.join(map(str, it['leads']))}{more}." if it["leads"] else ""
        say(f"WRONG {it['code']}, {it['n']}: {it['detail']}{examples}")
        say(f"  {it['fix']}")
    wrong = "The books do not add up." if document["findings"] else "The books could not be proved."
    say("The books add up." if document["ok"] else wrong)
