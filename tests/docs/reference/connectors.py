"""The connectors that come with syncd; those of strangers that are installed here are left out."""

from syncd.connector import Connector
from syncd.registry import known_types


def built_in() -> dict[str, type[Connector]]:
    """Return the class of each type."""
    points = known_types()
    ours = sorted(name for name, point in points.items() if point.module.startswith("connectors."))
    return {name: points[name].load() for name in ours}
