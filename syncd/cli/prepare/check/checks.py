"""What `check` looks at, as notes: each a level, what it is about, a sentence, and what to do.

Every text passes the log's redaction: a connector is a stranger's code, and may say what it was given.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from syncd.app.compose import Mapped, compile_connectors
from syncd.app.paced_client import free_slot, make_upstream
from syncd.app.privileges import STARTED_AS, settings_in_force
from syncd.cli.engine_holder import engine_of
from syncd.cli.exits import LEDGER_EXITS, SOURCE_EXITS, Exit
from syncd.cli.observe.credit_use import unbounded
from syncd.cli.prepare.check import exposure
from syncd.cli.prepare.check.monitoring import alert_notes, health_notes
from syncd.cli.prepare.check.note import Level, Note
from syncd.cli.prepare.check.push_address import push_notes
from syncd.clock import SystemClock
from syncd.core.failure import CODES, Failure, Refused
from syncd.core.flood_gate import GATE_HELD, said
from syncd.ctgo import Me, Upstream
from syncd.engine.budget import RequestBudget, Reservation
from syncd.engine.enrich.eligibility import FOUND_OUT
from syncd.ledger import Ledger, LedgerError, overview
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.labels import campaigns
from syncd.log import configure, logger, redact_values, scrub
from syncd.settings import Settings, SettingsError, Source, find_config, secret_values

AT_ONCE = 8
"""Sources that are asked at the same time."""


def examine(config: Path | None, patience: float, *, tell: bool = False) -> Iterator[Note]:
    """Everything there is to say, in the order of what depends on what.

    `patience`: seconds for a free request; `tell`: send a test message to whoever hears of alerts.
    """
    for note in _examined(config, patience, tell=tell):
        if (
            note.about == "configuration"
        ):  # its sentences quote no secret, and read like one: "api_key: is missing"
            yield note
        else:
            yield replace(note, detail=scrub(note.detail), fix=scrub(note.fix))


def _examined(config: Path | None, patience: float, *, tell: bool) -> Iterator[Note]:
    found = find_config(config, user=STARTED_AS)
    try:
        settings = settings_in_force(config)
    except SettingsError as error:
        yield from _mistakes(error)
        return
    redact_values(secret_values(settings))
    configure(settings.log.format, "error")
    yield Note("ok", "configuration", settings.provenance.name)
    try:
        settings.require_sources()
    except SettingsError as error:
        yield from _mistakes(error)
    mapped: Mapping[str, Mapped] = {}
    try:
        mapped = compile_connectors(settings)
    except SettingsError as error:
        yield from _mistakes(error)
    redact_values(secret for m in mapped.values() for secret in m.configured.secrets)
    secrets = secret_values(settings).union(*(m.configured.secrets for m in mapped.values()))
    yield from exposure.configuration_notes(found, secrets)
    yield from exposure.secret_notes(settings.provenance.secret_files)
    clock = SystemClock()
    try:
        with Ledger.open(settings.state.path) as ledger:
            yield from _ledger(settings, ledger)
            yield from _sources(settings, ledger, clock, patience)
    except LedgerError as error:
        exit_ = LEDGER_EXITS.get(error.code, Exit.LEDGER)
        yield Note("error", "ledger", error.detail, error.code, CODES.get(error.code, ""), exit_)
    for m in mapped.values():
        yield from connector_notes(m, clock)
        yield from hunger_notes(settings, m)
    yield from health_notes(settings)
    yield from push_notes(settings)
    yield from alert_notes(settings, clock, tell=tell)


def _mistakes(error: SettingsError) -> Iterator[Note]:
    for mistake in error.mistakes:
        yield Note("error", "configuration", mistake, exit=Exit.CONFIG)


def _ledger(settings: Settings, ledger: Ledger) -> Iterator[Note]:
    yield from exposure.ledger_notes(ledger.path)
    with ledger.write() as connection:  # it can be written, or this raises
        rows = overview.sources(connection)
        gates = flood_gate.gates(connection)
        left = overview.pending_elsewhere(connection, list(settings.connectors))
        orphans = [name for name in overview.pushed(connection) if name not in settings.sources]
        costs = dict.fromkeys(settings.sources, 1) | {
            row.name: len(campaigns(connection, row.name)) + 1 for row in rows if row.listing == "campaigns"
        }
    engine = engine_of(ledger.path)
    running = f"; the engine of process {engine} runs on it" if engine else ""
    yield Note("ok", "ledger", f"{ledger.path} can be read and written{running}")
    for row in rows:
        if row.name not in settings.sources:
            yield Note(
                "warning", f"source {row.name}", "The ledger knows it, and the configuration does not.",
                fix="A renamed source is a new one, with a cursor of its own: give it the old name back if that was all.",
            )  # fmt: skip
    for name in orphans:
        code = "push_left_behind"
        detail = "CTGO still pushes its leads here, and its key is not in the configuration."
        yield Note("warning", f"source {name}", detail, code, CODES[code].replace("SOURCE", name))
    for name, n in left.items():
        code = "connector_unconfigured"
        fix = CODES[code].replace("NAME", name)
        yield Note("warning", f"connector {name}", f"{n} deliveries wait for it.", code, fix)
    for gate in gates.values():
        if gate.since is not None:
            fix = CODES[GATE_HELD].replace("NAME", gate.connector)
            yield Note("warning", f"connector {gate.connector}", said(gate.held, gate.size), GATE_HELD, fix)
    for name, requests in costs.items():
        if name in settings.sources:
            yield from costly(name, settings.sources[name], requests)


def costly(name: str, source: Source, requests: int) -> Iterator[Note]:
    """A warning when polling takes more than half of the key's requests: exports get what pulls leave."""
    every = source.poll.every
    if every and requests * 60.0 / every > source.requests_per_minute / 2:
        one_by_one = requests > 1
        yield Note(
            "warning", f"source {name}",
            ("Its campaigns are listed one by one: " if one_by_one else "Its pulls leave little for its exports: ")
            + f"{requests} request{'s' * one_by_one} every {source.poll}, more than half of its budget.",
            fix=f"Poll less often (sources.{name}.poll)"
            + (", or name the campaigns that matter (stream_ids)." if one_by_one else "."),
        )  # fmt: skip


def _sources(settings: Settings, ledger: Ledger, clock: SystemClock, patience: float) -> Iterator[Note]:
    if not settings.sources:
        return
    ask = partial(source_notes, ledger=ledger, clock=clock, patience=patience)
    with ThreadPoolExecutor(min(AT_ONCE, len(settings.sources))) as pool:
        for notes in pool.map(ask, settings.sources, settings.sources.values()):
            yield from notes


def source_notes(
    name: str, source: Source, *, ledger: Ledger, clock: SystemClock, patience: float
) -> Sequence[Note]:
    """Whether CTGO knows the source's key: one `GET /me`, counted like every request; and its credits if it enriches."""
    about = f"source {name}"
    client, pacer = make_upstream(source, clock)
    try:
        hold = free_slot(ledger, pacer, clock, patience)
        if hold is None:
            return [Note("warning", about, "Not asked: its requests of this minute are all taken.")]
        me = _asked(client, ledger, pacer, hold)
        return [Note("ok", about, _said(me)), *credit_notes(name, source, me)]
    except Failure as why:
        exit_ = SOURCE_EXITS.get(why.code, Exit.DONE)
        level: Level = "warning" if exit_ == Exit.DONE else "error"
        fix = why.fix.replace("SOURCE", name)
        return [Note(level, about, why.detail, why.code, fix, exit_)]
    finally:
        client.close()


def credit_notes(name: str, source: Source, me: Me) -> Iterator[Note]:
    """What stands in the way of enriching, and what nothing bounds."""
    about, chosen = f"source {name}", source.enrich
    if chosen is None:
        return
    if why := unbounded(source, me):
        fix = f"Say how many a day: per_day in [sources.{name}.enrich]."
        yield Note("error", about, why, "credits_unbounded", fix, Exit.CONFIG)
    balance = me.credits.balance if me.credits else None
    if balance is None and chosen.keep_credits:
        code = "credits_unknown"
        yield Note("warning", about, "CTGO does not say how many credits are left.", code, CODES[code])
    elif balance is not None and balance <= chosen.keep_credits:
        code = "credits_kept"
        detail = f"{balance} credits are left, and {chosen.keep_credits} are to be kept: nothing is enriched."
        yield Note("warning", about, detail, code, CODES[code])


def hunger_notes(settings: Settings, m: Mapped) -> Iterator[Note]:
    """A warning for a connector that waits for what nobody looks up: every lead would be unwanted, without a word."""
    needs = sorted(m.where.uses & FOUND_OUT)
    sources = [
        name
        for name, source in settings.sources.items()
        if source.enrich is None and m.name in settings.connectors_of(name)
    ]
    if needs and sources:
        yield Note(
            "warning", f"connector {m.name}",
            f"It takes leads by their {' and '.join(needs)}, which CTGO's listings do not promise, and source "
            f"{' and '.join(sources)} does not enrich: it may never want any.",
            "never_enriched",
            f"Add a table [sources.{sources[0]}.enrich], if your campaigns do not find it by themselves.",
        )  # fmt: skip


def _asked(client: Upstream, ledger: Ledger, pacer: RequestBudget, hold: Reservation) -> Me:
    try:
        return hold.call(client.me)
    finally:
        with ledger.write() as connection:
            pacer.close(connection, hold)


def _said(me: Me) -> str:
    parts = ["CTGO knows the key"]
    if me.subscription_status:
        parts.append(f"subscription {me.subscription_status}")
    if me.credits and me.credits.balance is not None:
        parts.append(f"{me.credits.balance} credits")
    return ", ".join(parts)


def connector_notes(m: Mapped, clock: SystemClock) -> Sequence[Note]:
    """What the connector's own check finds; one that finds nothing is well."""
    about, codes = f"connector {m.name}", {**m.configured.cls.codes, **CODES}
    try:
        connector = m.configured.open(clock, logger())
        try:
            findings = list(connector.check())
        finally:
            connector.close()
    except (Failure, Refused) as why:
        fix = codes.get(why.code, "").replace("NAME", m.name)
        return [Note("error", about, why.detail, why.code, fix, Exit.FAILED)]
    except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything, and the others are still to be checked
        detail = f"Its check raised {type(error).__name__}."
        return [Note("error", about, detail, "connector_bug", CODES["connector_bug"], Exit.FAILED)]
    notes = [
        Note(it.level, about, it.detail, "" if it.level == "ok" else it.code, codes.get(it.code, "").replace("NAME", m.name),
             Exit.FAILED if it.level == "error" else Exit.DONE)
        for it in findings
    ]  # fmt: skip
    return notes or [Note("ok", about, f"{len(m.configured.fields)} fields are mapped")]
