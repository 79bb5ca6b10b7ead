"""`syncd console`: the program on a real socket, and the commands beside it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from syncd.cli.exits import Exit
from syncd.cli.run.console import without_secrets
from syncd.console.web_server import LastVisit
from syncd.settings import load
from tests.cli.conftest import KEY, Home
from tests.support.virtual import Clock

TABLE = '[console]\nlisten = "127.0.0.1:0"\n'


def with_console(home: Home, table: str = TABLE) -> None:
    home.config.write_text(home.config.read_text() + f"\n{table}")


@contextmanager
def running(home: Home, **more: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The program, and the link that it prints first."""
    command = [sys.executable, "-m", "syncd", "--config", str(home.config), "console"]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)  # type: ignore[call-overload]
    try:
        assert program.stdout is not None
        yield program, re.findall(r"http\S+", program.stdout.readline())[0]
    finally:
        program.send_signal(signal.SIGTERM)
        program.communicate(timeout=20)


def test_it_serves_without_a_ledger_or_an_engine_and_its_link_lets_in_once(home: Home) -> None:
    with_console(home)
    with running(home) as (program, link), httpx.Client() as browser:
        origin = link.partition("/enter")[0]
        assert browser.get(f"{origin}/").status_code == 401
        assert browser.get(link).status_code == 200
        assert browser.post(link, headers={"Origin": origin}).status_code == 303
        assert "No leads yet." in browser.get(f"{origin}/").text
        assert browser.post(link, headers={"Origin": origin}).status_code == 403
        answer = browser.get(f"{origin}/", headers={"Host": "evil.example"})
        assert (answer.status_code, "Server" in answer.headers) == (421, False)
        assert not home.ledger.exists()
    assert program.returncode == 0


def test_on_a_unix_socket_it_answers_to_the_public_name(home: Home) -> None:
    path = home.folder / "c.sock"
    proxy = '[console.proxy]\noperators = ["anna"]\n'
    with_console(home, f'[console]\nlisten = "unix:{path}"\npublic_url = "https://ops.example.com"\n{proxy}')
    path_left = socket.socket(socket.AF_UNIX)
    path_left.bind(str(path))  # of one that was killed
    path_left.close()
    with running(home) as (_, link):
        assert link.startswith("https://ops.example.com/enter/")
        assert path.stat().st_mode & 0o777 == 0o660
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as browser:
            url, user = "http://ops.example.com/", {"Remote-User": "anna"}
            assert "anna · operator" in browser.get(url, headers=user).text
            assert browser.get("http://localhost/", headers=user).status_code == 421


def test_a_socket_of_systemd_is_served_and_no_link_printed(home: Home) -> None:
    with_console(home)
    start = (
        "import os, sys; os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1'); os.dup2(int(sys.argv[1]), 3);"
        "sys.argv = ['syncd', '--config', sys.argv[2], 'console']; from syncd.__main__ import main; sys.exit(main())"
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        number = listening.fileno()
        port = listening.getsockname()[1]
        program = subprocess.Popen(
            [sys.executable, "-c", start, str(number), str(home.config)],
            pass_fds=[number],
            stdout=subprocess.PIPE,
        )
        try:
            assert httpx.get(f"http://127.0.0.1:{port}/", timeout=30).status_code == 401
        finally:
            program.terminate()
            out, _ = program.communicate(timeout=20)
    assert (program.returncode, out) == (0, b"")


def test_it_leaves_after_a_time_without_a_visit() -> None:
    clock = Clock()
    last = LastVisit(clock)
    clock.advance(800)
    last.note()
    began = clock.monotonic()
    assert last.wait_for_none(900)
    assert clock.monotonic() - began == pytest.approx(900)


def test_without_its_table_nothing_listens(home: Home) -> None:
    for verb in ((), ("link",), ("sessions",), ("end", "--all")):
        ran = home.syncd("console", *verb)
        assert (ran.code, "console: there is no such table" in ran.err) == (Exit.CONFIG, True)
    assert not (home.folder / "syncd.console.db").exists()


def test_an_address_that_is_taken_is_named(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with_console(home, f'[console]\nlisten = "127.0.0.1:{port}"\n')
        ran = home.syncd("console")
    assert ran.code == Exit.UNREACHABLE
    assert f"The console cannot listen on 127.0.0.1:{port}: Address already in use." in ran.err


def test_links_sessions_and_their_end(home: Home) -> None:
    with_console(home, "[console]\n")
    ran = home.syncd("console", "link", "--viewer", "--name", "wall", "--for", "30d")
    assert re.fullmatch(r"http://127\.0\.0\.1:8379/enter/[\w-]{43}\n", ran.out)
    assert home.syncd("console", "sessions").out == "Nobody has entered.\n"
    assert json.loads(home.syncd("console", "sessions", "--json").out) == []
    assert home.syncd("console", "end", "wall").code == Exit.REJECTED
    assert home.syncd("console", "end").code == Exit.USAGE
    assert home.syncd("console", "end", "--all").out == "Ended 0 sessions.\n"


@pytest.mark.parametrize(
    "options", [("--for", "1s"), ("--for", "91d"), ("--name", "a\nb"), ("--name", "x" * 65)]
)
def test_a_link_refuses_odd_options(home: Home, options: tuple[str, str]) -> None:
    with_console(home)
    assert home.syncd("console", "link", *options).code == Exit.USAGE


def test_it_is_given_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        f'[sources.main]\napi_key = "{KEY}"\n[connectors.crm]\ntype = "webhook"\nurl = "https://h.example/{KEY}"\n'
        f'[alerts]\nwebhook_url = "https://h.example/{KEY}"\n[console]\n'
    )
    bare = without_secrets(load(file, {}, docker_secrets=tmp_path))
    assert KEY not in f"{bare!r}{bare.model_dump(warnings=False)}{bare.connectors['crm'].__dict__}"
    assert not bare.connectors["crm"].options
    assert bare.connectors["crm"].type == "webhook"


def test_no_other_verb_imports_it() -> None:
    code = "import sys, syncd.cli.run.daemon, syncd.cli.observe.status; print([m for m in sys.modules if 'console' in m and m.startswith('syncd.c') or m in ('flask', 'waitress')])"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert found.stdout == "[]\n"
