"""`check` says what is wrong before the first lead does; `setup` makes what is missing, or says where to click."""

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from connectors.salesforce.connector import SalesforceConnector
from connectors.salesforce.errors import CALLS, ROWS, STATUSES
from connectors.salesforce.options import CODES, KEY_FIELD, SalesforceOptions
from syncd.connector import Change, Delivered, Field, Finding
from syncd.registry import GROUP, configure
from syncd.settings import SettingsError, load
from tests.connectors.salesforce.salesforce_bench import PLAIN, Table, one, table

PLAN, MAKE = False, True


def _trouble(bench: Table) -> dict[str, Finding]:
    return {found.code: found for found in bench.connector.check() if found.level != "ok"}


def test_an_org_that_is_ready_has_no_findings_but_good_ones() -> None:
    with table() as bench:
        found = bench.connector.check()
        assert [each.level for each in found] == ["ok", "ok"]
        assert "of 15000 API calls" in found[0].detail
        assert len(bench.fake.calls) == 2


def test_check_names_every_missing_field_at_once() -> None:
    with table(ready=False, fields={**PLAIN, "CTGO_Handle__c": "{{ handle }}"}) as bench:
        bench.fake.org.set_up({}, {"type": "Text", "length": 32, "externalId": True, "unique": True})
        found = _trouble(bench)["salesforce_field_missing"]
        assert found.level == "error"
        assert "CTGO_Bio__c, CTGO_Handle__c" in found.detail


def test_check_says_that_the_key_is_missing() -> None:
    with table(ready=False) as bench:
        assert _trouble(bench)["salesforce_no_key"].level == "error"


def test_check_warns_of_a_lead_source_that_is_left_out_and_of_a_constant_that_would_reject_every_lead() -> (
    None
):
    with table(fields={**PLAIN, "LeadSource": "Elsewhere"}) as bench:
        bench.fake.org.fields["leadsource"].restricted = True
        assert _trouble(bench)["salesforce_picklist"].level == "warning"
    with table(fields={**PLAIN, "Rating": "Tepid"}) as bench:
        bench.fake.org.fields["rating"].restricted = True
        assert _trouble(bench)["salesforce_picklist"].level == "error"


def test_check_says_what_new_leads_would_lack() -> None:
    with table(fields={"FirstName": "{{ first_name }}"}) as bench:
        assert "Company, LastName" in _trouble(bench)["salesforce_required"].detail


def test_check_says_what_is_kept_and_which_emails_find_nobody() -> None:
    with table(fields={**PLAIN, "Status": "Working", "Email": "{{ email }}"}) as bench:
        found = _trouble(bench)
        assert set(found) == {"salesforce_kept", "salesforce_email"}
        assert all(each.level == "warning" and each.code in CODES for each in found.values())


def test_check_says_that_contacts_cannot_be_seen() -> None:
    with table() as bench:
        bench.fake.org.hidden_objects.add("contact")
        assert "salesforce_object_hidden" in _trouble(bench)


def test_check_of_a_refused_call_is_a_finding_too() -> None:
    with table() as bench:
        bench.fake.answer_next(400)
        bench.fake.answer_next(400, [{"errorCode": "ODD", "message": "?"}])
        assert all(_trouble(bench) for _ in range(2))


# Setup


def _by_what(changes: Any) -> dict[str, Change]:
    return {change.what: change for change in changes}


def test_setup_makes_the_fields_grants_them_and_then_leads_go_through() -> None:
    with table(ready=False) as bench:
        made = bench.salesforce.setup(MAKE)
        assert sum(change.done for change in made) == 17
        key = bench.fake.org.fields[KEY_FIELD.lower()]
        assert (key.external_id, key.unique, key.length, key.granted) == (True, True, 32, True)
        assert isinstance(one(bench, bench.delivery(6)), Delivered)
        assert not _trouble(bench)


def test_setup_says_where_to_click_where_the_rights_do_not_reach() -> None:
    with table(ready=False) as bench:
        bench.fake.org.customizable = False
        changes = bench.salesforce.setup(MAKE)
        assert not any(change.done for change in changes)
        assert all("Setup > Object Manager > Lead" in change.by_hand for change in changes)
        key = _by_what(changes)[f"the field {KEY_FIELD} on Lead"]
        assert "length 32" in key.by_hand
        assert "External ID and Unique" in key.by_hand


def test_setup_says_how_to_grant_what_it_could_make_but_not_grant() -> None:
    with table(ready=False) as bench:
        call = bench.salesforce._wire.call

        def without_sets(method: str, path: str, **more: Any) -> object:
            bench.fake.org.customizable = not path.startswith("sobjects/Perm")
            return call(method, path, **more)

        bench.salesforce._wire.call = without_sets  # type: ignore[method-assign]
        changes = bench.salesforce.setup(MAKE)
        (rights,) = [change for change in changes if "permission set" in change.what]
        assert not rights.done
        assert "Manage Assignments" in rights.by_hand
        assert KEY_FIELD in rights.by_hand


def test_setup_goes_on_where_an_earlier_one_was_interrupted() -> None:
    with table(ready=False) as bench:
        bench.fake.org.make_field("CTGO_Bio__c", {"type": "TextArea"})
        bench.fake.org.make_permission_set("CTGO_syncd")
        assert sum(change.done for change in bench.salesforce.setup(MAKE)) == 17
        assert isinstance(one(bench, bench.delivery(1)), Delivered)


def test_setup_leaves_a_field_of_the_users_own_to_the_user() -> None:
    with table(fields={**PLAIN, "Mine__c": "{{ bio }}"}) as bench:
        for apply in (PLAN, MAKE):
            change = _by_what(bench.salesforce.setup(apply))["the field Mine__c on Lead"]
            assert not change.done
            assert change.by_hand


def test_setup_asks_for_the_marks_that_a_key_lacks() -> None:
    with table() as bench:
        bench.fake.org.fields[KEY_FIELD.lower()].unique = False
        marks = _by_what(bench.salesforce.setup(MAKE))[f"the field {KEY_FIELD} marked External ID and Unique"]
        assert "merged first" in marks.by_hand


def test_setup_prints_the_lead_conversion_map() -> None:
    with table() as bench:
        (change,) = bench.salesforce.setup(PLAN)
        assert KEY_FIELD in change.by_hand
        assert "CTGO_Bio__c" in change.by_hand
        assert "Company" not in change.by_hand


# Options and codes


GOOD: dict[str, Any] = {"domain": "acme.my", "client_id": "id", "client_secret": "s3cret"}


@pytest.mark.parametrize(
    ("given", "home"),
    [
        (GOOD, "https://acme.my.salesforce.com"),
        ({**GOOD, "domain": "https://acme--uat.sandbox.my.salesforce.com/"}, "https://acme--uat.sandbox.my.salesforce.com"),
        ({**GOOD, "instance_url": "http://127.0.0.1:8080/"}, "http://127.0.0.1:8080"),
        ({"session_id": "00D!x", "instance_url": "https://acme.my.salesforce.com"}, "https://acme.my.salesforce.com"),
    ],
)  # fmt: skip
def test_both_ways_to_sign_in_are_taken(given: dict[str, Any], home: str) -> None:
    assert SalesforceOptions.model_validate(given).home == home


@pytest.mark.parametrize(
    "wrong",
    [
        {"domain": ""},
        {"domain": "login"},
        {"domain": "test"},
        {"domain": "acme.my/evil?"},
        {"client_id": ""},
        {"client_secret": ""},
        {"client_secret": "two words"},
        {"client_id": "two\nlines"},
        {"session_id": "00D!x"},
        {"instance_url": "http://acme.my.salesforce.com"},
        {"instance_url": "ftp://acme.my.salesforce.com"},
        {"instance_url": "https://user:pass@acme.my.salesforce.com"},
        {"instance_url": "https://acme.my.salesforce.com/path"},
        {"instance_url": "https://acme.my.salesforce.com:port"},
        {"external_id_field": "Key__c FROM Lead"},
        {"external_id_field": "Email"},
        {"daily_share": 0},
        {"daily_share": 1.1},
        {"batch": 0},
        {"batch": 201},
        {"duplicates": "merge"},
        {"assignment": "sometimes"},
        {"password": "x"},
    ],
)
def test_options_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        SalesforceOptions.model_validate({**GOOD, **wrong})


def test_a_session_needs_its_address() -> None:
    with pytest.raises(ValueError, match="instance_url"):
        SalesforceOptions.model_validate({"session_id": "00D!x"})


def test_every_meaning_has_a_code_with_a_fix_and_every_code_is_used_somewhere() -> None:
    used = {meaning.code for table_ in (ROWS, CALLS, STATUSES) for meaning in table_.values()}
    assert used <= set(CODES)
    assert SalesforceConnector.codes is CODES
    assert all(
        code.startswith("salesforce_") and fix.endswith((".", "retry", "NAME", "drop"))
        for code, fix in CODES.items()
    )


def test_a_batch_option_is_the_batch_size() -> None:
    with table(batch=7) as bench:
        assert bench.connector.batch_size == 7


def test_the_registry_takes_it_for_a_connector_and_shows_no_secret_in_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    types = {
        "salesforce": EntryPoint("salesforce", "connectors.salesforce.connector:SalesforceConnector", GROUP)
    }
    text = '[sources.main]\napi_key = "ctgo_x"\n[connectors.org]\ntype = "salesforce"\nclient_id = "id"\n'
    file.write_text(f'{text}domain = "acme.my"\nclient_secret = "s3cret-canary"\n')
    made = configure(load(file), types=types)["org"]
    assert (set(made.fields), made.gate) == (set(SalesforceConnector.defaults), 200)
    file.write_text(f'{text}domain = "login"\nclient_secret = "s3cret canary"\n')
    with pytest.raises(SettingsError) as caught:
        configure(load(file), types=types)
    assert "canary" not in str(caught.value)
    assert len(caught.value.mistakes) == 2


def test_only_a_mapping_that_never_looks_asks_for_maybe_sent() -> None:
    known: dict[str, Any] = {"remote_id": "00Q000000000001AAA"}
    with table(fields=PLAIN) as bench:
        assert not bench.connector.route(bench.delivery(1)).resend_safe
        assert bench.connector.route(bench.delivery(1, **known)).resend_safe
    with table(fields=PLAIN, assignment="off") as bench:
        assert bench.connector.route(bench.delivery(1)).resend_safe
    with table(fields={**PLAIN, "Title": Field(value="X", policy="if_empty")}) as bench:
        assert bench.connector.route(bench.delivery(1)).resend_safe
