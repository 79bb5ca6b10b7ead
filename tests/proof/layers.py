"""The layers of a proof run, and what each came to: pure. Zeros are told of a layer only if it ran and passed."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from tests.proof.figures import Figure
from tests.proof.simulation.outside.liveness import BUCKETS

Figures = Mapping[str, Mapping[str, Figure]]
"""What `tests.proof.figures.read` gives: by name, then by figure."""


class Layer(NamedTuple):
    """One layer. `where`: how the node ids of its tests begin; `figures`: the name that it records under."""

    title: str
    where: str
    figures: str
    came_to: Callable[[Mapping[str, Figure]], str]


def number(figures: Mapping[str, Figure], *names: str) -> float:
    """The sum of these figures; what is not there is 0."""
    found = (figures.get(name, 0) for name in names)
    return sum(it for it in found if not isinstance(it, str))


def _n(figures: Mapping[str, Figure], what: str, *names: str) -> str:
    return f"{number(figures, *names):,.0f} {what}"


def kinds_of(figures: Mapping[str, Figure], prefix: str) -> dict[str, float]:
    """Figures of kinds, by kind, the most frequent first."""
    found = {name.removeprefix(prefix): number(figures, name) for name in figures if name.startswith(prefix)}
    return dict(sorted(found.items(), key=lambda it: (-it[1], it[0])))


def _worlds(it: Mapping[str, Figure]) -> str:
    faults = kinds_of(it, "fault_")
    authors = ", ".join(f"{n:,.0f} {author}" for author, n in kinds_of(it, "worlds_").items())
    waits = kinds_of(it, "waited_")
    parts = [
        _n(it, "worlds", "seeds") + (f" (author of the remotes: {authors})" if authors else ""),
        _n(it, "days of their time", "days"),
        _n(it, "deaths", "crash", "crashes"),
        _n(it, "lives", "start", "starts"),
        _n(it, "requests", "requests"),
        _n(it, "commits", "commits"),
        _n(it, "exports, each witnessed", "exports"),
        f"{sum(faults.values()):,.0f} faults of {len(faults)} kinds",
    ]
    if waits:
        parts.append(f"{sum(waits.values()):,.0f} healthy leads behind poison, {_worst(waits)}")
    return ", ".join(parts)


def _worst(waits: Mapping[str, float]) -> str:
    """Name the longest wait, of groups in the order of their length."""
    order = [*BUCKETS, "longer"]
    longest = max(waits, key=lambda name: order.index(name) if name in order else len(order))
    return "none longer than " + longest.replace("_", " ") if longest in BUCKETS else "**some too long**"


def _kills(it: Mapping[str, Figure]) -> str:
    points = sum(kinds_of(it, "points of ").values())
    return f"{points:,.0f} points, {_n(it, 'kills', 'killed')}, {_n(it, 'of them while recovering', 'second kills')}"


def _cuts(it: Mapping[str, Figure]) -> str:
    return f"{_n(it, 'images of a disk', 'images')}, {_n(it, 'of a recovery', 'images of a recovery')}"


def _host(it: Mapping[str, Figure]) -> str:
    return _n(it, "points at which the disk, the host or a person was at fault", "points")


def _hostile(it: Mapping[str, Figure]) -> str:
    return (
        f"{_n(it, 'hostile answers', 'answers')} of {_n(it, 'kinds', 'kinds')}, "
        f"{_n(it, 'made up by a fuzzer', 'fuzz_examples')}"
    )


def _defects(it: Mapping[str, Figure]) -> str:
    beside = _n(it, "more that their layers plant", "planted by their layers")
    return f"{_n(it, 'planted', 'planted')}, {_n(it, 'caught', 'caught')}; {beside}"


LAYERS = (
    Layer("Whole worlds", "tests/proof/simulation/", "simulation", _worlds),
    Layer("Kill sweep", "tests/proof/crash/test_kill", "kills", _kills),
    Layer("Power cut", "tests/proof/crash/test_power_cut", "power_cuts", _cuts),
    Layer("Disk and host", "tests/proof/host/", "host", _host),
    Layer("Hostile bodies", "tests/proof/hostile/", "hostile", _hostile),
    Layer("Planted defects", "tests/proof/defects/", "defects", _defects),
)
ZEROS = {
    "lost": "leads lost",
    "duplicates": "duplicates",
    "exports_without_evidence": "exports without evidence",
    "stuck": "leads stuck",
    "rate_violations": "rates exceeded",
    "invariants_broken": "other promises broken",
}
"""What the simulation counts in the end of each world."""


def layer_of(node: str) -> Layer | None:
    """The layer that a test belongs to."""
    return next((layer for layer in LAYERS if node.startswith(layer.where)), None)


def standing(layer: Layer, figures: Figures) -> str:
    """What became of a layer: `ok`, or why nothing is claimed of it."""
    run = figures.get("run", {})
    passed, failed, skipped = (
        number(run, f"{layer.figures} {how}") for how in ("passed", "failed", "skipped")
    )
    bad = number(figures.get(layer.figures, {}), "bad")
    if failed:
        return f"**FAILED**: {failed:.0f} of {passed + failed:.0f}"
    if bad:
        return f"**{bad:.0f} bad**"
    if not passed or layer.figures not in figures:
        return "skipped" if skipped else "not run"
    return f"ok, {skipped:.0f} skipped" if skipped else "ok"


def zeros(figures: Figures) -> str:
    """One sentence with the zeros, or with why they are not claimed."""
    standings = {layer.title: standing(layer, figures) for layer in LAYERS}
    wrong = [title for title, how in standings.items() if "**" in how]
    worlds, found = standings["Whole worlds"], figures.get("simulation", {})
    if wrong:
        return f"Nothing is claimed: see {', '.join(wrong)}."
    if not worlds.startswith("ok") or not set(ZEROS) <= set(found):
        return f"No zeros are claimed, for whole worlds were {worlds if worlds != 'ok' else 'not counted'}."
    counted = ", ".join(f"{number(found, name):,.0f} {words}" for name, words in ZEROS.items())
    left_out = [title for title, how in standings.items() if not how.startswith("ok")]
    beside = f" Not tried: {', '.join(left_out)}." if left_out else ""
    return f"Found: {counted}.{beside}"
