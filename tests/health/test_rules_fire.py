"""Prometheus evaluates the rules: each alert is raised where it should be, and is silent beside it. Skipped without promtool."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.health.test_rules import RULES

CASES = Path(__file__).with_name("rules.yml")
Change = Callable[[dict[str, Any]], None]


def evaluated(folder: Path, change: Change = lambda _: None) -> str:
    """What promtool says that differs; `change` is done to each rule before. What a person is told is left out."""
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not here")
    rules = yaml.safe_load(RULES.read_text())
    for rule in rules["groups"][0]["rules"]:
        del rule["annotations"]
        change(rule)
    (folder / "alerts.yml").write_text(yaml.safe_dump(rules))
    cases = yaml.safe_load(CASES.read_text()) | {"rule_files": ["alerts.yml"]}
    (folder / "rules.yml").write_text(yaml.safe_dump(cases))
    ran = subprocess.run(
        [tool, "test", "rules", str(folder / "rules.yml")], capture_output=True, text=True, check=False
    )
    return "" if ran.returncode == 0 else ran.stdout + ran.stderr


def test_each_alert_is_raised_where_it_should_be_and_silent_where_not(tmp_path: Path) -> None:
    assert evaluated(tmp_path) == ""


DEFECTS = {
    "a message that was sent silences nothing": ("SyncdNobodyHears", " ignoring (outcome)", ""),
    "one of two instances may be gone": ("SyncdGone", "unless on (job, instance) syncd_build_info or", "and vector(0) or"),
    "instances are added up": ("SyncdManySetAside", "job, instance, ", ""),
    "what is ready is not": ("SyncdNotReady", "== 0", "== 1"),
}  # fmt: skip


@pytest.mark.parametrize(("alert", "old", "new"), DEFECTS.values(), ids=DEFECTS)
def test_a_rule_that_is_wrong_is_noticed(tmp_path: Path, alert: str, old: str, new: str) -> None:
    """Negative control."""

    def plant(rule: dict[str, Any]) -> None:
        if rule["alert"] == alert:
            assert old in rule["expr"]
            rule["expr"] = rule["expr"].replace(old, new)

    assert alert in evaluated(tmp_path, plant)


def test_every_alert_has_a_case_where_it_fires_and_one_where_it_does_not() -> None:
    expected: dict[str, set[bool]] = {}
    for case in yaml.safe_load(CASES.read_text())["tests"]:
        for one in case["alert_rule_test"]:
            expected.setdefault(one["alertname"], set()).add(bool(one["exp_alerts"]))
    names = {rule["alert"] for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]}
    assert expected == {name: {True, False} for name in names}
