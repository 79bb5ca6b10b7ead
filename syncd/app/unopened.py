"""What stands for a connector that could not be opened: its lane halts, and no other is held up by it."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NoReturn

from pydantic import BaseModel

from syncd.clock import Clock
from syncd.connector import Connector, Field, Finding, Logger
from syncd.core.delivery import Delivery, Route
from syncd.core.failure import Failure, Halt
from syncd.registry import Configured


class Unopened:
    """See the module. It sends nothing and says why."""

    Options: ClassVar[type[BaseModel]] = BaseModel
    codes: ClassVar[Mapping[str, str]] = {}
    defaults: ClassVar[Mapping[str, str | Field]] = {}
    objects: ClassVar[Literal["people", "leads"]] = "leads"
    batch_size = 1

    def __init__(self, why: Halt, context: Any = None) -> None:
        """`why`: what its lane halts with."""
        del context
        self._why = why

    def check(self) -> Sequence[Finding]:
        """What is wrong."""
        return [Finding("error", self._why.code, self._why.detail, self._why.fix)]

    def route(self, delivery: Delivery) -> Route:
        """Anything will do: nothing is sent."""
        return Route("", str(delivery.id))

    def deliver(self, batch: Sequence[Delivery]) -> NoReturn:
        """Raises Halt."""
        del batch
        raise Halt(self._why.code, self._why.detail, fix=self._why.fix)

    def close(self) -> None:
        """Nothing is open."""


def opened(configured: Configured, clock: Clock, log: Logger) -> Connector:
    """The connector, or what stands for it. The caller closes it."""
    try:
        return configured.open(clock, log)
    except Failure as why:
        return Unopened(Halt(why.code, why.detail, fix=why.fix))
    except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything, and the other lanes must run
        log.warning("connector_not_opened", connector=configured.name, error=type(error).__name__)
        return Unopened(Halt("connector_bug", f"opening it raised {type(error).__name__}"))
