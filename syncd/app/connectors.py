"""Opened connectors, and the stand-in for one that could not be opened: only its own lane halts."""

from collections.abc import Sequence
from typing import Any, NoReturn

from pydantic import BaseModel

from syncd.clock import Clock
from syncd.connector import Connector, Delivery, Failure, Halt, Logger
from syncd.registry import Configured


class Unopened(Connector):
    """A stand-in for a connector that could not be opened. It sends nothing and says why."""

    Options = BaseModel

    def __init__(self, why: Halt, context: Any = None) -> None:
        """`why`: the halt of its lane."""
        super().__init__(None, context)
        self._why = why

    def deliver(self, batch: Sequence[Delivery]) -> NoReturn:
        """Raise the halt."""
        del batch
        raise Halt(self._why.code, self._why.detail)


def open_connector(configured: Configured, clock: Clock, log: Logger) -> Connector:
    """Open a connector; return a stand-in if that fails. The caller closes it."""
    try:
        return configured.open(clock, log)
    except Failure as why:
        return Unopened(Halt(why.code, why.detail))
    except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything, and the other lanes must run
        log.warning("connector_not_opened", connector=configured.name, error=type(error).__name__)
        return Unopened(Halt("connector_bug", f"opening it raised {type(error).__name__}"))
