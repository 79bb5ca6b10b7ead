"""`variables`: what a mapping may name, with a value each."""

import json

import pytest

from syncd.cli import entry
from syncd.mapping import VARIABLES
from tests.cli.conftest import Home, rows, told


def test_the_variables_of_a_made_up_lead_need_no_configuration(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    assert entry.run(["variables"]) == 0
    out = capsys.readouterr().out
    names = [line.split()[0] for line in out.splitlines()[2:-1]]
    assert tuple(names) == VARIABLES
    assert "made up" in out
    assert "mara@smalltools.example" in out


def test_the_values_of_a_lead_are_the_ledgers(home: Home) -> None:
    home.syncd("--once")
    (lead_id, text), *_ = rows(home, "SELECT lead_id, text FROM lead JOIN payload USING (seq)")
    (one,) = told(home, "variables", "--lead", str(lead_id))
    values = {it["name"]: it for it in one["variables"]}
    assert (one["made_up"], one["lead"]["id"]) == (False, lead_id)
    assert values["handle"]["value"] == json.loads(text)["profile"]["handle"]
    assert values["raw"]["value"] == json.loads(text)
    assert (values["email"]["value"], values["email"]["can_be_null"]) == (None, True)
    assert "- null" in home.syncd("variables", "--lead", str(lead_id)).out


def test_a_lead_without_data_is_told(home: Home) -> None:
    assert home.syncd("variables", "--lead", "7").code == 1
    home.syncd("--once")
    ran = home.syncd("variables", "--lead", "7")
    assert (ran.code, "no data of a lead 7" in ran.err) == (1, True)
    ((lead_id,), *_) = rows(home, "SELECT lead_id FROM lead")
    rows(home, "DELETE FROM payload")
    assert home.syncd("variables", "--lead", str(lead_id)).code == 1


def test_filters_and_tests_are_listed_with_an_example_and_its_result(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert entry.run(["variables", "--filters", "--json"]) == 0
    found = {(it["kind"], it["name"]): it for it in json.loads(capsys.readouterr().out)}
    assert found["filter", "default"]["result"] == "unknown"
    assert found["test", "none"]["example"] == "email is none"
    assert found["method", "split"]["result"] == ["Mara", "Oduya"]
    assert all(it["result"] is not None for it in found.values())
    assert entry.run(["variables", "--filters"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(found) + 1


def test_filters_are_of_no_lead(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run(["variables", "--filters", "--lead", "7"]) == 64
    assert "--lead" in capsys.readouterr().err
