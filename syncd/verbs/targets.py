"""Sources and connectors by the names that people give them, and the advice about their failures."""

from collections.abc import Collection
from dataclasses import dataclass

from syncd.core.failure import CODES
from syncd.core.lane_state import SOURCE_LANES
from syncd.log import escape
from syncd.settings import Settings, SettingsError
from syncd.settings.error_messages import hint


class MistakeError(LookupError):
    """A person asked for something that there is not. The text says what there is."""


class UnknownNameError(MistakeError):
    """There is nothing of this name. Its text shows the nearest name, or all names."""

    def __init__(self, what: str, name: str, known: Collection[str], many: str = "") -> None:
        """`many`: the plural of `what`."""
        super().__init__(f"There is no {what} {escape(name[:64])}; {hint(name, known, many or f'{what}s')}")


@dataclass(frozen=True, slots=True)
class Target:
    """A source or connector, with its lanes as (kind, name)."""

    what: str
    name: str
    lanes: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.what} {self.name}"


def target_of(settings: Settings, name: str) -> Target:
    """Find the source or connector of a name. Raises UnknownNameError."""
    if name in settings.connectors:
        polls = (("hear", name),) if settings.connectors[name].feedback else ()
        return Target("connector", name, (("deliver", name), *polls))
    if name in settings.sources:
        source = settings.sources[name]
        also = (("enrich", source.enrich), ("push", source.push), ("feedback", settings.gives_feedback))
        kinds = (*SOURCE_LANES, *(kind for kind, table in also if table))
        return Target("source", name, tuple((kind, name) for kind in kinds))
    names = {*settings.sources, *settings.connectors}
    raise UnknownNameError("source or connector", name, names, "sources and connectors")


def advice(settings: Settings, code: str, name: str = "", *, halted: bool = False) -> str:
    """Advise what to do about a failure code of the source or connector `name`; empty if nobody knows.

    `halted`: its lane stands still, so the advice is to resume the lane, and not to retry one lead.
    """
    fix = CODES.get(code, "")
    if not fix and name in settings.connectors:
        from syncd import registry  # noqa: PLC0415 - imports the plugin

        try:
            fix = registry.codes([settings.connectors[name].type]).get(code, "")
        except SettingsError:  # a missing plugin has no advice; `check` reports that it is missing
            return ""
    if halted:
        fix = fix.replace(
            "syncd rejected retry",
            "syncd resume NAME; or, if these are to be rejected: syncd resume NAME --accept",
        )
    return fix.replace("SOURCE", name).replace("NAME", name) if name else fix
