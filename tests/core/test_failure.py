"""The four failures and the registry of their fixes."""

import pytest

from syncd.core.failure import CODES, Failure, Halt, Pause, Refused, Reject, Retry


@pytest.mark.parametrize("kind", [Retry, Reject, Pause, Halt])
def test_a_failure_finds_its_fix_in_the_registry_unless_it_brings_its_own(kind: type[Failure]) -> None:
    assert kind("key_refused", "CTGO answered 401").fix == CODES["key_refused"]
    assert kind("key_refused", "CTGO answered 401", fix="Ask Ada.").fix == "Ask Ada."
    assert kind("of_a_plugin", "it said no").fix == ""


def test_a_failure_reads_as_its_code_and_its_sentence() -> None:
    assert str(Retry("conflict", "somebody else was at it", after=3.0)) == "conflict: somebody else was at it"
    assert str(Refused("too_large", "413")) == "too_large: 413"


def test_a_pause_makes_suspects_only_if_it_says_so() -> None:
    assert not Pause("down", "503").unexplained


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_a_name_with_a_sentence_to_act_on(code: str) -> None:
    assert code.isidentifier()
    assert code == code.lower()
    assert CODES[code][0].isupper() or CODES[code].startswith("syncd")
