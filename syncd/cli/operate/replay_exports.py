"""`syncd replay --exports`: export leads again whose mark CTGO lost."""

from syncd.cli.context import ask, can_ask, describe_next, ledger_to_change, operator
from syncd.cli.exits import Exit
from syncd.cli.observe.upstream_audit import compare
from syncd.cli.output import say, say_json
from syncd.clock import SystemClock
from syncd.ledger.admin.auditor import EXAMPLES
from syncd.ledger.history import log_action
from syncd.ledger.leads.marks import export_again
from syncd.settings import Settings
from syncd.verbs.engine_holder import nudge


def replay_exports(settings: Settings, *, yes: bool, as_json: bool) -> int:
    """Ask CTGO which exported leads it lists as new, and make their exports due again. Raises Failure."""
    clock, made = SystemClock(), 0
    with ledger_to_change(settings) as ledger:
        lost = {
            name: sorted(set(compare(name, source, ledger, clock).unmarked))
            for name, source in settings.sources.items()
            if settings.exporting[name]
        }
        for name, ids in () if as_json else lost.items():
            shown = (
                f": {', '.join(map(str, ids[:EXAMPLES]))}{', …' if len(ids) > EXAMPLES else ''}"
                if ids
                else ""
            )
            say(f"{name}: CTGO lists {len(ids):,} leads as new whose export it had accepted{shown}")
        agreed = any(lost.values()) and (yes or not can_ask() or ask("Export them again? [y/N] "))
        if agreed:
            now = clock.now()
            with ledger.write() as connection:
                for name, ids in lost.items():
                    n = export_again(connection, name, ids, now)
                    made += n
                    if n:
                        log_action(
                            connection, now, who=operator(), verb="replay", name=name, detail=f"{n} exports"
                        )
    if as_json:
        nudge(settings.state.path)
        say_json({"lost": lost, "made": made})
    elif not agreed:
        say("Nothing was changed.")
    else:
        say(f"{made:,} exports are due again.")
        say(describe_next(settings.state.path))
    return Exit.DONE
