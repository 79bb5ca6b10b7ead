"""Mappings as they would be compiled, looked at without credentials: no option of a connector has to be right.

`map` and its check use this, in a pull request's CI say, where no secret is. What a connector's options must be is
`check`'s matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from syncd.connector import Field
from syncd.core.failure import Reject
from syncd.mapping import FieldMap, Filter, MappingError
from syncd.registry import Draft, drafts
from syncd.settings import Settings


@dataclass(frozen=True, slots=True)
class Drawn:
    """A connector's mapping, each field compiled alone, so that each can be asked why it is left out."""

    draft: Draft
    fields: Mapping[str, FieldMap]
    where: Filter

    @property
    def uses(self) -> frozenset[str]:
        """The variables that its fields and its `where` need."""
        return self.where.uses.union(*(one.uses for one in self.fields.values()))


@dataclass(frozen=True, slots=True)
class Shown:
    """One field for one lead: its value, or why there is none. `failed`: the whole lead would be set aside."""

    name: str
    policy: str
    value: object = None
    left_out: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a `where` says of one lead."""

    wanted: bool
    code: str = ""
    detail: str = ""


def drawn(settings: Settings, only: str = "") -> tuple[dict[str, Drawn], list[str]]:
    """The connectors' mappings (or the one named) by name, and every mistake in them and in what sources enrich.

    Raises SettingsError for a connector type that is unknown or cannot be loaded.
    """
    ready: dict[str, Drawn] = {}
    mistakes: list[str] = []
    of = settings.provenance.of
    for name, draft in drafts(settings).items():
        if only and name != only:
            continue
        owner = f"connectors.{name}"
        fields = {}
        for field, how in draft.fields.items():
            try:
                fields[field] = FieldMap.compile(owner, {field: how})
            except MappingError as error:
                mistakes.append(f"{of(('connectors', name, 'fields', field))}: {error}")
        try:
            where = Filter.compile(owner, draft.where)
            also = Filter.compile(f"{owner} ({draft.type})", draft.also_where)
            ready[name] = Drawn(draft, fields, where.also(also))
        except MappingError as error:
            mistakes.append(f"{of(('connectors', name, 'where'))}: {error}")
    for source, chosen in settings.sources.items():
        if chosen.enrich and (not only or only in settings.connectors_of(source)):
            try:
                Filter.compile(f"sources.{source}.enrich", chosen.enrich.where)
            except MappingError as error:
                mistakes.append(f"{of(('sources', source, 'enrich', 'where'))}: {error}")
    return ready, mistakes


def judged(it: Drawn, values: Mapping[str, object]) -> Verdict:
    """Whether the connector wants a lead with these values."""
    try:
        return Verdict(it.where.accepts(values))
    except Reject as why:
        return Verdict(wanted=False, code=why.code, detail=why.detail)


def shown(it: Drawn, values: Mapping[str, object]) -> list[Shown]:
    """Each field that could be compiled, in the mapping's order."""
    fields = it.draft.fields
    return [_shown(name, fields[name], field, values) for name, field in it.fields.items()]


def _shown(name: str, how: Field, field: FieldMap, values: Mapping[str, object]) -> Shown:
    try:
        result = field.evaluate(values)
    except Reject as why:
        return Shown(name, how.policy, left_out=why.detail, failed=True)
    if name in result:
        return Shown(name, how.policy, result[name])
    nulls = sorted(used for used in field.uses if values[used] is None)
    return Shown(
        name, how.policy, left_out=f"{' and '.join(nulls)} is null" if nulls else "it comes to nothing"
    )
