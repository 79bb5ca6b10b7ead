"""Configured connectors with their expressions compiled, and opened; a stand-in replaces one that cannot be opened."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from pydantic import BaseModel

from syncd.clock import Clock
from syncd.connector import Called, Connector, Delivery, Failure, Field, Halt, Logger, untold
from syncd.core.failure import CONNECTOR_BUG
from syncd.engine.fanout import Enriching
from syncd.log import place_in
from syncd.mapping import FieldMap, Filter, MappingError
from syncd.registry import Configured, Draft, draft, examine
from syncd.settings import Settings, SettingsError


class Unopened(Connector):
    """A stand-in for a connector that could not be opened: only its own lane halts. It sends nothing, and gives the reason."""

    Options = BaseModel

    def __init__(self, why: Halt, context: Any = None) -> None:
        """`why`: the halt of its lane."""
        super().__init__(None, context)
        self._why = why

    def deliver(self, batch: Sequence[Delivery]) -> NoReturn:
        """Raise the halt."""
        del batch
        raise Halt(self._why.code, self._why.detail)


def open_connector(configured: Configured, clock: Clock, log: Logger, called: Called = untold) -> Connector:
    """Open a connector; return a stand-in if that fails. The caller closes it."""
    try:
        return configured.open(clock, log, called)
    except Failure as why:
        return Unopened(Halt(why.code, why.detail))
    except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything, and the other lanes must run
        what = f"Opening it raised {type(error).__name__} ({place_in(error, configured.cls)})."
        log.warning("connector_not_opened", connector=configured.name, error=what)
        return Unopened(Halt(CONNECTOR_BUG, what))


class Mapped(NamedTuple):
    """A configured connector with its expressions compiled."""

    configured: Configured
    fields: FieldMap
    where: Filter

    @property
    def name(self) -> str:
        """The connector's name."""
        return self.configured.name

    @property
    def uses(self) -> frozenset[str]:
        """The variables that its fields and its `where` need."""
        return self.fields.uses | self.where.uses


def compile_connectors(settings: Settings, names: Collection[str] = ()) -> dict[str, Mapped]:
    """Compile connectors' fields and `where`, and check their options. Raises SettingsError with all mistakes.

    `names`: of connectors; nothing else is looked at. Empty: every connector, and what the sources enrich.
    """
    ready: dict[str, Mapped] = {}
    configured, mistakes = examine(settings, names)
    for name in names or settings.connectors:
        try:  # its expressions are read if its options are wrong too
            it = configured.get(name) or draft(settings, name)
        except SettingsError:  # of its type, which is among the mistakes
            continue
        found, where, fields = _compiled(settings, it)
        mistakes += found
        if not found and where and fields and isinstance(it, Configured):
            ready[name] = Mapped(it, fields, where)
    for name in () if names else settings.sources:
        try:
            compile_enriching(settings, name)
        except MappingError as error:
            mistakes.append(f"{settings.provenance.name}: {error}")
    if mistakes:
        raise SettingsError(*mistakes)
    return ready


def _compiled(settings: Settings, it: Configured | Draft) -> tuple[list[str], Filter | None, FieldMap | None]:
    """Compile the expressions of a connector; also return every mistake in them."""
    owner, found = f"connectors.{it.name}", []
    where = fields = None
    try:
        also = Filter.compile(f"{owner} ({it.type})", it.also_where)
        where = Filter.compile(owner, settings.connectors[it.name].where).also(also)
    except MappingError as error:
        found.append(error)
    try:
        fields = FieldMap.compile(owner, it.fields)
    except MappingError as error:
        found += _each_mistake(owner, it.fields) or [error]
    return [f"{settings.provenance.name}: {error}" for error in found], where, fields


def _each_mistake(owner: str, fields: Mapping[str, Field]) -> list[MappingError]:
    found = []
    for name, field in fields.items():
        try:
            FieldMap.compile(owner, {name: field})
        except MappingError as error:
            found.append(error)
    return found


def compile_enriching(settings: Settings, name: str) -> Enriching | None:
    """Compile a source's `enrich` table; None if the source never enriches. Raises MappingError."""
    chosen = settings.sources[name].enrich
    if chosen is None:
        return None
    return Enriching(
        outputs=chosen.outputs,
        email_mode=chosen.email_mode,
        where=Filter.compile(f"sources.{name}.enrich", chosen.where),
        per_day=chosen.per_day,
        keep_credits=chosen.keep_credits,
        when_exhausted=chosen.when_exhausted,
    )
