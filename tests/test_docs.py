"""The docs cannot rot: what they name exists, and what exists is named."""

import ast
import re
from pathlib import Path

import pytest

from syncd.alerts import message
from syncd.cli.exits import Exit
from syncd.cli.main import VERBS
from syncd.core.failure import CODES
from syncd.registry import codes

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
LEVELS = {"debug", "info", "warning"}
CODE = re.compile("(hubspot|salesforce|apollo|csv|webhook)_[a-z_]+")
FAILURES = {"Retry", "Reject", "Pause", "Halt", "Refused", "Failure"}


def test_every_command_in_the_readme_exists() -> None:
    named = set(re.findall(r"`?syncd ([a-z]+)", README)) - {"talks", "never", "makes", "demo"}
    assert named <= set(VERBS), named - set(VERBS)


def test_every_verb_is_in_the_readme() -> None:
    assert [verb for verb in VERBS if f"`syncd {verb}" not in README] == []


def test_every_exit_code_is_in_the_readme() -> None:
    rows = [int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)]
    assert rows == sorted(int(code) for code in Exit)


def test_every_failure_code_of_the_core_is_registered_with_a_fix() -> None:
    used = {
        code
        for path in (ROOT / "syncd").rglob("*.py")
        if "testing" not in path.parts
        for code in _codes_raised_in(path)
    }
    assert used - set(codes()) == set()
    assert all(
        fix.endswith((".", "NAME", "SOURCE", "retry", "drop", "list", "check", "status", "ID", "T", "FILE"))
        for fix in CODES.values()
    )


def test_every_code_that_a_connector_says_is_registered_with_a_fix() -> None:
    said = {code for path in (ROOT / "connectors").rglob("*.py") for code in _codes_said_in(path)}
    assert {code.split("_")[0] for code in said} == {"hubspot", "salesforce", "apollo", "csv", "webhook"}
    assert said - set(codes()) == set()


def _codes_said_in(path: Path) -> set[str]:
    """What looks like a connector's code among the arguments of calls, other than the names of log events."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and not (
            isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS
        ):
            given = [each.value for each in node.args if isinstance(each, ast.Constant)]
            found.update(each for each in given if isinstance(each, str) and CODE.fullmatch(each))
    return found


def _codes_raised_in(path: Path) -> set[str]:
    """The literal first arguments of failures that a module makes."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in FAILURES
            and node.args
        ):
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                found.add(first.value)
    return found


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_every_link_in_the_readme_leads_somewhere(link: str) -> None:
    assert link.startswith("https://") or (ROOT / link).exists()


def test_the_parts_in_the_architecture_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert [
        p for p in re.findall(r"`((?:syncd|engine|tests|connectors)/[\w/.]+)`", text) if not _exists(p)
    ] == []


def _exists(part: str) -> bool:
    return any((ROOT / folder / part).exists() for folder in ("", "syncd"))


DEPLOY = (ROOT / "deploy" / "README.md").read_text()


def test_every_command_in_the_guide_to_servers_exists() -> None:
    named = set(
        re.findall(r"(?:^|[`;&( ])(?:/\S*/)?syncd ([a-z]+)", "\n".join(_code_in(DEPLOY)), re.MULTILINE)
    )
    assert {"check", "backup", "restore", "service", "status"} <= named
    assert named - {"syncd", "python"} <= set(VERBS), named - set(VERBS)


def _code_in(text: str) -> list[str]:
    """What is meant to be typed: fenced blocks, without their comments, and code within lines."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    within = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return [re.sub(r" #.*", "", block) for block in blocks] + within


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)]+)\)", DEPLOY))))
def test_every_link_in_the_guide_to_servers_leads_somewhere(link: str) -> None:
    headings = {
        f"#{heading.lower().replace(' ', '-')}" for heading in re.findall(r"^#+ (.+)$", DEPLOY, re.MULTILINE)
    }
    assert link.startswith("https://") or link in headings or (ROOT / "deploy" / link).exists()


def test_every_alert_is_in_the_guide_to_servers() -> None:
    headings = {begun for begun, _ in message._HEADINGS.values()} | {"has halted"}
    assert {it for it in headings if f"**{it}**" not in DEPLOY} == set()
    rules = re.findall(r"- alert: (\w+)", (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
    assert {it for it in rules if f"`{it}`" not in DEPLOY} == set()
    assert set(re.findall(r"`(Syncd\w+)`", DEPLOY)) <= set(rules)
