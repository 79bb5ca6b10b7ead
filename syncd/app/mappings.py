"""Configured connectors and sources with their expressions compiled."""

from typing import NamedTuple

from syncd.engine.fanout import Enriching
from syncd.mapping import FieldMap, Filter, MappingError
from syncd.registry import Configured, configure
from syncd.settings import Settings, SettingsError


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


def compile_connectors(settings: Settings) -> dict[str, Mapped]:
    """Compile every connector's fields and `where`, and check its options. Raises SettingsError with all mistakes."""
    ready, mistakes = {}, []
    for name, configured in configure(settings).items():
        owner = f"connectors.{name}"
        try:
            also = Filter.compile(f"{owner} ({configured.type})", configured.also_where)
            where = Filter.compile(owner, configured.settings.where).also(also)
            ready[name] = Mapped(configured, FieldMap.compile(owner, configured.fields), where)
        except MappingError as error:
            mistakes.append(f"{settings.provenance.name}: {error}")
    for name in settings.sources:
        try:
            compile_enriching(settings, name)
        except MappingError as error:
            mistakes.append(f"{settings.provenance.name}: {error}")
    if mistakes:
        raise SettingsError(*mistakes)
    return ready


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
