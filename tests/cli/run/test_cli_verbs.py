"""The table of verbs: a mistyped verb is answered by the nearest, and help is found."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from syncd.cli import entry
from syncd.cli.main import VERBS, app
from syncd.cli.verb_help import EXAMPLES, GROUPS
from tests.cli.conftest import Home

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("stauts", "did you mean status?"),
        ("expalin", "did you mean explain?"),
        ("run", "syncd without a verb runs until it is stopped"),
        ("xyzzy", "There is no verb xyzzy."),
    ],
)
def test_an_unknown_verb_is_answered_by_the_nearest(
    verb: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.run([verb]) == 64
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["-h"], ["explain", "-h"], ["rejected", "list", "-h"]])
def test_help_is_found_by_its_short_name(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run(arguments) == 0
    assert "Usage: syncd" in capsys.readouterr().out


def test_help_says_what_happens_without_a_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run(["--help"]) == 0
    assert "Without a verb, syncd pulls and delivers until it is stopped" in capsys.readouterr().out


def test_every_verb_is_in_one_group_of_the_help() -> None:
    assert sorted(verb for verbs in GROUPS.values() for verb in verbs) == sorted(VERBS)


@pytest.mark.parametrize("verb", [(), *((verb,) for verb in VERBS)])
def test_no_help_cuts_a_sentence_or_is_wider_than_a_terminal(
    verb: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert entry.run([*verb, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: {' '.join(('syncd', *verb))} [OPTIONS]")
    assert "\nOptions:\n" in shown
    assert re.findall(r"\w\.\.\.|…$", shown.partition("\n")[2]) == []
    assert "╭" not in shown
    assert all(f"    {line}\n" in shown for line in EXAMPLES.get("".join(verb), ()))
    if verb != ("simulator",):
        assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines if "<(" not in line])
def test_every_example_can_be_typed(line: str) -> None:
    words = shlex.split(line.partition(" > ")[0])
    arguments = words[len(words) - words[::-1].index("syncd") :]
    command: Any = typer.main.get_command(app)
    context = command.make_context("syncd", arguments)
    while rest := [*context._protected_args, *context.args]:
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)


@pytest.mark.parametrize("option", ["--config", "-c"])
@pytest.mark.parametrize("verb", [("plan",), ("rejected", "list"), ("rejected",)])
def test_the_configuration_may_be_named_after_the_verb(
    home: Home, verb: tuple[str, ...], option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    home.syncd("--once")
    usual = home.syncd(*verb)
    assert entry.run([*verb, option, str(home.config)]) == usual.code == 0
    assert capsys.readouterr().out.split("at the limit")[0] == usual.out.split("at the limit")[0]
    assert entry.run([option, str(home.config), *verb]) == 0


def test_bash_completes_a_verb_and_its_options(tmp_path: Path) -> None:
    program = tmp_path / "syncd"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m syncd "$@"\n')
    program.chmod(0o700)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    script = """
source <(syncd completion bash)
ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _syncd_completion syncd; echo "${COMPREPLY[@]}"; }
ask syncd stat; ask syncd re; ask syncd leads --con; ask syncd rejected re
"""
    ran = subprocess.run(
        ["/bin/bash", "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    verbs, several, options, commands = (set(line.split()) for line in ran.stdout.splitlines())
    assert verbs == {"status"}
    assert several == {"rejected", "resume", "reload", "retry", "release", "replay", "restore"}
    assert options == {"--connector", "--config"}
    assert commands == {"retry"}
    assert list(tmp_path.iterdir()) == [program], "nothing ran"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_have_a_script_too(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run(["completion", shell]) == 0
    assert f"_SYNCD_COMPLETE=complete_{shell}" in capsys.readouterr().out
