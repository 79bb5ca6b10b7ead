"""`[connectors.NAME.feedback]`: read at once, and each mistake one sentence at the start."""

from pathlib import Path

import pytest

from connectors.hubspot.connector import HubSpotConnector
from syncd.app.feedback_late import judging_of
from syncd.core.feedback import Judgement
from syncd.registry import configure
from syncd.settings import Settings, SettingsError, load
from syncd.settings.values import REASONS

WHOLE = """\
property = "hs_lead_status"
good = ["CONNECTED", "OPEN_DEAL"]
bad = { UNQUALIFIED = "wrong_job", BAD_TIMING = "other" }
notes = { BAD_TIMING = "Right person,\\n wrong moment." }
"""


def loaded(
    folder: Path, table: str, type_: str = "hubspot", options: str = 'access_token = "pat-1"'
) -> Settings:
    text = f'[sources.main]\napi_key = "ctgo_x"\n[connectors.crm]\ntype = "{type_}"\n{options}\n'
    (folder / "config.toml").write_text(f"{text}[connectors.crm.feedback]\n{table}")
    return load(folder / "config.toml", {}, docker_secrets=folder)


def mistakes(
    folder: Path, table: str, type_: str = "hubspot", options: str = 'access_token = "pat-1"'
) -> list[str]:
    with pytest.raises(SettingsError) as error:
        configure(loaded(folder, table, type_, options))
    return [it.removeprefix(f"{folder / 'config.toml'}: connectors.crm.") for it in error.value.mistakes]


def test_the_whole_table_says_which_value_is_which_word(tmp_path: Path) -> None:
    chosen = loaded(tmp_path, WHOLE).connectors["crm"].feedback
    assert chosen is not None
    assert chosen.poll == 900.0
    assert judging_of("hubspot", chosen).judgements == {
        "connected": Judgement("good"),
        "open_deal": Judgement("good"),
        "unqualified": Judgement("bad", "wrong_job"),
        "bad_timing": Judgement("bad", "other", "Right person, wrong moment."),
    }


def test_the_connector_is_given_what_to_watch_and_none_without_a_table(tmp_path: Path) -> None:
    watched = configure(loaded(tmp_path, WHOLE))["crm"].watched
    assert watched is not None
    assert watched.property == "hs_lead_status"
    assert watched.values == {"CONNECTED", "OPEN_DEAL", "UNQUALIFIED", "BAD_TIMING"}
    settings = loaded(tmp_path, WHOLE)
    assert settings.gives_feedback
    bare = settings.connectors["crm"].model_copy(update={"feedback": None})
    without = settings.model_copy(update={"connectors": {"crm": bare}})
    assert not without.gives_feedback
    assert configure(without)["crm"].watched is None


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_of_ctgos_is_one(tmp_path: Path, reason: str) -> None:
    assert configure(loaded(tmp_path, f'property = "x"\nbad = {{ A = "{reason}" }}'))


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (
            'property = "x"\nbad = { A = "wrong_jb" }',
            "feedback.bad.A: must be one of CTGO's reasons, did you mean wrong_job?",
        ),
        (
            'property = "x"\nbad = { A = "rude" }',
            "feedback.bad.A: must be one of CTGO's reasons, which are: bot, other,",
        ),
        ('property = "x"\nbad = { A = 3 }', "feedback.bad.A: must be one of CTGO's reasons"),
        ('property = "x"\nbad = ["A"]', "feedback.bad: must be a table"),
        ('property = "x"\ngood = "A"', "feedback.good: must be a list"),
        (
            'property = "x"\ngood = ["A"]\nbad = { a = "bot" }',
            "feedback: names a more than once in good and bad",
        ),
        ('property = "x"\ngood = ["A", "A "]', "feedback: names"),
        ('property = "x"', "feedback: says of no value that it is good or bad"),
        ('good = ["A"]', "feedback.property: is missing"),
        ('property = "Lead status"\ngood = ["A"]', "feedback.property: must be the property's internal name"),
        ('propery = "x"\ngood = ["A"]', "feedback.propery: unknown key, did you mean property?"),
        (
            'property = "x"\ngood = ["A"]\nnotes = { B = "y" }',
            "feedback: has a note for B, which is not in bad",
        ),
        ('property = "x"\nbad = { B = "bot" }\nnotes = { B = "' + "y" * 501 + '" }', "feedback.notes.B: "),
        ('property = "x"\ngood = ["A"]\npoll = "0s"', "feedback.poll: must be at least 1s"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_key(tmp_path: Path, table: str, says: str) -> None:
    assert [it for it in mistakes(tmp_path, table) if it.startswith(says)]


@pytest.mark.parametrize(
    ("type_", "options"),
    [("csv", 'path = "x.csv"'), ("apollo", 'api_key = "k"'), ("webhook", 'url = "https://h.example/1"')],
)
def test_a_connector_that_cannot_tell_refuses_the_table(tmp_path: Path, type_: str, options: str) -> None:
    (said,) = mistakes(tmp_path, WHOLE, type_, options)
    assert said == (
        f"feedback: a connector of the type {type_} cannot tell what became of a lead: take this table out"
    )


def test_those_that_can_are_hubspot_and_salesforce(tmp_path: Path) -> None:
    assert hasattr(HubSpotConnector, "statuses_since")
    options = 'domain = "acme.my"\nclient_id = "a"\nclient_secret = "b"'
    assert configure(loaded(tmp_path, WHOLE, "salesforce", options))
