"""Rows where no call is needed to see them: what may be written over what is there, and what never is."""

from connectors.salesforce.identity import Known, Mapped, Write, decide, join, linked
from connectors.salesforce.lead_fields import Column, Schema
from syncd.connector import Delivery, Field
from syncd.testing import samples

KEY = "Key__c"
ORG = Schema(
    [
        Column(KEY, "string", 32, external_id=True, unique=True),
        Column("LastName", "string", 80),
        Column("Title", "string", 80),
        Column("Origin__c", "string", 80, updateable=False),
    ]
)


def mapped(**fields: Field) -> Mapped:
    return join(fields, KEY, ORG, "link")


def delivery(**fields: object) -> Delivery:
    return Delivery(1, samples.lead(samples.raw_lead(1)), fields, person="77")


def test_the_key_is_nobody_elses_to_write() -> None:
    both = mapped(KEY__C=Field(value="{{ handle }}"), LastName=Field(value="{{ handle }}"))
    row = decide(delivery(KEY__C="mine", LastName="Maker"), Known(), both)
    assert isinstance(row, Write)
    assert row.record == {"attributes": {"type": "Lead"}, KEY: "77", "LastName": "Maker"}


def test_what_may_be_set_on_creation_only_is_not_linked() -> None:
    once = Field(value="x", policy="create_only")
    fields = mapped(LastName=once, Title=once, Origin__c=once)
    row = linked(
        delivery(LastName="Maker", Title="Founder", Origin__c="X"),
        fields,
        {"Id": "00Q1", "LastName": "Typed", "Title": ""},
    )
    assert row == {"attributes": {"type": "Lead"}, "id": "00Q1", KEY: "77", "Title": "Founder"}


def test_over_a_lead_of_ours_each_field_goes_by_its_policy() -> None:
    fields = mapped(
        LastName=Field(value="x", policy="if_empty"), Title=Field(value="x"),
        Origin__c=Field(value="x", policy="create_only"),
    )  # fmt: skip
    sent = delivery(LastName="Maker", Title="Founder", Origin__c="X")
    known = Known()
    known.add_leads([{"Id": "00Q1", KEY: "77", "LastName": "", "Title": "Typed"}], KEY)
    row = {"attributes": {"type": "Lead"}, KEY: "77"}
    assert decide(sent, known, fields) == Write("update", {**row, "LastName": "Maker", "Title": "Founder"})
    known.add_leads([{"Id": "00Q1", KEY: "77", "LastName": "Typed", "Title": "Typed"}], KEY)
    assert decide(sent, known, fields) == Write("update", {**row, "Title": "Founder"})
