"""Each defect is noticed by the test that it names: red with it, because something that was asserted did not hold.

That the same tests are green without it, the rest of the suite shows.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.connectors.kit.test_contract_faults import FAULTS
from tests.core import test_limiter_simulation
from tests.proof.defects.all import AREAS, DEFECTS
from tests.proof.defects.nursery import Came
from tests.proof.defects.planting import Defect
from tests.proof.figures import record
from tests.proof.simulation.test_it_notices import PLANTS

TREE = Path(__file__).parents[3]
OURS = [name for name, it in DEFECTS.items() if it.plant]
OTHERS = [name for name, it in DEFECTS.items() if not it.plant]
FEWEST = 30

Try = Callable[[Defect, Path], Came]


@pytest.fixture(scope="session")
def with_defect() -> Iterator[Try]:
    """Runs the test of a defect with the defect."""
    quiet = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PROOF_", "PYTEST_", "SYNCD_"))
    }
    nursery = subprocess.Popen(
        [sys.executable, "-m", "tests.proof.defects.nursery"],
        cwd=TREE,
        env=quiet,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert nursery.stdin
    assert nursery.stdout
    orders, answers = nursery.stdin, nursery.stdout

    def ask(it: Defect, folder: Path) -> Came:
        orders.write(json.dumps({"defect": it.name, "test": it.test, "folder": str(folder)}) + "\n")
        orders.flush()
        line = answers.readline()
        assert line, "the nursery is dead"
        return Came(*json.loads(line))

    with nursery:
        yield ask
        orders.close()


@pytest.mark.parametrize("name", OURS)
def test_a_planted_defect_is_noticed(name: str, with_defect: Try, tmp_path: Path) -> None:
    came = with_defect(DEFECTS[name], tmp_path / "child")
    record("defects", {"planted": 1, "caught": int(came.noticed)})
    assert came.met, f"{DEFECTS[name].test} was not run: {came.red or 'it was skipped'}"
    assert came.red, f"{name}: {DEFECTS[name].test} is green all the same"
    assert came.noticed, f"{name}: red, and not because something asserted did not hold: {came.red}"


@pytest.mark.parametrize("name", OTHERS)
def test_a_test_that_plants_its_own_is_there(name: str) -> None:
    """It is green because it notices; the suite shows that."""
    it = DEFECTS[name]
    file, _, test = it.test.partition("::")
    assert f"def {test}(" in (TREE / file).read_text()
    record("defects", {"planted by their layers": it.many})


def test_those_of_a_kind_are_counted() -> None:
    assert DEFECTS["broken_connectors"].many == len(FAULTS)
    assert DEFECTS["limiters"].many == len(test_limiter_simulation.DEFECTS)


def test_there_are_enough_and_each_says_what_it_does() -> None:
    assert len(OURS) >= FEWEST
    for it in DEFECTS.values():
        assert it.says.endswith("."), it.name
        assert "\n" not in it.says, it.name
        assert it.breaks, it.name
    assert len(AREAS) == len({area.__name__ for area in AREAS})


def test_no_module_of_defects_is_forgotten() -> None:
    """A defect in a module that `AREAS` leaves out would be planted by nobody."""
    modules = {
        path.relative_to(TREE).with_suffix("").as_posix().replace("/", ".")
        for path in (TREE / "tests" / "proof" / "defects").rglob("*.py")
        if re.search(r"^@defect\(|^planted_by_its_test\(", path.read_text(), re.MULTILINE)
    }
    assert modules == {area.__name__ for area in AREAS}


def test_a_defect_that_the_simulation_plants_is_in_the_table() -> None:
    described = {name for name, it in DEFECTS.items() if it.layer == "simulation"}
    assert {plant.__name__ for plant, _, _ in PLANTS} == described


def test_the_program_knows_nothing_of_defects() -> None:
    for package in ("syncd", "connectors"):
        for module in (TREE / package).rglob("*.py"):
            assert "SYNCD_DEFECT" not in module.read_text(), module
