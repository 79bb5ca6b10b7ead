"""The rules for Prometheus and the dashboard for Grafana name metrics and labels that /metrics has."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from syncd.health.counters import Counting
from syncd.health.metrics import counters, families
from syncd.health.view import View
from tests.health.conftest import Health

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
DASHBOARD = DEPLOY / "grafana" / "dashboard.json"
FOREIGN = {"job", "instance", "le"}
"""Labels that Prometheus adds, and a histogram's own."""


def metrics() -> dict[str, set[str]]:
    """The labels of each metric, by each name that it is queried by."""
    found: dict[str, set[str]] = {}
    for family in [*families(View(0.0)), *counters(Counting().read())]:
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        found |= {family.name + suffix: set(family._labelnames) for suffix in suffixes}  # type: ignore[attr-defined]
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total"):
        found[name] = set()
    return found


def wrong_in(expression: str) -> Iterator[str]:
    """Names and labels of an expression that no metric has."""
    known = metrics()
    for name, matchers in re.findall(r"\b((?:syncd|process)_\w+)(?:\{([^}]*)\})?", expression):
        if name not in known:
            yield name
        labels = set(re.findall(r"(\w+)\s*(?:=~|!=|=)", matchers))
        yield from (f"{name}{{{label}}}" for label in labels - known.get(name, labels) - FOREIGN)
    every = set[str]().union(*known.values()) | FOREIGN
    for labels in re.findall(r"\b(?:by|on|without|ignoring) \(([^)]+)\)", expression):
        yield from (label for label in re.split(r",\s*", labels) if label not in every)


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_a_rule_names_what_there_is_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert list(wrong_in(rule["expr"])) == []
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"]["summary"].endswith(".")
    assert "}}s " not in rule["annotations"]["summary"], "a label with a plural's s is no word"
    assert rule["annotations"]["fix"]
    used = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    assert used <= set[str]().union(*metrics().values())


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return [panel for panel in found if panel["type"] != "row"]


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: str(panel["title"]))
def test_a_panel_names_what_there_is(panel: dict[str, Any]) -> None:
    assert panel["targets"]
    for target in panel["targets"]:
        assert list(wrong_in(target["expr"])) == []
        shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        assert shown <= set[str]().union(FOREIGN, *metrics().values())


def test_the_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_every_metric_of_ours_is_on_the_dashboard_or_in_a_rule() -> None:
    used = DASHBOARD.read_text() + RULES.read_text()
    unused = {name for name in metrics() if name.startswith("syncd_") and name not in used}
    assert unused <= {
        "syncd_last_successful_pull_timestamp_seconds", "syncd_oldest_unsettled_lead_age_seconds", "syncd_pulls_total",
        "syncd_delivery_latency_seconds_sum", "syncd_delivery_latency_seconds_count",
    }  # fmt: skip


def test_a_name_that_is_not_there_is_found() -> None:
    """Negative control."""
    assert list(wrong_in("syncd_reddy == 0")) == ["syncd_reddy"]
    assert list(wrong_in('syncd_leads{conector="crm"}')) == ["syncd_leads{conector}"]
    assert list(wrong_in("sum by (conector) (syncd_leads)")) == ["conector"]


def promtool(*arguments: str, told: str = "") -> str:
    """What promtool objects to; skips where it is not."""
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not here")
    ran = subprocess.run([tool, "check", *arguments], input=told, capture_output=True, text=True, check=False)
    return "" if ran.returncode == 0 else ran.stdout + ran.stderr


def test_prometheus_itself_takes_the_rules() -> None:
    assert promtool("rules", str(RULES)) == ""


def test_prometheus_itself_takes_the_panels_expressions() -> None:
    expressions = [target["expr"] for panel in panels() for target in panel["targets"]]
    rules = [
        {"record": f"panel_{n}", "expr": it.replace("$instance", ".*").replace("$__rate_interval", "5m")}
        for n, it in enumerate(expressions)
    ]
    assert (
        promtool("rules", "/dev/stdin", told=json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
        == ""
    )


def test_prometheus_itself_finds_nothing_to_say_of_our_metrics(health: Health) -> None:
    health.bench.once()
    health.counting.requested("main", "ctgo.example", 200)
    health.counting.sent("crm", {("delivered", ""): 1}, [10.0])
    health.counting.messaged("message", "sent")
    assert promtool("metrics", told=health.client.get("/metrics").text) == ""
