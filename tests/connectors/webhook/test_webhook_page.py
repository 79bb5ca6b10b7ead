"""The page about webhooks: its recipes load, compile and send what each service takes."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from connectors.webhook.connector import WebhookConnector
from connectors.webhook.options import CODES, WebhookOptions
from syncd.cli.main import VERBS
from syncd.connector import Field
from syncd.mapping import FieldMap, Filter, Labels, variables
from syncd.registry import configure
from syncd.settings import load
from syncd.testing.samples import enrichment, lead, raw_lead

PAGE = (Path(__file__).parents[3] / "connectors" / "webhook.md").read_text()
RECIPES = {
    name: (text, table)
    for text in re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for name, table in tomllib.loads(text)["connectors"].items()
    if "type" in table
}


def sent(name: str, **profile: object) -> dict[str, Any]:
    """What the recipe's fields make of a lead."""
    table = RECIPES[name][1]["fields"]
    fields = FieldMap.compile(name, {key: Field(value=value) for key, value in table.items()})
    raw = raw_lead(1)
    raw["profile"].update(profile)
    labels = Labels(streams={7: "Founders & friends"})
    return fields.evaluate(variables(lead(raw), labels, enrichment(1), names=fields.uses))


def test_every_service_has_its_recipe() -> None:
    assert set(RECIPES) == {"automation", "zapier", "make", "n8n", "clay", "heyreach", "slack"}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_a_configuration(name: str, tmp_path: Path) -> None:
    # The dots of an example are no secret that could be
    text = RECIPES[name][0].replace('"whsec_..."', '""').replace("...", "abc")
    (tmp_path / "config.toml").write_text(text)
    chosen = configure(load(tmp_path / "config.toml", {}, docker_secrets=tmp_path))[name]
    assert isinstance(chosen.options, WebhookOptions)
    assert chosen.cls is WebhookConnector
    assert (chosen.required, chosen.gate) == (False, 200)
    Filter.compile(name, chosen.settings.where)


def test_heyreach_gets_a_list_of_one_person_and_a_number() -> None:
    body = sent("heyreach")
    assert body == {
        "listId": 12345,
        "leads": [{"profileUrl": "https://www.linkedin.com/in/maker-1", "firstName": "José", "lastName": body["leads"][0]["lastName"]}],
    }  # fmt: skip


def test_nobodys_name_wakes_a_channel_in_slack() -> None:
    text = sent("slack", displayName="<!channel> & <https://evil.example|me>")["text"]
    assert text == (
        "*<https://x.com/maker_1|&lt;!channel&gt; &amp; &lt;https://evil.example|me&gt;>* fits Founders &amp; friends"
    )


def test_it_has_every_option_and_names_commands_that_exist() -> None:
    assert [name for name in WebhookOptions.model_fields if f"`{name}" not in PAGE] == []
    assert set(re.findall(r"`syncd ([a-z]+)", PAGE)) <= set(VERBS)


@pytest.mark.parametrize("code", CODES)
def test_every_code_says_what_to_do(code: str) -> None:
    assert re.search(r"(\.|retry|NAME)$", CODES[code])
