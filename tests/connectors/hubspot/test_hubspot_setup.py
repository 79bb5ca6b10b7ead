"""`setup` and `check`: what is missing is said exactly, made once, and nothing else is touched."""

import pytest

from connectors.hubspot.connector import HubSpotConnector
from connectors.hubspot.options import CODES
from connectors.hubspot.setup import definition
from syncd.connector import Field, Finding
from syncd.simulator.crms.hubspot.portal import definition as portal_definition
from tests.connectors.hubspot.hubspot_bench import ALWAYS, Hub, hub

PLAN, MAKE = False, True


def findings(it: Hub, level: str = "error") -> list[Finding]:
    return [each for each in it.connector.check() if each.level == level]


def errors(it: Hub) -> list[tuple[str, str]]:
    found = findings(it)
    assert all(each.code in CODES for each in found)
    return [(each.code, each.detail) for each in found]


def test_setup_makes_the_group_and_every_property_of_the_mapping() -> None:
    with hub(ready=False) as it:
        planned = it.connector.setup(PLAN)
        assert it.fake.calls("define") == []
        made = it.connector.setup(MAKE)
        assert [each.what for each in made] == [each.what for each in planned]
        assert all(each.done for each in made)
        ours = {name for name in HubSpotConnector.defaults if name.startswith("ctgo_")}
        assert ours <= it.fake.portal.definitions.keys()
        key = it.fake.portal.definitions["ctgo_x_user_id"]
        assert (key["hasUniqueValue"], key["type"], key["groupName"]) == (True, "string", "ctgo")
        assert list(it.connector.setup(MAKE)) == []
        assert errors(it) == []


def test_setup_makes_only_what_the_mapping_needs() -> None:
    with hub(ALWAYS, ready=False) as it:
        what = [each.what for each in it.connector.setup(PLAN)]
        assert what == ["property group ctgo", "contact property ctgo_x_user_id", "contact property ctgo_bio"]


def test_only_the_key_is_unique() -> None:
    unique = {name for name in HubSpotConnector.defaults if definition(name).get("hasUniqueValue")}
    assert unique == {"ctgo_x_user_id"}


def test_a_key_property_without_unique_values_is_a_persons_work() -> None:
    with hub() as it:
        it.fake.portal.definitions["ctgo_x_user_id"] = portal_definition("ctgo_x_user_id")
        changes = it.connector.setup(MAKE)
        assert [(each.done, "delete it" in each.by_hand) for each in changes] == [(False, True)]
        assert [code for code, _ in errors(it)] == ["hubspot_key_not_unique"]


def test_without_the_scope_for_definitions_a_person_is_told_what_to_make() -> None:
    with hub(ALWAYS, ready=False) as it:
        it.fake.scopes.discard("crm.schemas.contacts.write")
        changes = {each.what.split()[-1]: each for each in it.connector.setup(MAKE)}
        assert list(changes) == ["ctgo", "ctgo_x_user_id", "ctgo_bio"]
        assert not any(each.done for each in changes.values())
        assert all("crm.schemas.contacts.write" in each.by_hand for each in changes.values())
        assert "string (text), with unique values" in changes["ctgo_x_user_id"].by_hand
        assert "string (textarea)" in changes["ctgo_bio"].by_hand


def test_a_property_of_the_operators_own_is_asked_for() -> None:
    with hub({**ALWAYS, "lead_score": "{{ follower_count }}"}) as it:
        (change,) = it.connector.setup(MAKE)
        assert not change.done
        assert "lead_score" in change.by_hand
        assert errors(it) == [("hubspot_property_missing", "contact properties are missing: lead_score")]


def test_a_name_that_is_taken_without_being_listed_is_a_persons_work() -> None:
    with hub(ALWAYS, ready=False) as it:
        it.connector.setup(MAKE)
        del it.fake.portal.definitions["ctgo_bio"]
        original = it.fake.portal.define
        it.fake.portal.define = lambda body: original({**body, "name": "email"})  # type: ignore[method-assign]
        (change,) = it.connector.setup(MAKE)
        assert not change.done
        assert "archived" in change.by_hand


def test_check_names_every_missing_property_of_ours() -> None:
    with hub() as it:
        del it.fake.portal.definitions["ctgo_bio"], it.fake.portal.definitions["ctgo_ref"]
        assert errors(it) == [("hubspot_setup_needed", "contact properties are missing: ctgo_bio, ctgo_ref")]


@pytest.mark.parametrize("scope", ["crm.objects.contacts.read", "crm.objects.contacts.write"])
def test_check_names_the_missing_scope(scope: str) -> None:
    with hub() as it:
        it.fake.scopes.discard(scope)
        assert errors(it) == [("hubspot_scopes_missing", f"the token lacks scopes: {scope}")]


def test_the_running_connector_needs_no_scope_for_definitions() -> None:
    with hub() as it:
        it.fake.scopes.discard("crm.schemas.contacts.write")
        assert errors(it) == []
        assert it.deliver(it.lead(1)).created


def test_check_writes_nothing() -> None:
    with hub() as it:
        it.connector.check()
        assert it.size == 0
        assert all(body["inputs"] == [] for body in it.fake.calls("upsert"))


def test_check_names_the_account_for_links_to_contacts() -> None:
    with hub() as it:
        (found,) = it.connector.check()
        assert (found.level, "(portal_id 1)" in found.detail) == ("ok", True)


def test_check_finds_an_option_that_does_not_exist() -> None:
    with hub({**ALWAYS, "lifecyclestage": "Lead"}) as it:
        (found,) = errors(it)
        assert found[0] == "hubspot_option_unknown"
        assert "no option 'Lead', only: subscriber, lead" in found[1]


def test_check_finds_a_property_that_cannot_be_written() -> None:
    with hub({**ALWAYS, "createdate": "{{ discovered_at }}"}) as it:
        assert errors(it) == [("hubspot_property_read_only", "contact property createdate is read-only")]


@pytest.mark.parametrize(("adopt", "level"), [([], "warning"), (["twitterhandle"], "error")])
def test_a_portal_without_twitterhandle_matters_only_for_adopting(adopt: list[str], level: str) -> None:
    with hub(adopt=adopt) as it:
        del it.fake.portal.definitions["twitterhandle"]
        assert len(findings(it, level)) == 1
        assert "twitterhandle" in findings(it, level)[0].detail


@pytest.mark.parametrize("field", [Field(value="{{ bio }}", policy="if_empty"), "{{ bio }}"])
def test_all_is_well(field: str | Field) -> None:
    with hub({**ALWAYS, "ctgo_bio": field}) as it:
        assert [(each.level, each.code) for each in it.connector.check()] == [("ok", "hubspot_ready")]


def test_a_plan_without_api_access_is_found() -> None:
    with hub() as it:
        it.fake.plan_has_api = False
        assert [code for code, _ in errors(it)] == ["hubspot_forbidden"]
