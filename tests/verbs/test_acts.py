"""An act of a person is one function: the command line has a command for each, and calls it."""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import syncd.verbs
from syncd.cli import entry
from syncd.console.app import ROUTES as PAGES
from syncd.verbs.actor import Actor

ROOT = Path(__file__).parents[2]

ACTS: Mapping[str, str] = {
    "gate.drop_held": "release --drop",
    "gate.hold_again": "release --hold-again",
    "gate.release": "release",
    "lanes.pause": "pause",
    "lanes.pull_now": "pull",
    "lanes.resume": "resume",
    "lanes.try_now": "retry",
    "rejected.drop": "rejected drop",
    "rejected.retry": "rejected retry",
    "rejected.take_back": "rejected take-back",
}
"""The command of each act."""

ROUTES: Mapping[str, str] = {
    "gate.drop_held": "/drop-held",
    "gate.hold_again": "/hold",
    "gate.release": "/release",
    "lanes.pause": "/pause",
    "lanes.pull_now": "/pull",
    "lanes.resume": "/resume",
    "lanes.try_now": "/try-now",
    "rejected.drop": "/drop",
    "rejected.retry": "/retry",
    "rejected.take_back": "/take-back",
}
"""The console's route of each act."""


def acts() -> Iterator[str]:
    """Every public function of `syncd.verbs` that an `Actor` comes first to."""
    for module in pkgutil.iter_modules(syncd.verbs.__path__):
        found = importlib.import_module(f"syncd.verbs.{module.name}")
        for name, function in inspect.getmembers(found, inspect.isfunction):
            first = next(iter(inspect.signature(function).parameters.values()), None)
            ours = function.__module__ == found.__name__ and not name.startswith("_")
            if ours and first is not None and first.annotation is Actor:
                yield f"{module.name}.{name}"


def called(folder: Path) -> set[str]:
    """The functions that the modules of a folder import from `syncd.verbs` and call, as `module.function`."""
    found = set()
    for path in folder.rglob("*.py"):
        tree = ast.parse(path.read_text())
        names: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("syncd.verbs"):
                place = (node.module or "").removeprefix("syncd.verbs").removeprefix(".")
                names |= {it.asname or it.name: f"{place}.{it.name}".lstrip(".") for it in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                found.add(names[node.func.id])
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id in names
            ):
                found.add(f"{names[node.func.value.id]}.{node.func.attr}")
    return found


def test_every_act_has_a_command_that_calls_it() -> None:
    assert set(acts()) == set(ACTS)
    assert called(ROOT / "syncd" / "cli") >= set(ACTS)


@pytest.mark.parametrize("command", sorted(set(ACTS.values())))
def test_every_command_of_an_act_is_there(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [word for word in command.split() if not word.startswith("--")]
    assert entry.run([*words, "--help"]) == 0
    out = capsys.readouterr().out
    assert all(option in out for option in command.split() if option.startswith("--"))


def test_every_act_has_a_route_that_calls_it() -> None:
    assert set(acts()) == set(ROUTES)
    assert called(ROOT / "syncd" / "console") >= set(ROUTES)
    forms = {it.path for it in PAGES if it.method == "POST" and it.needs == "operator"}
    assert forms == set(ROUTES.values())
