"""The shape of the code, as a test: see `[tool.importlinter]` in pyproject.toml for the arrows."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
PRODUCT = sorted(path for folder in ("syncd", "connectors") for path in (ROOT / folder).rglob("*.py"))
MIGRATIONS = ROOT / "syncd" / "ledger" / "migrations" / "versions"
"""Migrations are history: nobody renames or splits one after its release."""

MOST_FILES, MOST_LINES, MOST_LINES_OF_A_FUNCTION = 20, 400, 60

FIELD_WORDS = {"mapping", "testing", "listing", "monitoring", "housekeeping"}
"""Gerunds that the field itself uses as nouns."""

SAME = {
    "accounts": "CTGO's tracked accounts: the client, the verb and the simulator",
    "api": "CTGO's whole API: the client, and the verb that calls any of it",
    "app": "a WSGI application: health and the simulator",
    "client": "a client of HTTP: of any address, and of CTGO's API",
    "clock": "time: the real clock, and the virtual one for authors of connectors",
    "console": "the console: its verb, and its settings",
    "daemon": "the daemon, and the command that runs it",
    "engine": "the engine: its lanes, and how it is put together",
    "enrichment": "enrichment of leads: the rule, the ledger's part and the simulator's",
    "errors": "the exceptions of a package",
    "feedback": "feedback to CTGO: the rule, the client and the simulator's",
    "flood_gate": "the flood gate: the rule and the ledger's part",
    "ingest": "a page taken in: the lane's part and the ledger's",
    "lane": "a lane: the protocol with its base, and the lane that pulls",
    "lanes": "lanes: their rows, and the acts on them",
    "lead": "a lead, and the verb that shows one: its reading and its command",
    "listing": "CTGO's listing of leads: the walk over it and the simulator's",
    "lookups": "look-ups of people: the client and the simulator",
    "marks": "marks of exported leads: what a sweep tells of them, and the ledger's part",
    "models": "the data classes of a package",
    "operator_log": "the operator's log: the reading, and the command",
    "preferences": "an account's preferences: the simulator's state and its view",
    "push": "push: the engine's part and the verb",
    "rejected": "what was rejected: its acts and readings, and the command",
    "replay": "replay: the engine's part and the verb",
    "runs": "runs of campaigns: the client, the verb and the simulator",
    "segments": "segments of campaigns: the client, the verb and the simulator",
    "sources": "sources: how each is put together, and their rows",
    "status": "the state of everything: the reading, and the command",
    "statuses": "statuses that a CRM reports: the ledger's part and the contract's",
    "store": "the simulator's objects of one kind, in memory",
    "streams": "campaigns, which CTGO's API calls streams: the client and the verb",
    "variables": "the variables of a mapping: the table and the verb",
    "webhooks": "CTGO's webhooks: the client and the simulator",
}
"""Names that several modules of syncd share, and the one idea behind each."""


def in_tree(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_import_follows_the_arrows() -> None:
    found = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout


def test_no_module_but_the_clock_reads_time() -> None:
    readers = [
        path
        for path in [*(ROOT / "syncd").rglob("*.py"), *(ROOT / "connectors").rglob("*.py")]
        if any(
            call in path.read_text()
            for call in ("time.time(", "time.monotonic(", "time.sleep(", "datetime.now(")
        )
        and "simulator" not in path.parts
    ]
    assert [str(path.relative_to(ROOT)) for path in readers] == ["syncd/clock.py"]


def test_every_verb_gets_its_settings_where_root_becomes_the_ledgers_owner() -> None:
    readers = {
        path.stem
        for path in (ROOT / "syncd").rglob("*.py")
        if re.search(r"^from syncd.settings import (\([^)]*|.*)\bload\b", path.read_text(), re.MULTILINE)
    }
    assert readers == {"privileges", "demo"}  # the demo's ledger is its own


def test_no_folder_holds_more_files_than_a_person_takes_in() -> None:
    files: dict[str, int] = defaultdict(int)
    for top in ("syncd", "connectors", "tests"):
        for path in (ROOT / top).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                files[in_tree(path.parent)] += 1
    full = {folder: count for folder, count in files.items() if count > MOST_FILES}
    assert full == {}, f"more than {MOST_FILES} files: make a folder for a part of them"


def test_no_file_of_the_product_is_long() -> None:
    lines = {in_tree(path): len(path.read_text().splitlines()) for path in PRODUCT}
    long = {path: count for path, count in lines.items() if count > MOST_LINES}
    assert long == {}, f"more than {MOST_LINES} lines: split the file by subject"


def test_no_function_of_the_product_is_long() -> None:
    long = {
        f"{in_tree(path)}:{node.lineno} {node.name}": length
        for path in PRODUCT
        if path.parent != MIGRATIONS
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > MOST_LINES_OF_A_FUNCTION
    }
    assert long == {}, f"more than {MOST_LINES_OF_A_FUNCTION} lines: give a step of the function its own name"


def test_a_name_stands_for_one_idea() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for path in (ROOT / "syncd").rglob("*.py"):
        if path.stem not in {"__init__", "__main__"}:
            homes[path.stem].append(in_tree(path))
    shared = {name: sorted(paths) for name, paths in homes.items() if len(paths) > 1 and name not in SAME}
    assert shared == {}, "modules of one name: rename all but one, or say in SAME which idea they share"


def test_modules_are_called_by_nouns() -> None:
    gerunds = [
        in_tree(path)
        for path in PRODUCT
        if path.parent != MIGRATIONS
        for word in (path.parent.name if path.name == "__init__.py" else path.stem).split("_")
        if word.endswith("ing") and word not in FIELD_WORDS
    ]
    assert gerunds == [], "a gerund names no thing: take the field's noun, or add the word to FIELD_WORDS"
