"""Options, and what must be in Apollo before the first lead."""

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from connectors.apollo.connector import ApolloConnector
from connectors.apollo.options import ApolloOptions
from syncd.connector import Context, Halt
from syncd.mapping import Filter
from syncd.simulator.crms.apollo import KEY
from syncd.testing import Journal, ManualClock
from tests.connectors.apollo.apollo_bench import CUSTOM, raised, table

ALL = {
    "fields/index", "labels/index", "contacts/search", "contacts/bulk_create", "contacts/show", "contacts/update",
}  # fmt: skip


def options(**given: Any) -> ApolloOptions:
    return ApolloOptions.model_validate({"api_key": "k", **given})


@pytest.mark.parametrize(
    "given",
    [
        {"api_key": ""},
        {"api_key": "se cret"},
        {"api_key": "clé"},
        {"base_url": "http://api.apollo.io/api/v1"},
        {"base_url": "http://127.0.0.1.evil.example/api/v1"},
        {"base_url": "ftp://api.apollo.io"},
        {"base_url": "https://user:pass@api.apollo.io"},
        {"base_url": "https://api.apollo.io/api/v1?x=1"},
        {"base_url": "https://api.apollo.io:99999/api/v1"},
        {"labels": ["ctgo", " "]},
        {"labels": [], "without_email": "create"},
        {"without_email": "maybe"},
        {"update_existing": "always"},
        {"key_field": ""},
        {"owner_id": "../x"},
        {"colour": "red"},
    ],
)
def test_options_that_cannot_work_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        options(**given)
    assert not [secret for secret in ("se cret", "clé", "user:pass") if secret in str(caught.value)]


def test_options_that_can_work_are_taken() -> None:
    for url in (
        "http://127.0.0.1:8080/api/v1/",
        "http://[::1]/api/v1",
        "http://localhost/v1",
        "https://x.example",
    ):
        assert options(base_url=url).base_url == url.rstrip("/")
    assert options(labels=[" a "]).labels == ["a"]


def test_the_key_is_not_shown() -> None:
    assert KEY not in repr(options(api_key=KEY))


def test_a_lead_without_an_email_is_unwanted_unless_it_is_to_be_created() -> None:
    assert options().also_where == "email"
    where = Filter.compile("connectors.a", options().also_where)
    assert (where.accepts({"email": None}), where.accepts({"email": "a@x.io"})) == (False, True)
    assert options(without_email="create").also_where == ""


def test_a_mapping_without_an_email_halts_where_leads_without_one_are_refused() -> None:
    with table(fields={"first_name": "{{ first_name }}"}) as bench:
        assert [found.code for found in bench.connector.check()] == ["apollo_email_unmapped"]
        assert raised(bench, bench.delivery(1)).code == "apollo_email_unmapped"
        assert not bench.fake.seen
    with table(fields={"first_name": "{{ first_name }}"}, without_email="create") as bench:
        assert [found.level for found in bench.connector.check()] == ["ok"]


def test_check_is_content_when_all_is_there() -> None:
    with table() as bench:
        assert [found.level for found in bench.connector.check()] == ["ok"]
        calls = ("fields/index", "contacts/bulk_create", "contacts/show", "contacts/update")
        assert bench.fake.counted() == dict.fromkeys(calls, 1)
        assert not bench.fake.book.contacts


def test_check_says_what_is_missing() -> None:
    with table(ready=False, fields={"email": "{{ email }}", "Our Score": "5", "ctgo_bio": "x"}) as bench:
        found = {each.code: (each.level, each.detail) for each in bench.connector.check()}
        assert {code: level for code, (level, _) in found.items()} == {
            "apollo_field_missing": "error",
            "apollo_no_key_field": "warning",
            "apollo_fields_left_out": "warning",
        }
        assert "Our Score" in found["apollo_field_missing"][1]


def test_check_wants_the_key_field_and_search_for_leads_without_email() -> None:
    with table(ready=False, without_email="create") as bench:
        levels = {each.code: each.level for each in bench.connector.check()}
        assert levels["apollo_no_key_field"] == "error"
        bench.fake.not_in_plan.add("contacts/search")
        assert [each.code for each in bench.connector.check()] == ["apollo_plan"]


@pytest.mark.parametrize("lacking", sorted(ALL))
def test_check_names_the_scope_that_is_missing(lacking: str) -> None:
    with table(without_email="create", scopes=ALL - {lacking}) as bench:
        (found,) = bench.connector.check()
        assert (found.level, found.code, lacking in found.detail) == ("error", "apollo_scope_missing", True)


def test_a_field_of_accounts_is_not_one_of_contacts() -> None:
    with table(ready=False) as bench:
        bench.fake.book.field("ctgo_x_user_id", modality="account")
        assert "apollo_no_key_field" in [found.code for found in bench.connector.check()]


def test_setup_makes_fields_of_their_types_and_lists() -> None:
    with table(ready=False, labels=["ctgo", "from x"]) as bench:
        planned = bench.connector.setup(False)  # noqa: FBT003 - as the contract has it
        assert len(planned) == len(CUSTOM) + 2
        bench.connector.setup(True)  # noqa: FBT003
        types = {field["label"]: field["type"] for field in bench.fake.book.fields.values()}
        assert set(types) == set(CUSTOM)
        assert (types["ctgo_follower_count"], types["ctgo_bio"], types["ctgo_handle"]) == (
            "number",
            "textarea",
            "string",
        )
        assert set(bench.fake.book.labels) == {"ctgo", "from x"}
        assert bench.connector.setup(True) == []  # noqa: FBT003


def test_setup_asks_a_person_where_the_key_may_not() -> None:
    with table(ready=False, scopes={"fields/index", "labels/index"}) as bench:
        changes = bench.connector.setup(True)  # noqa: FBT003
        assert all(not change.done and "In Apollo, " in change.by_hand for change in changes)
        assert "fields/create" in changes[0].by_hand


def test_a_proxy_that_cannot_be_used_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    context = Context("a", ManualClock(), Journal())
    connector = ApolloConnector(ApolloOptions(api_key=SecretStr("k")), context)
    assert [found.code for found in connector.check()] == ["apollo_proxy_invalid"]
    with pytest.raises(Halt):
        connector.setup(apply=False)
