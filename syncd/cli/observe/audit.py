"""`syncd audit`: proves the books. Every lead is settled, or listed with the reason why it is not."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.context import advice, settings_of
from syncd.cli.exits import Exit, strongest
from syncd.cli.output import say, say_json, say_table
from syncd.settings import Settings

if TYPE_CHECKING:
    from syncd.ledger.admin.auditor import Contradiction

app = typer.Typer(rich_markup_mode=None, add_completion=False)

FIXES = {
    "damaged": "Restore a backup: syncd restore FILE",
    "missing_here": "The hourly comparison of the books brings them; or at once: syncd --once --since TIME",
    "mark_lost": "Look at one with: syncd lead ID. If CTGO took the mark back, nothing is wrong here.",
}
FIX = "This should not be possible: keep a copy (syncd backup FILE), look at one with syncd lead ID, and report it."


@app.command()
def audit(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False,
    upstream: Annotated[
        bool,
        typer.Option(
            "--upstream", help="Compare with CTGO's list of un-exported leads too, within the limiter."
        ),
    ] = False,
) -> int:
    """Prove the books: every lead is settled, or listed with the reason why it is not.

    Reads every row, also beside an engine. Exits with 0 when all is well, with 2 when something does not add up, and as a
    run would when CTGO cannot be asked.
    """
    settings = settings_of(context)
    from syncd.ledger import Ledger, overview  # noqa: PLC0415
    from syncd.ledger.admin import auditor, maintenance  # noqa: PLC0415  # noqa: PLC0415

    damage = maintenance.damage(settings.state.path)
    found: list[Contradiction] = [auditor.Contradiction("damaged", 1, damage)] if damage else []
    with Ledger.open_to_read(settings.state.path) as ledger, ledger.read() as connection:
        leads = overview.counts(connection)["lead"]
        reasons = auditor.reasons(connection)
        found += auditor.contradictions(connection)
    listed, codes = _compare(settings, found) if upstream else ({}, [])
    code = strongest([*codes, *([Exit.FAILED] if found else [])])
    told = {
        "ok": not code,
        "leads": leads,
        "unsettled": [
            {**it._asdict(), "fix": advice(settings, it.code, it.where or it.source)} for it in reasons
        ],
        "findings": [_finding(it) for it in found],
        "upstream": listed,
    }
    if as_json:
        say_json(told)
    else:
        _show(told)
    return code


def _finding(it: "Contradiction") -> dict[str, Any]:
    fix = FIXES.get(it.code, FIX)
    return {"code": it.code, "n": it.n, "detail": it.detail, "leads": list(it.leads), "fix": fix}


def _compare(settings: Settings, found: list["Contradiction"]) -> tuple[dict[str, Any], Iterable[Exit]]:
    """By source, what CTGO lists as un-exported by its state here; what does not fit is put among what was found."""
    from syncd.cli.exits import SOURCE_EXITS  # noqa: PLC0415
    from syncd.cli.observe.upstream_audit import Comparison  # noqa: PLC0415
    from syncd.clock import SystemClock  # noqa: PLC0415
    from syncd.core.failure import Failure  # noqa: PLC0415
    from syncd.ledger import Ledger  # noqa: PLC0415

    listed: dict[str, Any] = {}
    codes: list[Exit] = []
    with Ledger.open(settings.state.path) as ledger:
        for name, source in settings.sources.items():
            try:
                compared = Comparison(name, source, ledger, SystemClock()).run()
            except Failure as why:
                listed[name] = {"error": why.detail, "code": why.code, "fix": why.fix.replace("SOURCE", name)}
                codes.append(SOURCE_EXITS.get(why.code, Exit.WORK_LEFT))
                continue
            listed[name] = dict(compared.states)
            found += compared.contradictions(name)
    return listed, codes


def _show(told: dict[str, Any]) -> None:
    for source, states in told["leads"].items():
        total = sum(states.values())
        say(f"{source}: {total} leads: {', '.join(f'{n} {state}' for state, n in states.items())}")
    if told["unsettled"]:
        say_table(
            ("n", "source", "state", "where", "why"),
            [
                (it["n"], it["source"], it["state"], it["where"], it["code"] or "waits its turn")
                for it in told["unsettled"]
            ],
        )
    for code, fix in {it["code"]: it["fix"] for it in told["unsettled"] if it["fix"]}.items():
        say(f"{code}: {fix}")
    for source, states in told["upstream"].items():
        if "error" in states:
            say(f"{source}: not compared with CTGO: {states['error']} ({states['code']})")
            say(f"  {states['fix']}")
        else:
            said = ", ".join(f"{n} {state}" for state, n in sorted(states.items())) or "none"
            say(f"{source}: un-exported at CTGO, by their state here: {said}")
    for it in told["findings"]:
        examples = (
            f" Leads: {', '.join(map(str, it['leads']))}{', …' if it['n'] > len(it['leads']) else ''}."
            if it["leads"]
            else ""
        )
        say(f"WRONG {it['code']}, {it['n']}: {it['detail']}{examples}")
        say(f"  {it['fix']}")
    say(
        "The books add up."
        if told["ok"]
        else "The books could not be proved."
        if not told["findings"]
        else "The books do not add up."
    )
