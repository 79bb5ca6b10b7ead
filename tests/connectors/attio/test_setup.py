"""Options, and what must be in Attio before the first lead."""

from typing import Any

import pytest
from pydantic import ValidationError

from connectors.attio.connector import AttioConnector
from connectors.attio.options import AttioOptions
from syncd.connector import Change
from syncd.core.failure import Halt
from tests.connectors.attio.bench import Table, table


def checked(bench: Table) -> list[tuple[str, str]]:
    return [(found.level, found.code) for found in bench.connector.check()]


def changes(bench: Table, *, apply: bool) -> list[Change]:
    connector = bench.connector
    assert isinstance(connector, AttioConnector)
    return list(connector.setup(apply))


@pytest.mark.parametrize(
    "given",
    [
        {"access_token": ""},
        {"access_token": "se cret"},
        {"access_token": "clé"},
        {"base_url": "http://api.attio.com"},
        {"base_url": "http://127.0.0.1.evil.example"},
        {"base_url": "https://user:pass@api.attio.com"},
        {"base_url": "https://api.attio.com/v2"},
        {"base_url": "https://999.999.999.999"},
        {"base_url": "ftp://api.attio.com"},
        {"key_attribute": ""},
        {"key_attribute": "a&b"},
        {"colour": "red"},
    ],
)
def test_options_that_cannot_work_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        AttioOptions.model_validate({"access_token": "k", **given})
    assert not [secret for secret in ("se cret", "clé", "user:pass") if secret in str(caught.value)]


@pytest.mark.parametrize(
    "url", ["https://api.attio.com", "http://127.0.0.1:8405", "http://[::1]", "http://localhost"]
)
def test_options_that_can_work_are_taken(url: str) -> None:
    assert AttioOptions.model_validate({"access_token": "k", "base_url": url}).base_url == url


def test_setup_makes_the_key_unique_and_the_other_attributes_not() -> None:
    with table(ready=False) as bench:
        assert checked(bench) == [("error", "attio_setup_missing")]
        made = changes(bench, apply=True)
        assert all(change.done for change in made)
        assert checked(bench) == [("ok", "attio_ready")]
        unique = {slug for slug, one in bench.fake.attributes.items() if one["is_unique"]}
        assert unique == {"email_addresses", "ctgo_x_user_id"}
        assert bench.fake.attributes["ctgo_follower_count"]["type"] == "number"


def test_a_token_that_may_not_configure_leaves_the_attributes_to_a_person() -> None:
    with table(fields={"name": "{{ handle }}"}, ready=False) as bench:
        bench.fake.answer_next(200, b'{"data": []}')
        bench.fake.answer_next(403, b'{"type": "auth_error", "code": "unauthorized"}')
        key, name = changes(bench, apply=True)
        assert (key.done, bool(key.by_hand)) == (False, True)
        assert not name.done  # it is there: Attio says so


def test_setup_stops_at_a_token_that_is_refused() -> None:
    with table(ready=False) as bench:
        bench.remote.revoke()
        with pytest.raises(Halt):
            changes(bench, apply=True)


def test_a_key_that_is_not_unique_is_told_and_left_to_a_person() -> None:
    with table() as bench:
        bench.fake.attributes["ctgo_x_user_id"]["is_unique"] = False
        assert checked(bench) == [("error", "attio_key_not_unique")]
        (change,) = changes(bench, apply=True)
        assert change.by_hand


def test_an_archived_attribute_is_missing() -> None:
    with table() as bench:
        bench.fake.attributes["ctgo_bio"]["is_archived"] = True
        assert checked(bench) == [("error", "attio_setup_missing")]
