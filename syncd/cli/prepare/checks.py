"""The checks of `syncd check`, in the order of what depends on what."""

import os
import socket
import stat
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from syncd.alerts.message import HEADERS, body_of
from syncd.alerts.sender import Hook
from syncd.app.connectors import Mapped
from syncd.app.paced_client import PATIENCE, free_slot, make_upstream, send_in_slot
from syncd.app.privileges import STARTED_AS
from syncd.cli.exits import LEDGER_EXITS, SOURCE_EXITS, Exit
from syncd.cli.prepare.mistakes import read_configuration
from syncd.cli.prepare.notes import Note, State, advice_of, ask_connector, mistake_notes
from syncd.clock import Clock, SystemClock
from syncd.connector import Connector
from syncd.core.failure import CODES, Failure
from syncd.core.flood_gate import GATE_HELD, describe_gate
from syncd.ctgo import Me
from syncd.engine.fanout import FOUND_OUT
from syncd.file_access import hand_in, others_read
from syncd.http.addresses import is_loopback
from syncd.ledger import Ledger, LedgerError, overview
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.lanes import load_lanes
from syncd.ledger.sources import campaigns
from syncd.settings import Settings, Source, find_config, secret_values
from syncd.sockets import refused
from syncd.verbs.engine_holder import engine_of

AT_ONCE = 8
"""Most sources that are asked at the same time."""


def examine(config: Path | None, patience: float | None = None, *, send_test: bool = False) -> Iterator[Note]:
    """Yield every note.

    `patience`: seconds to wait for a free request; `send_test`: send a test message to the receiver of alerts.
    """
    patience, halted = PATIENCE if patience is None else patience, set[str]()
    for found in _examine(config, patience, halted, send_test=send_test):
        note = found if found.about.partition(" ")[2] in halted else found.without_resume()
        # A sentence about the configuration quotes no secret, but can look like one: "api_key: is missing"
        yield note if note.about == "configuration" else note.scrubbed()


def _examine(config: Path | None, patience: float, halted: set[str], *, send_test: bool) -> Iterator[Note]:
    """`halted` gets the names of halted lanes."""
    found = find_config(config, user=STARTED_AS)
    reading = read_configuration(config, to_run=True)
    settings, mapped = reading.settings, reading.mapped
    yield from mistake_notes(reading.mistakes)
    if settings is None:
        return
    if not reading.mistakes:
        yield Note("ok", "configuration", settings.provenance.name)
    secrets = secret_values(settings).union(*(m.configured.secrets for m in mapped.values()))
    yield from configuration_notes(found, secrets)
    yield from secret_notes(settings.provenance.secret_files)
    clock = SystemClock()
    try:
        with Ledger.open(settings.state.path) as ledger:
            yield from _ledger(settings, ledger)
            with ledger.read() as connection:
                halted |= {lane.name for lane in load_lanes(connection) if lane.status == "halted"}
            yield from _sources(settings, ledger, clock, patience)
    except LedgerError as error:
        code = LEDGER_EXITS.get(error.code, Exit.LEDGER)
        yield Note("error", "ledger", error.detail, error.code, CODES.get(error.code, ""), code)
    for m in mapped.values():
        yield from connector_notes(m, clock)
        yield from unenriched_notes(settings, m)
        yield from unwritten_notes(m)
    yield from health_notes(settings)
    yield from push_notes(settings)
    yield from alert_notes(settings, clock, send_test=send_test)


def _ledger(settings: Settings, ledger: Ledger) -> Iterator[Note]:
    yield from ledger_notes(ledger.path)
    ledger.check_room()
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
        yield _warning(f"source {name}", detail, "push_left_behind")
    for name, n in left.items():
        yield _warning(f"connector {name}", f"{n} deliveries wait for it.", "connector_unconfigured")
    for gate in gates.values():
        if gate.since is not None:
            yield _warning(f"connector {gate.connector}", describe_gate(gate.held, gate.size), GATE_HELD)
    for name, requests in costs.items():
        if name in settings.sources:
            yield from costly(name, settings.sources[name], requests)


def _warning(about: str, text: str, code: str) -> Note:
    """Make a warning with the core's advice for its code."""
    kind, _, name = about.partition(" ")
    fix = CODES[code].replace("SOURCE" if kind == "source" else "NAME", name) if name else CODES[code]
    return Note("warning", about, text, code, fix)


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
    client, budget = make_upstream(source, clock)
    try:
        slot = free_slot(ledger, budget, clock, patience)
        if slot is None:
            return [Note("warning", about, "Not asked: all its requests of this minute are taken.")]
        me = send_in_slot(slot, client.me, budget, ledger)
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
        yield _warning(f"source {name}", "CTGO does not say how many credits are left.", "credits_unknown")
    elif balance is not None and balance <= chosen.keep_credits:
        detail = f"{balance} credits are left, and {chosen.keep_credits} must be kept: nothing is enriched."
        yield _warning(f"source {name}", detail, "credits_kept")


def unbounded(source: Source, me: Me) -> str:
    """Return the reason why enriching could use credits without end; empty if it cannot.

    With automatic top-up the balance never falls to `keep_credits`: `per_day` is the only bound, so a person must set it.
    """
    chosen = source.enrich
    topped_up = me.credits is not None and me.credits.auto_topup
    if chosen is None or not topped_up or "per_day" in chosen.model_fields_set:
        return ""
    return "CTGO tops credits up by itself, so keep_credits bounds nothing, and per_day is not set."


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


def unwritten_notes(m: Mapped) -> Iterator[Note]:
    """Warn of the default fields of a person that a table `fields` replaces, unless the configuration decides on them."""
    chosen, cls = m.configured.settings, m.configured.cls
    gone = [name for name in cls.defaults if name not in m.configured.fields]
    if chosen.fields is None or "keep_default_fields" in chosen.model_fields_set or cls.objects != "people":
        return
    if gone:
        yield Note(
            "warning", f"connector {m.name}",
            f"The table fields replaces the default mapping, so it no longer writes {', '.join(gone)}.",
            "defaults_replaced",
            f"Write keep_default_fields = true in [connectors.{m.name}] to write them too; false, if you do not want them.",
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

    def ask(connector: Connector, about: str) -> list[Note]:
        notes = [
            Note(it.level, about, it.detail, "" if it.level == "ok" else it.code, advice_of(m, it.code),
                 Exit.FAILED if it.level == "error" else Exit.DONE)
            for it in connector.check()
        ]  # fmt: skip
        return notes or [Note("ok", about, f"{len(m.configured.fields)} fields are mapped")]

    return ask_connector(m, clock, ask, "error", "Its check raised {}.")


def configuration_notes(config: Path | None, secrets: Collection[str]) -> Iterator[Note]:
    """Warn if everybody can read a secret in the file, or if others than its owner may change it."""
    if config is None:
        return
    try:
        status = config.stat()
        # A pipe, such as a shell's <(…), can be read only once
        text = config.read_text(errors="replace") if stat.S_ISREG(status.st_mode) else ""
    except OSError:  # it is gone meanwhile
        return
    if status.st_mode & stat.S_IROTH and any(secret in text for secret in secrets):
        yield Note(
            "warning", "configuration", f"{config} holds a secret, and every user of this machine can read it.",
            fix=f"chmod o= {config}",
        )  # fmt: skip
    hand = text and hand_in(config.absolute(), {0, os.geteuid(), status.st_uid})
    if hand:
        yield Note(
            "warning", "configuration", f"Others may change {hand}, and by that {config}, and send keys elsewhere.",
            fix=f"Give it to root or to the user who runs syncd, then: chmod go-w {hand}",
        )  # fmt: skip


def secret_notes(files: Collection[str]) -> Iterator[Note]:
    """Warn of each secret file that others than root and this user can read."""
    user = os.geteuid()
    for file in dict.fromkeys(files):
        try:
            open_ = others_read(Path(file), user)
        except OSError:  # root has read it, and the ledger's owner cannot
            continue
        if open_:
            yield Note(
                "warning", "configuration", f"{file} is a secret, and others can read it.",
                fix=f"Give it to the user who starts syncd, then: chmod go= {file}",
            )  # fmt: skip


def ledger_notes(ledger: Path) -> Iterator[Note]:
    """Warn of files with personal data that others than their owner can read: syncd makes none, but a copy may be one."""
    for file in sorted(ledger.parent.glob(f"{ledger.name}*")):
        try:
            mode = file.stat().st_mode
        except OSError:  # gone meanwhile
            continue
        if mode & 0o077:
            yield Note(
                "warning", "ledger", f"{file} holds personal data, and others can read it.", fix=f"chmod go= {file}"
            )  # fmt: skip


def alert_notes(settings: Settings, clock: Clock, *, send_test: bool) -> Iterator[Note]:
    """Check the receivers of alerts. `send_test`: also send the webhook a test message.

    The heartbeat is never tried: a ping would mean that syncd works.
    """
    alerts = settings.alerts
    webhook, heartbeat = (_hook(url, clock) for url in (alerts.webhook_url, alerts.heartbeat_url))
    if webhook is None and heartbeat is None:
        detail = "No alert address is set: nobody gets a message when something needs a person."
        yield _warning("alerts", detail, "nobody_hears")
    if webhook is not None:
        ready = Note("ok", "alerts", f"{webhook.host} gets a message when something is wrong")
        yield _tried(webhook) if send_test else ready
    if heartbeat is not None:
        yield Note("ok", "alerts", f"{heartbeat.host} is pinged after each clean pull")


def _hook(url: SecretStr, clock: Clock) -> Hook | None:
    return Hook(url, clock) if url.get_secret_value() else None


def _tried(webhook: Hook) -> Note:
    text = f"syncd on {socket.gethostname()}: a test message, asked for with: syncd check --alerts"
    answer = webhook.send("POST", HEADERS, body_of(text))
    if answer.why:
        return Note("error", "alerts", answer.why, "alert_unsent", CODES["alert_unsent"], Exit.FAILED)
    return Note("ok", "alerts", f"{webhook.host} took a test message")


def health_notes(settings: Settings) -> Iterator[Note]:
    """Check that the daemon could bind its health address; skipped while a daemon runs, for it has bound it."""
    listen = settings.health.listen
    if not listen or not listen.port or engine_of(settings.state.path):
        return
    if why := refused(listen.host, listen.port):
        detail = f"The daemon could not serve its health on {listen}: {why}. It would sync nevertheless."
        yield _warning("health", detail, "health_unserved")


LOCAL = (
    "local", "localhost", "internal", "lan", "home", "corp", "intranet", "private", "test", "invalid", "example", "arpa",
)  # fmt: skip
"""Last parts of names that exist only in a local network."""


def push_notes(settings: Settings) -> Iterator[Note]:
    """Check that CTGO could reach each source's `public_url`, and that the daemon could bind its address."""
    taken = {}
    for name, source in settings.sources.items():
        if source.push is None:
            continue
        about = f"source {name}"
        if why := unreachable(source.push.public_url, source):
            yield _warning(about, why, "push_unreachable")
        else:
            yield Note("ok", about, f"CTGO will push to {urlsplit(source.push.public_url).netloc}")
        taken[source.push.listen] = about
    if engine_of(settings.state.path):
        return  # that engine has bound the address
    for listen, about in taken.items():
        if listen.port and (why := refused(listen.host, listen.port)):
            detail = f"The daemon could not receive pushes on {listen}: {why}. It would poll nevertheless."
            yield _warning(about, detail, "push_unserved")


def unreachable(public_url: str, source: Source) -> str:
    """Return the reason why CTGO cannot reach an address, as far as the address tells; empty if there is none.

    The simulator is a CTGO on this machine, and reaches local addresses.
    """
    host = (urlsplit(public_url).hostname or "").rstrip(".").lower()
    at_home = is_loopback(urlsplit(source.base_url).hostname or "")
    if is_loopback(host):
        return "" if at_home else f"CTGO cannot reach {host}: it means this machine only."
    try:
        address = ip_address(host)
    except ValueError:
        if "." not in host or host.rpartition(".")[2] in LOCAL:
            return "" if at_home else f"CTGO cannot reach {host}: the internet does not know this name."
        return ""
    if not address.is_global and not at_home:
        return f"CTGO cannot reach {host}: it is an address of a private network."
    return ""
