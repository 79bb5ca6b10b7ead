"""The table of verbs: a mistyped verb is answered by the nearest, and help is found."""

import pytest

from syncd.cli import entry


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
