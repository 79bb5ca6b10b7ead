"""Mappings compiled without credentials: no option of a connector has to be right.

`map` uses them, also in a pull request's CI, which has no secret. `check` is responsible for options.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from syncd.connector import Field
from syncd.core.failure import Reject
from syncd.core.lead import Lead, parse_lead
from syncd.mapping import FieldMap, Filter, Labels, MappingError
from syncd.registry import Draft, drafts
from syncd.settings import Settings


@dataclass(frozen=True, slots=True)
class DraftMapping:
    """A connector's mapping, each field compiled alone, to explain why a field is left out."""

    draft: Draft
    fields: Mapping[str, FieldMap]
    where: Filter

    @property
    def uses(self) -> frozenset[str]:
        """The variables that its fields and its `where` need."""
        return self.where.uses.union(*(one.uses for one in self.fields.values()))


@dataclass(frozen=True, slots=True)
class FieldResult:
    """One field for one lead: its value, or the reason why it is left out. `failed`: the whole lead would be rejected.

    `written`: the value as the connector writes it, as far as that is known without the remote.
    """

    name: str
    policy: str
    value: object = None
    written: object = None
    left_out: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class WhereResult:
    """The result of a `where` for one lead."""

    wanted: bool
    code: str = ""
    detail: str = ""


def draft_mappings(settings: Settings, only: str = "") -> tuple[dict[str, DraftMapping], list[str]]:
    """Compile the mappings of all connectors, or of one; also list every mistake in them and in `enrich` tables.

    Raises SettingsError for a connector type that is unknown or cannot be loaded.
    """
    ready: dict[str, DraftMapping] = {}
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
            ready[name] = DraftMapping(draft, fields, where.also(also))
        except MappingError as error:
            mistakes.append(f"{of(('connectors', name, 'where'))}: {error}")
    for source, chosen in settings.sources.items():
        if chosen.enrich and (not only or only in settings.connectors_of(source)):
            try:
                Filter.compile(f"sources.{source}.enrich", chosen.enrich.where)
            except MappingError as error:
                mistakes.append(f"{of(('sources', source, 'enrich', 'where'))}: {error}")
    return ready, mistakes


def judge(it: DraftMapping, values: Mapping[str, object]) -> WhereResult:
    """Judge by `where` if the connector wants a lead with these values."""
    try:
        return WhereResult(it.where.accepts(values))
    except Reject as why:
        return WhereResult(wanted=False, code=why.code, detail=why.detail)


def evaluate(it: DraftMapping, values: Mapping[str, object]) -> list[FieldResult]:
    """Evaluate each field that could be compiled, in the mapping's order."""
    fields = it.draft.fields
    found = [_evaluate(name, fields[name], field, values) for name, field in it.fields.items()]
    written = it.draft.as_written({one.name: one.value for one in found if not one.left_out})
    return [replace(one, written=written.get(one.name)) for one in found]


def describe_value(one: Mapping[str, Any]) -> str:
    """Write a field's value for people, as the connector writes it, or the reason why it is left out."""
    value, written = one["value"], one["written"]
    if one["left_out"]:
        return f"- left out: {one['left_out']}"
    if written is None:
        return "- left out: the connector writes no such value there"
    text = written if isinstance(written, str) else json.dumps(written, ensure_ascii=False)
    if isinstance(value, str) and text != value and value.startswith(text):
        return f"{text} (cut to {len(text)} of {len(value)} characters)"
    return text


def _evaluate(name: str, how: Field, field: FieldMap, values: Mapping[str, object]) -> FieldResult:
    try:
        result = field.evaluate(values)
    except Reject as why:
        return FieldResult(name, how.policy, left_out=why.detail, failed=True)
    if name in result:
        return FieldResult(name, how.policy, result[name])
    nulls = sorted(used for used in field.uses if values[used] is None)
    reason = f"{' and '.join(nulls)} is null" if nulls else "it comes to nothing"
    return FieldResult(name, how.policy, left_out=reason)


_FULL: Mapping[str, Any] = MappingProxyType(
    {
        "id": 90211,
        "streamId": 14,
        "trackedXAccountId": 3,
        "segmentId": 6,
        "matchConfidence": "high",
        "sourceType": "new_follower",
        "discoveredAt": "2026-06-11T07:15:00Z",
        "exportedAt": None,
        "profile": {
            "xUserId": "2290114477",
            "handle": "mara_builds",
            "displayName": "Mara Oduya",
            "profileImageUrl": "https://pbs.example.com/profile/1.jpg",
            "followerCount": 4310,
            "bio": "Shipping small dev tools.",
        },
    }
)
ENRICHED: Mapping[str, Any] = MappingProxyType(
    {
        "email": {"address": "mara@smalltools.example", "status": "verified", "provider": "prospeo"},
        "linkedin": {"url": "https://www.linkedin.com/in/mara-oduya", "confidence": "high"},
    }
)
"""The enrichment of the made-up lead."""

NAMES = Labels(
    streams={14: "Indie founders"},
    segments={6: "Founders who sell to developers"},
    accounts={3: "northwindlabs"},
)
"""The names of the made-up lead's campaign, segment and tracked account."""


_BARE: Mapping[str, Any] = MappingProxyType(
    {"id": 90212, "discoveredAt": "2026-06-11T07:16:00Z", "profile": {"handle": "nobody_knows"}}
)


def sample(source: str, *, bare: bool = False) -> Lead:
    """Make a lead with everything that CTGO documents; if `bare`, with as little as possible."""
    parsed = parse_lead(source, dict(_BARE if bare else _FULL))
    assert isinstance(parsed, tuple)  # noqa: S101 - it is valid
    return parsed[0]
