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
DOCS = ROOT / "docs"
TASKS = {
    str(page.relative_to(DOCS)): page.read_text()
    for page in sorted([*DOCS.glob("*.md"), *DOCS.glob("guides/*.md")])
}
FOLDERS = ("docs", "deploy", "connectors", "syncd", "tests")
PAGES = sorted({*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))})
BUILT = [page for page in PAGES if page.name == "ARCHITECTURE.md" or (ROOT / "docs") in page.parents]
"""Pages that say how the program is built, by today's paths."""
MOST_FILES = 20
LEVELS = {"debug", "info", "warning"}
CODE = re.compile("(hubspot|salesforce|apollo|attio|csv|webhook)_[a-z_]+")
FAILURES = {"Retry", "Reject", "Pause", "Halt", "Refused", "Failure"}


@pytest.mark.parametrize("page", ["README.md", "deploy/README.md", *(f"docs/{name}" for name in TASKS)])
def test_every_command_in_a_page_exists(page: str) -> None:
    named = _commands_in((ROOT / page).read_text())
    assert named <= set(VERBS), named - set(VERBS)


def test_every_verb_is_on_a_page() -> None:
    assert set(VERBS) - {verb for text in TASKS.values() for verb in _commands_in(text)} == set()


def test_every_exit_code_is_on_the_page_about_operating() -> None:
    rows = [int(code) for code in re.findall(r"^\| (\d+) \|", TASKS["operating.md"], re.MULTILINE)]
    assert rows == sorted(int(code) for code in Exit)


def test_every_task_page_and_decision_is_in_its_index() -> None:
    decisions = DOCS / "decisions"
    for folder, names in ((DOCS, [*TASKS]), (decisions, [page.name for page in decisions.glob("*.md")])):
        index = (folder / "README.md").read_text()
        assert {name for name in names if f"]({name})" not in index} == {"README.md"}


def test_no_folder_of_pages_has_more_than_twenty_files() -> None:
    # Decisions are numbered, and looked up one by one
    folders = [DOCS, *(it for it in DOCS.iterdir() if it.is_dir() and it.name != "decisions")]
    assert [it for it in folders if sum(file.is_file() for file in it.iterdir()) > MOST_FILES] == []


@pytest.mark.parametrize(
    ("page", "most"), [("README.md", 6_144), ("ARCHITECTURE.md", 9_216), ("tests/README.md", 8_192)]
)
def test_a_first_page_stays_short(page: str, most: int) -> None:
    assert len((ROOT / page).read_bytes()) <= most


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", prose) if "://" not in link]
    assert [link for link in links if not _leads_somewhere(page, link)] == []


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, heading = link.partition("#")
    target = page.parent / path if path else page
    return target.exists() and (not heading or heading in _headings_of(target))


def _headings_of(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _commands_in(text: str) -> set[str]:
    """The verbs in what is meant to be typed; a container and a folder are called syncd, too."""
    code = "\n".join(_code_in(text))
    return set(re.findall(r"(?:^|[`;&( ])(?:/\S*/)?syncd ([a-z]+)", code, re.MULTILINE)) - {
        "syncd",
        "python",
        "df",
    }


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
    assert {code.split("_")[0] for code in said} == {
        "hubspot",
        "salesforce",
        "apollo",
        "attio",
        "csv",
        "webhook",
    }
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


@pytest.mark.parametrize("page", BUILT, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_in_a_page_exists(page: Path) -> None:
    paths = re.findall(r"`((?:syncd|tests|connectors)/[\w/.]+|(?:\w+/)+\w+\.py)`", page.read_text())
    assert [path for path in paths if not _exists(path)] == []


def _exists(part: str) -> bool:
    return any((ROOT / folder / part).exists() for folder in ("", "syncd"))


DEPLOY = (ROOT / "deploy" / "README.md").read_text()


def test_the_guide_to_servers_names_what_a_server_needs() -> None:
    assert {"check", "backup", "restore", "service", "status"} <= _commands_in(DEPLOY)


def _code_in(text: str) -> list[str]:
    """What is meant to be typed: fenced blocks, without their comments, and code within lines."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    within = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return [re.sub(r" #.*", "", block) for block in blocks] + within


def test_every_alert_is_in_the_guide_to_servers() -> None:
    headings = {begun for begun, _ in message._HEADINGS.values()} | {"has halted"}
    assert {it for it in headings if f"**{it}**" not in DEPLOY} == set()
    rules = re.findall(r"- alert: (\w+)", (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
    assert {it for it in rules if f"`{it}`" not in DEPLOY} == set()
    assert set(re.findall(r"`(Syncd\w+)`", DEPLOY)) <= set(rules)
