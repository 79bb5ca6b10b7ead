"""The checks of `syncd check`, in the order of what depends on what."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from syncd.app.mappings import Mapped, compile_connectors
from syncd.app.paced_client import PATIENCE, free_slot, make_upstream, send_in_slot
from syncd.app.privileges import STARTED_AS, settings_in_force
from syncd.cli.engine_holder import engine_of
from syncd.cli.exits import LEDGER_EXITS, SOURCE_EXITS, Exit
from syncd.cli.observe.credit_use import unbounded
from syncd.cli.prepare.check import exposure
from syncd.cli.prepare.check.monitoring import alert_notes, health_notes
from syncd.cli.prepare.check.push_address import push_notes
from syncd.cli.prepare.notes import Note, State
from syncd.clock import SystemClock
from syncd.core.failure import CODES, Failure, Refused
from syncd.core.flood_gate import GATE_HELD, describe_gate
from syncd.ctgo import Me
from syncd.engine.fanout import FOUND_OUT
from syncd.ledger import Ledger, LedgerError, overview
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.labels import campaigns
from syncd.log import configure, logger, redact_values
from syncd.settings import Settings, SettingsError, Source, find_config, secret_values

AT_ONCE = 8
"""Most sources that are asked at the same time."""


def examine(config: Path | None, patience: float | None = None, *, send_test: bool = False) -> Iterator[Note]:
    """Yield every note.

    `patience`: seconds to wait for a free request; `send_test`: send a test message to the receiver of alerts.
    """
    patience = PATIENCE if patience is None else patience
    for note in _examine(config, patience, send_test=send_test):
        # A sentence about the configuration quotes no secret, but can look like one: "api_key: is missing"
        yield note if note.about == "configuration" else note.scrubbed()


def _examine(config: Path | None, patience: float, *, send_test: bool) -> Iterator[Note]:
    found = find_config(config, user=STARTED_AS)
    try:
        settings = settings_in_force(config)
    except SettingsError as error:
        yield from _mistakes(error)
        return
    redact_values(secret_values(settings))
    configure(settings.log.format, "error")
    yield Note("ok", "configuration", settings.provenance.name)
    mapped: Mapping[str, Mapped] = {}
    try:
        settings.require_sources()
    except SettingsError as error:
        yield from _mistakes(error)
    try:
        mapped = compile_connectors(settings)
    except SettingsError as error:
        yield from _mistakes(error)
    secrets = secret_values(settings).union(*(m.configured.secrets for m in mapped.values()))
    redact_values(secrets)
    yield from exposure.configuration_notes(found, secrets)
    yield from exposure.secret_notes(settings.provenance.secret_files)
    clock = SystemClock()
    try:
        with Ledger.open(settings.state.path) as ledger:
            yield from _ledger(settings, ledger)
            yield from _sources(settings, ledger, clock, patience)
    except LedgerError as error:
        code = LEDGER_EXITS.get(error.code, Exit.LEDGER)
        yield Note("error", "ledger", error.detail, error.code, CODES.get(error.code, ""), code)
    for m in mapped.values():
        yield from connector_notes(m, clock)
        yield from unenriched_notes(settings, m)
    yield from health_notes(settings)
    yield from push_notes(settings)
    yield from alert_notes(settings, clock, send_test=send_test)


def _mistakes(error: SettingsError) -> Iterator[Note]:
    for mistake in error.mistakes:
        yield Note("error", "configuration", mistake, exit=Exit.CONFIG)


def _ledger(settings: Settings, ledger: Ledger) -> Iterator[Note]:
    yield from exposure.ledger_notes(ledger.path)
    with ledger.write() as connection:  # raises if it cannot be written
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
                fix="A renamed source is a new one, with its own cursor: if you only renamed it, use the old name again.",
            )  # fmt: skip
    for name in orphans:
        detail = "CTGO still pushes its leads here, and its key is not in the configuration."
        yield _warning("source", name, detail, "push_left_behind")
    for name, n in left.items():
        yield _warning("connector", name, f"{n} deliveries wait for it.", "connector_unconfigured")
    for gate in gates.values():
        if gate.since is not None:
            yield _warning("connector", gate.connector, describe_gate(gate.held, gate.size), GATE_HELD)
    for name, requests in costs.items():
        if name in settings.sources:
            yield from costly(name, settings.sources[name], requests)


def _warning(kind: str, name: str, text: str, code: str) -> Note:
    """Make a warning with the core's advice for its code."""
    fix = CODES[code].replace("SOURCE" if kind == "source" else "NAME", name)
    return Note("warning", f"{kind} {name}", text, code, fix)


def costly(name: str, source: Source, requests: int) -> Iterator[Note]:
    """Warn if polling takes more than half of the key's requests: exports get the rest."""
    every = source.poll.every
    if every and requests * 60.0 / every > source.requests_per_minute / 2:
        one_by_one = requests > 1
        yield Note(
            "warning", f"source {name}",
            ("Its campaigns are listed one by one: " if one_by_one else "Its pulls leave few requests for its exports: ")
            + f"{requests} request{'s' * one_by_one} every {source.poll}, more than half of its budget.",
            fix=f"Poll less often (sources.{name}.poll)"
            + (", or name only the campaigns that matter (stream_ids)." if one_by_one else "."),
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
    """Check the source's key by one counted `GET /me`; also its credits, if the source enriches."""
    about = f"source {name}"
    client, pacer = make_upstream(source, clock)
    try:
        hold = free_slot(ledger, pacer, clock, patience)
        if hold is None:
            return [Note("warning", about, "Not asked: all its requests of this minute are taken.")]
        me = send_in_slot(hold, client.me, pacer, ledger)
        return [Note("ok", about, _describe(me)), *credit_notes(name, source, me)]
    except Failure as why:
        code = SOURCE_EXITS.get(why.code, Exit.DONE)
        state: State = "warning" if code == Exit.DONE else "error"
        return [Note(state, about, why.detail, why.code, why.fix.replace("SOURCE", name), code)]
    finally:
        client.close()


def credit_notes(name: str, source: Source, me: Me) -> Iterator[Note]:
    """Check if credits stop the enriching, and if a limit bounds their use."""
    chosen = source.enrich
    if chosen is None:
        return
    if why := unbounded(source, me):
        fix = f"Set a number a day: per_day in [sources.{name}.enrich]."
        yield Note("error", f"source {name}", why, "credits_unbounded", fix, Exit.CONFIG)
    balance = me.credits.balance if me.credits else None
    if balance is None and chosen.keep_credits:
        yield _warning("source", name, "CTGO does not say how many credits are left.", "credits_unknown")
    elif balance is not None and balance <= chosen.keep_credits:
        detail = f"{balance} credits are left, and {chosen.keep_credits} must be kept: nothing is enriched."
        yield _warning("source", name, detail, "credits_kept")


def unenriched_notes(settings: Settings, m: Mapped) -> Iterator[Note]:
    """Warn if a connector's `where` needs data that no source enriches: it would silently want no lead."""
    needs = sorted(m.where.uses & FOUND_OUT)
    sources = [
        name
        for name, source in settings.sources.items()
        if source.enrich is None and m.name in settings.connectors_of(name)
    ]
    if needs and sources:
        yield Note(
            "warning", f"connector {m.name}",
            f"It chooses leads by their {' and '.join(needs)}, which CTGO's listings do not promise, and source "
            f"{' and '.join(sources)} does not enrich: it may never want a lead.",
            "never_enriched",
            f"Add a table [sources.{sources[0]}.enrich], if your campaigns do not find it themselves.",
        )  # fmt: skip


def _describe(me: Me) -> str:
    parts = ["CTGO knows the key"]
    if me.subscription_status:
        parts.append(f"subscription {me.subscription_status}")
    if me.credits and me.credits.balance is not None:
        parts.append(f"{me.credits.balance} credits")
    return ", ".join(parts)


def connector_notes(m: Mapped, clock: SystemClock) -> Sequence[Note]:
    """Run the connector's own check; without a finding, all is well."""
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
    except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything, and the others must be checked
        detail = f"Its check raised {type(error).__name__}."
        return [Note("error", about, detail, "connector_bug", CODES["connector_bug"], Exit.FAILED)]
    notes = [
        Note(it.level, about, it.detail, "" if it.level == "ok" else it.code, codes.get(it.code, "").replace("NAME", m.name),
             Exit.FAILED if it.level == "error" else Exit.DONE)
        for it in findings
    ]  # fmt: skip
    return notes or [Note("ok", about, f"{len(m.configured.fields)} fields are mapped")]
