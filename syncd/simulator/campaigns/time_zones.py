"""What of a campaign's set-up no schema can say."""

from collections.abc import Mapping
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from syncd.simulator.api.responses import BAD_BODY, RefusedError


def check_setup(body: Mapping[str, Any]) -> None:
    """Check the members of a campaign's body that a schema let pass.

    Raises:
        RefusedError: `timezone` is not one: 400.
    """
    zone = body.get("timezone")
    if zone is not None and _zones() and zone not in _zones():
        raise RefusedError(BAD_BODY, "timezone: no IANA time zone")


@cache
def _zones() -> frozenset[str]:
    """Time zones of this machine; none if it has no database of them, and then any is believed."""
    return frozenset(available_timezones())
