"""Canaries: a secret and a person, planted in the configuration and in leads, turn up nowhere that they should not.

Every command is a process of its own, as a user runs it, in good weather and in bad.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Home

SECRET = "ctgo_c4n4ry-5ecret-0042"
TOKEN = "pat-na1-c4n4ry-t0ken-0042"
PERSON = {
    "handle": "zq_canary",
    "displayName": "Zephyrina Quillfeather",
    "xUserId": "990011223344",
    "bio": "Tames quills in Ypsilanti",
    "email": "zq@example.com",
}


def run(home: Home, *arguments: str, code: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """`code`: run first, in the same process."""
    program = f"import sys\n{code}\nfrom syncd.__main__ import main\nsys.argv = ['syncd', *sys.argv[1:]]\nsys.exit(main())"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SYNCD_")} | environ
    return subprocess.run(
        [sys.executable, "-c", program, "--config", str(home.config), *arguments],
        cwd=home.folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture
def watched(home: Home) -> Home:
    """The canaries in place, the log as talkative as it gets, and a CRM where nobody answers."""
    home.connectors["crm"] = f'type = "hubspot"\naccess_token = "{TOKEN}"\nbase_url = "http://127.0.0.1:9"'
    home.configure()
    home.config.write_text(
        home.config.read_text().replace("ctgo_canary_51f2", SECRET) + '\n[log]\nlevel = "debug"\n'
    )
    number = home.sim.world.add_leads(1)[0]
    home.sim.world.amend_lead(number, {"profile": PERSON})
    broken = home.sim.world.add_leads(1)[0]
    home.sim.world.amend_lead(broken, {"segmentId": "soon", "profile": PERSON})
    return home


def leaks(text: str, *, secrets_only: bool = False) -> list[str]:
    canaries = [SECRET, TOKEN] + ([] if secrets_only else list(PERSON.values()))
    return [canary for canary in canaries if canary in text]


COMMANDS = [
    ["--once", "--max-wait", "1s"],
    ["--once", "--dry-run"],
    ["check"],
    ["check", "--json"],
    ["status", "--json"],
    ["plan"],
    ["audit", "--json", "--upstream"],
    ["rejected", "list"],
    ["pause", "sheet"],
    ["resume", "sheet"],
    ["backup", "copy.db"],
    ["explain", "key_refused"],
    ["release", "crm"],
    ["me", "--json"],
    ["streams"],
    ["streams", "run", "14", "--wait", "--max-wait", "0s"],
    ["runs"],
    ["accounts", "sleep", "3"],
    ["api", "POST", "/streams", "--data", '{"pairs": []}'],
    ["nonsense"],
    ["--once", "--since", "yesterdayish"],
]


def test_no_command_prints_a_secret_or_a_person(watched: Home) -> None:
    for command in COMMANDS:
        ran = run(watched, *command)
        assert leaks(ran.stdout + ran.stderr) == [], (command, ran.stdout, ran.stderr)
    for command in (
        ["lead", "@zq_canary", "--json"],
        ["leads"],
        ["rejected", "csv"],
        ["forget", "--handle", "zq_canary", "--yes"],
    ):
        ran = run(watched, *command)
        assert leaks(ran.stderr) == [], (command, ran.stderr)
        assert leaks(ran.stdout, secrets_only=True) == [], (command, ran.stdout)


def _rewrite(home: Home, old: str, new: str) -> None:
    home.config.write_text(home.config.read_text().replace(old, new))


def _no_ledger(home: Home) -> None:
    home.ledger.write_text(f"{SECRET} {PERSON['email']} " * 100)


WEATHER: dict[str, Callable[[Home], None]] = {
    "key refused": lambda home: home.sim.world.revoke(SECRET),
    "nobody answers": lambda home: _rewrite(home, home.sim.url, "http://127.0.0.1:9"),
    "not a ledger": _no_ledger,
    "a mistake in the file": lambda home: _rewrite(home, "[log]", f'api_key = "{SECRET}"\n[x\n[log]'),
    "a secret in the wrong place": lambda home: _rewrite(home, "level =", f'api_key = "{SECRET}"\nlevel ='),
}


@pytest.mark.parametrize("weather", WEATHER)
def test_no_error_prints_a_secret_or_a_person(watched: Home, weather: str) -> None:
    WEATHER[weather](watched)
    for command in (
        ["--once", "--max-wait", "0s"],
        ["check"],
        ["audit", "--upstream"],
        ["streams", "run", "14"],
    ):
        ran = run(watched, *command)
        assert ran.returncode != 0 or command == ["check"], (command, ran.stderr)
        assert leaks(ran.stdout + ran.stderr) == [], (command, ran.stdout, ran.stderr)


BUGS = {
    "in the client": """
import syncd.ctgo.client as client
def leads(self, **_): raise RuntimeError(f"bug with {self.__dict__!r}, {self._key.get_secret_value()}")
client.Upstream.leads = leads""",
    "in a connector": """
import connectors.csv.connector as module
def deliver(self, batch): raise RuntimeError(f"bug with {batch!r}")
module.CsvConnector.deliver = deliver""",
    "at the top": """
import syncd.cli.run.once as module
def run_once(settings, order): raise RuntimeError(f"bug with {settings!r}")
module.run_once = run_once""",
}


@pytest.mark.parametrize("where", BUGS)
@pytest.mark.parametrize("format_", ["console", "json"])
def test_no_traceback_prints_a_secret_or_a_person(watched: Home, where: str, format_: str) -> None:
    watched.config.write_text(watched.config.read_text() + f'format = "{format_}"\n')
    ran = run(watched, "--once", "--max-wait", "0s", code=BUGS[where])
    assert "RuntimeError" in ran.stderr, ran.stderr
    assert leaks(ran.stdout + ran.stderr) == [], ran.stderr


def test_secrets_are_in_no_command_line(watched: Home) -> None:
    """`/proc/*/cmdline` is everybody's to read; `environ` is its owner's. No option takes a secret, and no child is given one."""
    watching = (
        "import pathlib, atexit\n"
        "def look():\n"
        "    lines = [p.read_bytes() for p in pathlib.Path('/proc').glob('[0-9]*/cmdline') if p.exists()]\n"
        "    print('SEEN', any(bytes(reversed(b'yr4n4c')) in line for line in lines), len(lines) > 0)\n"
        "atexit.register(look)\n"
    )
    bare = watched.config.read_text().replace(f'api_key = "{SECRET}"', "")
    watched.config.write_text(bare)
    ran = run(watched, "--once", "--max-wait", "0s", code=watching, SYNCD_SOURCES__MAIN__API_KEY=SECRET)
    assert "SEEN False True" in ran.stdout, (ran.stdout, ran.stderr)
    assert leaks(ran.stdout + ran.stderr) == []


def test_nothing_is_called_but_what_is_configured(home: Home) -> None:
    """No telemetry, neither ours nor a library's."""
    listening = (
        "import sys, json\n"
        "seen = set()\n"
        "def hear(event, args):\n"
        "    if event == 'socket.connect': seen.add(str(args[1]))\n"
        "    if event == 'socket.getaddrinfo': seen.add(str(args[0]))\n"
        "sys.addaudithook(hear)\n"
        "import atexit; atexit.register(lambda: print('SEEN', json.dumps(sorted(seen))))\n"
    )
    for command in (["--once"], ["check"], ["status"], ["audit", "--upstream"], ["backup", "copy.db"]):
        ran = run(home, *command, code=listening)
        assert ran.returncode == 0, ran.stderr
        line = next(line for line in ran.stdout.splitlines() if line.startswith("SEEN"))
        host, port = home.sim.url.removeprefix("http://").split(":")
        assert set(json.loads(line.removeprefix("SEEN "))) <= {host, f"('{host}', {port})"}, line


def test_files_are_their_owners_alone_even_under_a_loose_umask(home: Home) -> None:
    old = os.umask(0)
    try:
        for command in (
            ["--once"],
            ["pause", "sheet"],
            ["backup", "copy.db"],
            ["restore", "copy.db"],
            ["resume", "sheet"],
            ["--once"],
        ):
            assert run(home, *command).returncode in {0, 75}, command
    finally:
        os.umask(old)
    modes = {
        path.name: oct(path.stat().st_mode & 0o777) for path in home.folder.iterdir() if path != home.config
    }
    assert {"syncd.db", "syncd.db.lock", "leads.csv", "copy.db"} <= set(modes)
    assert set(modes.values()) == {"0o600"}, modes


def test_check_warns_of_a_copy_that_others_can_read(home: Home) -> None:
    assert run(home, "--once").returncode == 0
    assert "others can read it" not in run(home, "check").stdout
    loose = home.folder / "syncd.db.before-0001"
    loose.write_bytes(Path(home.ledger).read_bytes())
    loose.chmod(0o640)
    ran = run(home, "check")
    assert f"chmod go= {loose}" in ran.stdout
    assert ran.returncode == 0
