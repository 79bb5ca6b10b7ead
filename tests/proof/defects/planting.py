"""How a defect is described, and how it gets into the program: in memory, wherever a name is bound."""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable
from pkgutil import resolve_name
from types import ModuleType
from typing import Any, NamedTuple

import connectors
import syncd

Plant = Callable[[], None]


class Defect(NamedTuple):
    """One fault, or several of a kind that their test plants.

    `says`: what it does. `breaks`: the promise that it breaks, as `tests/README.md` numbers them, or what else. `layer`: of
    the tests that notice it. `test`: the node id of one that does. `plant`: None where that test plants it itself, and is
    green because it notices. `many`: how many these are.
    """

    name: str
    says: str
    breaks: str
    layer: str
    test: str
    plant: Plant | None = None
    many: int = 1


DEFECTS: dict[str, Defect] = {}
"""All of them, by name; filled by the modules that `tests.proof.defects.all` imports."""


def defect(breaks: str, layer: str, test: str) -> Callable[[Plant], Plant]:
    """Make a defect of a function; its name is the defect's, its docstring says what it does."""

    def add(plant: Plant) -> Plant:
        _add(Defect(plant.__name__, inspect.getdoc(plant) or "", breaks, layer, test, plant))
        return plant

    return add


def planted_by_its_test(name: str, says: str, where: tuple[str, str], test: str, *, many: int = 1) -> None:
    """A defect that a test of its layer plants itself. `where`: what it breaks, and the layer."""
    _add(Defect(name, says, *where, test, many=many))


def _add(one: Defect) -> None:
    assert one.name not in DEFECTS, one.name
    DEFECTS[one.name] = one


def instead(target: str, new: object) -> None:
    """Put something in the place of what a name means, for whoever has imported it as well.

    `target`: `package.module:name`, or `package.module:Class.name`.
    """
    around(target, lambda _: new)


def around(target: str, make: Callable[[Any], object]) -> None:
    """As `instead`; `make` is given what was there."""
    where, _, name = target.rpartition(":" if "." not in target.partition(":")[2] else ".")
    holder: Any = resolve_name(where)
    old = vars(holder)[name]
    new = make(old)
    setattr(holder, name, new)
    if isinstance(holder, ModuleType):
        for module in list(sys.modules.values()):
            _rebind(module, old, new)


def import_all() -> None:
    """All of the program: what is bound when a module is imported is then the same, however a defect is planted."""
    for package in (syncd, connectors):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.startswith(NOT_WANTED):
                importlib.import_module(module.name)


NOT_WANTED = ("syncd.ledger.migrations", "syncd.__main__", "syncd.simulator.__main__")


def _rebind(module: ModuleType, old: object, new: object) -> None:
    """In a module of ours, all names for the old."""
    package = (getattr(module, "__name__", None) or "").partition(".")[0]
    if package not in {"syncd", "connectors", "tests"}:
        return
    for name, value in list(vars(module).items()):
        if value is old and not isinstance(old, int | float | str | None):
            setattr(module, name, new)
