"""The watch that sends alerts. Imported late: only when the settings name a receiver."""

import socket
from collections.abc import Callable

from syncd.alerts.sender import Counted, Hook, Sender
from syncd.alerts.watcher import DigestAt, Watch
from syncd.clock import Clock
from syncd.connector import Logger
from syncd.health.view import View
from syncd.ledger import Ledger
from syncd.settings import Alerts


def make_watch(
    look: Callable[[], View], ledger: Ledger, clock: Clock, log: Logger, counted: Counted
) -> Watch:
    """Make a watch that has no receiver yet."""
    return Watch(look, ledger, clock, log, socket.gethostname(), counted=counted)


def direct(watch: Watch, alerts: Alerts) -> None:
    """Direct a watch to the receivers in the settings; a webhook that stays keeps its state."""
    webhook, heartbeat, at = alerts.webhook_url, alerts.heartbeat_url, alerts.digest
    if not webhook.get_secret_value():
        watch.sender = None
    elif watch.sender is None or not watch.sender.hook.goes_to(webhook):
        watch.sender = Sender(Hook(webhook, watch.clock), watch.clock, watch.log, watch.counted)
    watch.heartbeat = Hook(heartbeat, watch.clock) if heartbeat.get_secret_value() else None
    watch.digest_at = DigestAt(at.hour, at.minute, at.zone) if at else None
    watch.woken.set()
