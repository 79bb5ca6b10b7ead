"""`syncd replay --exports`: export leads whose mark CTGO lost, or that were delivered while their source did not export."""

from collections.abc import Sequence

from syncd.cli.context import ask, can_ask, describe_next, ledger_to_change, operator
from syncd.cli.exits import Exit
from syncd.cli.observe.upstream_audit import compare
from syncd.cli.output import say, say_json
from syncd.clock import SystemClock
from syncd.ledger.admin.auditor import EXAMPLES
from syncd.ledger.history import log_action
from syncd.ledger.leads.marks import export_again, export_late
from syncd.settings import Settings
from syncd.verbs.engine_holder import nudge


def replay_exports(settings: Settings, *, yes: bool, as_json: bool) -> int:
    """Ask CTGO which leads it lists as new, and make due the exports of those that are done here. Raises Failure.

    Their mark was lost, or they were delivered while the source did not export.
    """
    clock, made = SystemClock(), 0
    with ledger_to_change(settings) as ledger:
        found = {
            name: compare(name, source, ledger, clock)
            for name, source in settings.sources.items()
            if settings.exporting[name]
        }
        lost = {name: sorted(set(its.unmarked)) for name, its in found.items()}
        late = {name: sorted(set(its.unexported)) for name, its in found.items()}
        for name in () if as_json else found:
            say(f"{name}: CTGO lists {_counted(lost[name], 'as new whose export it had accepted')}")
            if late[name]:
                say(
                    f"{name}: CTGO lists {_counted(late[name], 'as new that were delivered while export was false')}"
                )
        agreed = any((*lost.values(), *late.values())) and (
            yes or not can_ask() or ask("Export them? [y/N] ")
        )
        if agreed:
            now = clock.now()
            with ledger.write() as connection:
                for name in found:
                    n = export_again(connection, name, lost[name], now)
                    n += export_late(connection, name, late[name], now)
                    made += n
                    if n:
                        log_action(
                            connection, now, who=operator(), verb="replay", name=name, detail=f"{n} exports"
                        )
    if as_json:
        nudge(settings.state.path)
        say_json({"lost": lost, "unexported": late, "made": made})
    elif not agreed:
        say("Nothing was changed.")
    else:
        say(f"{made:,} exports are due again.")
        say(describe_next(settings.state.path))
    return Exit.DONE


def _counted(ids: Sequence[int], what: str) -> str:
    examples = ", ".join(map(str, ids[:EXAMPLES])) + (", …" if len(ids) > EXAMPLES else "")
    return f"{len(ids):,} leads {what}" + (f": {examples}" if ids else "")
