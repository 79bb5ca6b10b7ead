"""What is written: the default mapping, policies, and values made to fit this org's fields."""

from typing import Any

import pytest

from connectors.salesforce.connector import SalesforceConnector
from connectors.salesforce.lead_fields import Column, fit, read_schema
from connectors.salesforce.options import DEFAULTS, KEY_FIELD
from connectors.salesforce.setup import CUSTOM_FIELDS
from syncd.connector import Delivered, Delivery, Field, Halt, Pause, Reject
from syncd.simulator.crms.salesforce.lead_object import LeadField
from tests.connectors.salesforce.salesforce_bench import PLAIN, Table, lead_of, one, raised, table


def _written(bench: Table, delivery: Delivery) -> dict[str, Any]:
    assert isinstance(one(bench, delivery), Delivered)
    return lead_of(bench, delivery)


def test_a_lead_with_a_verified_email_is_written_whole() -> None:
    with table() as bench:
        lead = _written(bench, bench.delivery(6, display_name="Mara Oduya"))
        assert {name: lead.get(name) for name in DEFAULTS} == {
            KEY_FIELD: "1400000000000000006",
            "FirstName": "Mara",
            "LastName": "Oduya",
            "CTGO_Handle__c": "maker_6",
            "CTGO_X_URL__c": "https://x.com/maker_6",
            "Email": "maker6@studio6.example.com",
            "CTGO_Email_Unverified__c": None,
            "CTGO_LinkedIn_URL__c": "https://www.linkedin.com/in/maker-6",
            "Company": "studio6.example.com",
            "CTGO_Bio__c": "I make things. Workshop no. 6 🌱",
            "CTGO_Followers__c": 1006,
            "Description": "Found on X by Catch The Good Ones on 2026-06-11T07:15:00Z: high match for Founders who ship.",
            "CTGO_First_Campaign__c": "Founders who ship",
            "CTGO_Latest_Campaign__c": "Founders who ship",
            "CTGO_Segment__c": "Makers",
            "CTGO_Source_Account__c": "indiehackers",
            "CTGO_Match__c": "high",
            "CTGO_Source_Type__c": "follower",
            "CTGO_First_Seen__c": "2026-06-11T07:15:00Z",
            "CTGO_Ref__c": "6/7/3",
            "CTGO_Synced_At__c": "2026-06-11T12:00:00Z",
            "LeadSource": "Catch The Good Ones",
        }


def test_a_guessed_email_is_kept_apart() -> None:
    with table() as bench:
        lead = _written(bench, bench.delivery(1))
        assert lead["CTGO_Email_Unverified__c"] == "maker1@studio1.example.com"
        assert "Email" not in lead


@pytest.mark.parametrize(
    ("changes", "first", "last", "company"),
    [
        ({"display_name": "Cher"}, None, "Cher", "@maker_2 (X)"),
        ({"display_name": None}, None, "maker_2", "@maker_2 (X)"),
        (
            {"display_name": None, "handle": None},
            None,
            "X user 1400000000000000002",
            "@1400000000000000002 (X)",
        ),
        ({"display_name": None, "handle": None, "x_user_id": None}, None, "X user 2", "@2 (X)"),
    ],
)
def test_a_lead_is_never_without_a_last_name_and_a_company_of_its_own(
    changes: dict[str, Any], first: str | None, last: str, company: str
) -> None:
    with table() as bench:
        lead = _written(bench, bench.delivery(2, **changes))
        assert (lead.get("FirstName"), lead["LastName"], lead["Company"]) == (first, last, company)


@pytest.mark.parametrize("provider", ["gmail.com", "web.de", "qq.com"])
def test_a_mail_providers_domain_is_no_company(provider: str) -> None:
    with table() as bench:
        raw = bench.delivery(2).lead.raw
        mapped = bench.field_map.evaluate(_values(bench, raw, f"someone@{provider}"))
        assert mapped["Company"] == "@maker_2 (X)"


def _values(bench: Table, raw: Any, address: str) -> dict[str, object]:
    from syncd.mapping import variables  # noqa: PLC0415
    from syncd.testing import samples  # noqa: PLC0415

    found = {"email": {"address": address, "status": "verified"}}
    values = variables(samples.lead(raw), enrichment=found, names=bench.field_map.uses - {"synced_at"})
    return {**values, "synced_at": "2026-06-11T12:00:00Z"}


def test_what_a_salesperson_typed_stays() -> None:
    with table() as bench:
        delivery = bench.delivery(6)
        lead = _written(bench, delivery)
        typed = {
            "FirstName": "Typed",
            "Email": "typed@acme.com",
            "Company": "Acme",
            "Description": "",
            "Status": "Working",
        }
        lead.update(typed)
        lead["CTGO_LinkedIn_URL__c"] = None
        lead = _written(bench, bench.delivery(6, bio="new"))
        assert {name: lead[name] for name in typed} == typed
        assert lead["CTGO_LinkedIn_URL__c"] == "https://www.linkedin.com/in/maker-6"
        assert lead["CTGO_Bio__c"] == "new"


@pytest.mark.parametrize("name", ["Status", "Rating", "OwnerId"])
def test_the_salespersons_own_fields_are_set_on_new_leads_only(name: str) -> None:
    value = {"Status": "Working", "Rating": "Hot", "OwnerId": "005000000000009AAA"}[name]
    with table(fields={**PLAIN, name: value}, assignment="off") as bench:
        lead = _written(bench, bench.delivery(1))
        assert lead[name] == value
        lead[name] = "theirs"
        assert _written(bench, bench.delivery(1))[name] == "theirs"


def test_the_key_is_the_persons_id_whatever_was_mapped() -> None:
    with table(fields={**PLAIN, KEY_FIELD: "{{ handle }}"}) as bench:
        assert isinstance(one(bench, bench.delivery(1)), Delivered)
        assert len(bench.fake.org.by_key(bench.delivery(1).person)) == 1


def test_a_lead_without_an_x_id_has_its_own_id_for_a_key() -> None:
    with table() as bench:
        one(bench, bench.delivery(2, x_user_id=None))
        assert len(bench.fake.org.by_key("lead-2")) == 1


def test_another_key_field_does_without_the_default_one() -> None:
    with table(external_id_field="Our_Key__c") as bench:
        fields = bench.fake.org.fields
        fields["our_key__c"] = LeadField("Our_Key__c", length=64, external_id=True, unique=True)
        del fields[KEY_FIELD.lower()]
        assert isinstance(one(bench, bench.delivery(1)), Delivered)
        assert [lead["Our_Key__c"] for lead in bench.fake.org.leads.values()] == [bench.delivery(1).person]


def test_names_of_fields_are_taken_in_any_case() -> None:
    with table(fields={"lastname": "{{ handle }}", "COMPANY": "{{ handle }}"}) as bench:
        assert _written(bench, bench.delivery(1))["LastName"] == "maker_1"


def test_long_texts_are_cut_to_the_fields_of_this_org() -> None:
    with table() as bench:
        bench.fake.org.fields["ctgo_handle__c"].length = 5
        lead = _written(bench, bench.delivery(2, display_name="Æ" * 60 + " " + "œ" * 90, bio="🌱" * 400))
        assert lead["CTGO_Handle__c"] == "maker"
        assert lead["CTGO_Bio__c"] == "🌱" * 127
        assert (lead["FirstName"], lead["LastName"]) == ("Æ" * 40, "œ" * 80)


@pytest.mark.parametrize(
    ("type_", "length", "value", "wanted"),
    [
        ("string", 5, "abcdefg", "abcde"),
        ("string", 5, "abcd efg", "abcd"),
        ("string", 3, "a🌱🌱", "a🌱"),
        ("string", 4, "a🌱🌱", "a🌱"),
        ("string", 5, "a🌱🌱", "a🌱🌱"),
        ("string", 0, "x" * 999, "x" * 999),
        ("string", 9, 12, "12"),
        ("string", 9, True, "true"),
        ("textarea", 99, "a\x00b\ud83dc\n", "abc\n"),
        ("textarea", 99, ["a", 1], '["a", 1]'),
        ("email", 10, "someone@far.example", None),
        ("url", 10, "https://x.com/someone", None),
        ("picklist", 3, "Webinar", None),
        ("double", 0, 5, 5),
        ("double", 0, "5", 5),
        ("double", 0, "-5.5", -5.5),
        ("double", 0, "many", "many"),
        ("double", 0, "nan", "nan"),
        ("double", 0, "²", "²"),
        ("double", 0, ["5"], '["5"]'),
        ("double", 0, "half \ud83d", "half "),
        ("boolean", 0, False, False),
        ("boolean", 0, "half \ud83d", "half "),
        ("date", 0, "2026-06-11T07:15:00Z", "2026-06-11"),
        ("datetime", 0, "2026-06-11T07:15:00Z", "2026-06-11T07:15:00Z"),
    ],
)
def test_a_value_is_made_to_fit(type_: str, length: int, value: object, wanted: object) -> None:
    assert fit(Column("X__c", type_, length), value) == wanted


def test_a_text_of_which_nothing_is_left_is_left_out() -> None:
    assert fit(Column("X__c", "string", 1), "🌱") is None


def test_a_restricted_lead_source_is_left_out_and_any_other_value_is_rejected_by_the_org() -> None:
    with table(fields={**PLAIN, "LeadSource": "Elsewhere", "Rating": "Tepid"}) as bench:
        for name in ("leadsource", "rating"):
            bench.fake.org.fields[name].restricted = True
        why = one(bench, bench.delivery(1))
        assert isinstance(why, Reject)
        assert why.code == "salesforce_picklist"
        assert why.detail.endswith(" on Rating, only: Cold, Hot, Warm")
        bench.fake.org.fields["rating"].restricted = False
        assert "LeadSource" not in _written(bench, bench.delivery(1))


def test_a_field_that_was_shortened_meanwhile_is_read_anew() -> None:
    with table() as bench:
        _written(bench, bench.delivery(1))
        bench.fake.org.fields["ctgo_handle__c"].length = 3
        why = one(bench, bench.delivery(2))
        assert isinstance(why, Reject)
        assert why.code == "salesforce_too_long"
        assert _written(bench, bench.delivery(2))["CTGO_Handle__c"] == "mak"


def test_the_fields_are_read_once_an_hour() -> None:
    with table() as bench:
        for _ in range(3):
            one(bench, bench.delivery(1))
        bench.clock.advance(3600)
        one(bench, bench.delivery(1))
        assert sum(call.path.endswith("describe") for call in bench.fake.calls) == 2


@pytest.mark.parametrize("gone", ["CTGO_Bio__c", "CTGO_Handle__c"])
def test_a_missing_or_hidden_field_stops_the_lane_and_a_resume_finds_it_again(gone: str) -> None:
    with table() as bench:
        bench.fake.org.fields[gone.lower()].granted = False
        why = raised(bench, bench.delivery(1))
        assert isinstance(why, Halt)
        assert (why.code, gone in why.detail) == ("salesforce_field_missing", True)
        bench.fake.org.fields[gone.lower()].granted = True
        assert isinstance(one(bench, bench.delivery(1)), Delivered)


def test_a_field_renamed_under_a_running_connector_stops_the_lane() -> None:
    with table(fields=PLAIN) as bench:
        one(bench, bench.delivery(1))
        del bench.fake.org.fields["ctgo_bio__c"]
        why = one(bench, bench.delivery(2))
        assert isinstance(why, Halt)
        assert why.code == "salesforce_field_missing"


def test_a_field_that_may_not_be_written_stops_the_lane() -> None:
    with table() as bench:
        bench.fake.org.fields["description"].writable = False
        why = raised(bench, bench.delivery(1))
        assert isinstance(why, Halt)
        assert why.code == "salesforce_field_locked"


@pytest.mark.parametrize("lacking", ["external_id", "unique", "granted"])
def test_nothing_is_written_without_a_unique_external_id(lacking: str) -> None:
    with table() as bench:
        setattr(bench.fake.org.fields[KEY_FIELD.lower()], lacking, False)
        why = raised(bench, bench.delivery(1))
        assert isinstance(why, Halt)
        assert why.code == "salesforce_no_key"
        assert not bench.fake.org.leads


@pytest.mark.parametrize("answer", [None, [], {}, {"fields": []}, {"fields": "all"}])
def test_a_describe_that_describes_nothing_is_no_description(answer: object) -> None:
    with pytest.raises(ValueError, match="fields"):
        read_schema(answer)


def test_a_describe_that_cannot_be_read_is_a_failed_call() -> None:
    with table() as bench:
        bench.fake.answer_next(200, {"fields": None})
        assert isinstance(raised(bench, bench.delivery(1)), Pause)


def test_every_custom_field_of_the_default_mapping_can_be_made_by_setup() -> None:
    assert {name for name in DEFAULTS if name.endswith("__c")} == {KEY_FIELD, *CUSTOM_FIELDS}


def test_the_policies_are_those_of_the_mapping_table() -> None:
    policies = {
        n: f.policy if isinstance(f, Field) else "always" for n, f in SalesforceConnector.defaults.items()
    }
    assert {n for n, p in policies.items() if p == "if_empty"} == {
        "FirstName",
        "LastName",
        "Email",
        "CTGO_LinkedIn_URL__c",
    }
    assert {n for n, p in policies.items() if p == "create_only"} == {
        "Company", "Description", "CTGO_First_Campaign__c", "CTGO_First_Seen__c", "CTGO_Synced_At__c", "LeadSource",
    }  # fmt: skip
    assert not {"Website", "Rating", "Status", "OwnerId"} & set(policies)
