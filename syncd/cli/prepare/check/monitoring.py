"""Checks of health and alerts: somebody must hear of trouble, and can see the daemon's state."""

import socket
from collections.abc import Iterator

from pydantic import SecretStr

from syncd.alerts.message import HEADERS, body_of
from syncd.alerts.sender import Hook
from syncd.cli.engine_holder import engine_of
from syncd.cli.exits import Exit
from syncd.cli.prepare.notes import Note
from syncd.clock import Clock
from syncd.core.failure import CODES
from syncd.settings import Settings
from syncd.sockets import refused


def alert_notes(settings: Settings, clock: Clock, *, send_test: bool) -> Iterator[Note]:
    """Check the receivers of alerts. `send_test`: also send the webhook a test message.

    The heartbeat is never tried: a ping would mean that syncd works.
    """
    alerts = settings.alerts
    webhook, heartbeat = (_hook(url, clock) for url in (alerts.webhook_url, alerts.heartbeat_url))
    if webhook is None and heartbeat is None:
        detail = "Nobody hears when something needs a person."
        yield Note("warning", "alerts", detail, "nobody_hears", CODES["nobody_hears"])
    if webhook is not None:
        yield _tried(webhook) if send_test else Note("ok", "alerts", f"{webhook.host} hears of trouble")
    if heartbeat is not None:
        yield Note("ok", "alerts", f"{heartbeat.host} hears of every clean pull")


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
        yield Note("warning", "health", detail, "health_unserved", CODES["health_unserved"])
