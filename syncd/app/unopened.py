"""The stand-in for a connector that could not be opened: its lane halts, and no other is held up by it."""

from collections.abc import Sequence
from typing import Any, NoReturn

from pydantic import BaseModel

from syncd.clock import Clock
from syncd.connector import Connector, Delivery, Failure, Halt, Logger
from syncd.registry import Configured


class Unopened(Connector):
    """See the module. It sends nothing and says why."""

    Options = BaseModel

    def __init__(self, why: Halt, context: Any = None) -> None:
        """`why`: what its lane halts with."""
        super().__init__(None, context)
        self._why = why

    def deliver(self, batch: Sequence[Delivery]) -> NoReturn:
        """Raises Halt."""
        del batch
        raise Halt(self._why.code, self._why.detail)


def opened(configured: Configured, clock: Clock, log: Logger) -> Connector:
    """Open the connector, or make what stands for it. The caller closes it."""
    try:
        return configured.open(clock, log)
    except Failure as why:
        return Unopened(Halt(why.code, why.detail))
    except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything, and the other lanes must run
        log.warning("connector_not_opened", connector=configured.name, error=type(error).__name__)
        return Unopened(Halt("connector_bug", f"opening it raised {type(error).__name__}"))
