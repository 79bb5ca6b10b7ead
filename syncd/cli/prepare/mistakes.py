"""The configuration with everything that is wrong in it, found in one round."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from syncd.app.connectors import Mapped, compile_connectors
from syncd.app.privileges import become_owner_of, settings_in_force
from syncd.log import configure, redact_values
from syncd.settings import Settings, SettingsError, secret_values


class Reading(NamedTuple):
    """A configuration as far as it can be read. `settings` None: it cannot be. `mapped`: empty with a mistake in any connector."""

    settings: Settings | None
    mapped: Mapping[str, Mapped]
    mistakes: tuple[str, ...]


def read_configuration(config: Path | None, *, to_run: bool) -> Reading:
    """Read a configuration, and its connectors also where another part is wrong. `to_run`: a source and a connector are needed."""
    settings, mapped, mistakes = None, {}, []
    try:
        settings = rest = settings_in_force(config)
    except SettingsError as error:
        rest, mistakes = error.rest, [*error.mistakes]
    try:
        if rest is not None:
            become_owner_of(rest.state.path)  # a plugin is not imported by root
            redact_values(secret_values(rest))
            configure(rest.log.format, "error")
            mapped = compile_connectors(rest)
    except SettingsError as error:
        mistakes += error.mistakes
    try:
        if to_run and settings is not None:
            settings.require_sources()
    except SettingsError as error:
        mistakes += error.mistakes
    redact_values(secret for it in mapped.values() for secret in it.configured.secrets)
    return Reading(settings, mapped, tuple(dict.fromkeys(mistakes)))
