"""The alerts beside the daemon, put together. Imported when there is somebody to tell: many have nobody."""

import socket
from collections.abc import Callable

from syncd.alerts.hook import Hook
from syncd.alerts.sender import Counted, Sender
from syncd.alerts.watcher import DigestAt, Watch
from syncd.clock import Clock
from syncd.connector import Logger
from syncd.health.view import View
from syncd.ledger import Ledger
from syncd.settings import Alerts


def make_watch(
    look: Callable[[], View], ledger: Ledger, clock: Clock, log: Logger, counted: Counted
) -> Watch:
    """A watch that tells nobody yet."""
    return Watch(look, ledger, clock, log, socket.gethostname(), counted=counted)


def point(watch: Watch, alerts: Alerts) -> None:
    """Have it tell whom the settings say. What it remembers of an address that stays is kept."""
    webhook, heartbeat, at = alerts.webhook_url, alerts.heartbeat_url, alerts.digest
    if not webhook.get_secret_value():
        watch.sender = None
    elif watch.sender is None or not watch.sender.hook.goes_to(webhook):
        watch.sender = Sender(Hook(webhook, watch.clock), watch.clock, watch.log, watch.counted)
    watch.heartbeat = Hook(heartbeat, watch.clock) if heartbeat.get_secret_value() else None
    watch.digest_at = DigestAt(at.hour, at.minute, at.zone) if at else None
    watch.woken.set()
