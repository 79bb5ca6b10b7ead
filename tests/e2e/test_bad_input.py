"""Everything that a CRM may have against an account or a lead: a code, a sentence, a fix, and no lead lost.

Each trouble is met by the real libraries through the command line. Of the other connectors nobody notices.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import pytest

from tests.e2e.conftest import LEADS
from tests.e2e.everything import CRMS, Everything

SALESFORCE = {"LastName": "{{ last_name or handle }}", "Company": "@{{ handle }} (X)"}
HUBSPOT = {"lastname": "{{ last_name or handle }}"}
APOLLO = {"last_name": "{{ last_name or handle }}", "email": "{{ email }}"}

Do = Callable[[Everything], object]


@dataclass(frozen=True)
class Case:
    """One trouble.

    `code`: what the run is left with; `found`: what `check` says before, "" if it cannot know; `mend`: what makes it
    well again. `state`: of the deliveries then: all of them pending, or one of them set aside.
    """

    what: str
    name: str
    code: str
    arrange: Do
    mend: Do
    found: str | None = None
    state: Literal["pending", "rejected"] = "pending"
    lane: Literal["halted", "paused"] = "halted"
    fields: Mapping[str, str] = field(default_factory=dict)
    ready: bool = True

    def __str__(self) -> str:
        return f"{self.name}: {self.what}"

    @property
    def told_by_check(self) -> str:
        return self.code if self.found is None else self.found


def nothing(_: Everything) -> None:
    """The configuration is trouble enough."""


def revoke(name: str) -> Do:
    return lambda it: it.revoke(name)


def restore(it: Everything) -> None:
    it.restore()


def rename_property(it: Everything, old: str = "ctgo_bio", new: str = "ctgo_biography") -> None:
    found = it.hubspot.portal.definitions.pop(old)
    it.hubspot.portal.definitions[new] = {**found, "name": new}


def rename_field(it: Everything, old: str = "CTGO_Bio__c", new: str = "CTGO_Biography__c") -> None:
    found = it.salesforce.org.fields.pop(old.lower())
    found.name = new
    it.salesforce.org.fields[new.lower()] = found


def rename_custom_field(it: Everything, old: str) -> None:
    next(one for one in it.apollo.book.fields.values() if one["label"] == old)["label"] = "another"


def set_up(it: Everything) -> None:
    assert it.syncd("setup", "--apply").code == 0


def restricted(it: Everything) -> None:
    it.salesforce.org.fields["rating"].restricted = True


def unrestricted(it: Everything) -> None:
    it.salesforce.org.fields["rating"].restricted = False


def option_made(it: Everything) -> None:
    stages = it.hubspot.portal.definitions["lifecyclestage"]["options"]
    stages += [{"label": name, "value": name} for name in ("Prospect", "12")]


def poison(name: str) -> Do:
    return lambda it: it.poison(**{name: it.people()[:1]})


def with_mail(address: str) -> Do:
    return lambda it: it.rows()[0].change({"email": address, "emailStatus": "verified"})


def dropped(it: Everything) -> None:
    assert it.syncd("rejected", "drop", "--all", "--yes").code == 0


def over_long(it: Everything) -> None:
    it.rows()[0].change({"profile": {"bio": "x" * 5000}})
    it.hubspot.portal.longest["ctgo_bio"] = 4000


def taken_after_all(it: Everything) -> None:
    """Somebody mended what the leads were refused for; that alone sends nothing again."""
    it.hubspot.portal.longest.clear()
    it.salesforce.org.errors.clear()
    it.apollo.book.poisoned.clear()
    assert it.syncd("rejected", "retry").code == 0


def resumed(name: str, mended: Do) -> Do:
    """A pause outlasts a start: whoever knows that it is over says so."""

    def mend(it: Everything) -> None:
        mended(it)
        assert it.syncd("resume", name).code == 0

    return mend


CASES = [
    # A revoked token
    Case("revoked", "crm", "hubspot_token_refused", revoke("crm"), restore),
    Case("revoked", "org", "salesforce_credentials", revoke("org"), restore),
    Case("revoked", "outreach", "apollo_key_refused", revoke("outreach"), restore),
    # A missing scope or right
    Case(
        "may not write", "crm", "hubspot_scopes_missing",
        lambda it: it.hubspot.scopes.discard("crm.objects.contacts.write"),
        lambda it: it.hubspot.scopes.add("crm.objects.contacts.write"),
    ),
    Case(
        "may not read", "crm", "hubspot_scopes_missing",
        lambda it: it.hubspot.scopes.discard("crm.objects.contacts.read"),
        lambda it: it.hubspot.scopes.add("crm.objects.contacts.read"),
    ),
    Case(
        "may not see Contacts", "org", "salesforce_object_hidden",
        lambda it: it.salesforce.org.hidden_objects.add("contact"),
        lambda it: it.salesforce.org.hidden_objects.clear(),
    ),
    Case(
        "may not create", "outreach", "apollo_scope_missing",
        lambda it: setattr(it.apollo, "scopes", {"fields/index", "labels/index"}),
        lambda it: setattr(it.apollo, "scopes", None),
    ),
    # A missing property or field
    Case(
        "not set up", "crm", "hubspot_property_missing", nothing, set_up, found="hubspot_setup_needed", ready=False,
    ),
    Case("not set up", "org", "salesforce_no_key", nothing, set_up, ready=False),
    Case(
        "a property of nobody", "crm", "hubspot_property_missing", nothing, lambda it: it.configure(fields={"crm": HUBSPOT}),
        fields={**HUBSPOT, "our_score": "{{ follower_count }}"},
    ),
    Case(
        "a field of nobody", "org", "salesforce_field_missing", nothing, lambda it: it.configure(fields={"org": SALESFORCE}),
        fields={**SALESFORCE, "Our_Score__c": "{{ follower_count }}"},
    ),
    Case(
        "a field of nobody", "outreach", "apollo_field_missing", partial(rename_custom_field, old="our_score"), lambda it: it.configure(fields={"outreach": APOLLO}),
        fields={**APOLLO, "our_score": "{{ follower_count }}"},
    ),
    # A renamed field
    Case("renamed", "crm", "hubspot_property_missing", rename_property, set_up, found="hubspot_setup_needed"),
    Case("renamed", "org", "salesforce_field_missing", rename_field, set_up),
    # A picklist value that does not exist
    Case(
        "a fixed value", "crm", "hubspot_constant_refused", nothing, option_made, found="hubspot_option_unknown",
        fields={**HUBSPOT, "lifecyclestage": "Prospect"},
    ),
    Case(
        "a fixed value", "org", "salesforce_picklist", restricted, unrestricted,
        fields={**SALESFORCE, "Rating": "Tepid"},
    ),
    Case(
        "every lead's value", "crm", "hubspot_option_missing", nothing, option_made, found="",
        fields={**HUBSPOT, "lifecyclestage": "{{ 12 }}"},
    ),
    Case(
        "every lead's value", "org", "salesforce_picklist", restricted, unrestricted, found="",
        fields={**SALESFORCE, "Rating": "{{ 12 }}"},
    ),
    # An over-long value
    Case("over-long", "crm", "hubspot_value_too_long", over_long, taken_after_all, found="", state="rejected"),
    Case("refused", "outreach", "apollo_invalid", poison("outreach"), taken_after_all, found="", state="rejected"),
    Case("refused", "org", "salesforce_validation", poison("org"), taken_after_all, found="", state="rejected"),
    # An invalid email
    Case("email", "crm", "hubspot_email_invalid", with_mail("nobody@nowhere"), dropped, found="", state="rejected"),
    Case("email", "org", "salesforce_bad_email", with_mail("nobody@nowhere"), dropped, found="", state="rejected"),
    Case("email", "outreach", "apollo_no_email", with_mail("nobody@nowhere"), dropped, found="", state="rejected"),
    # A daily quota
    Case(
        "daily quota", "crm", "hubspot_daily_quota", lambda it: setattr(it.hubspot, "daily", 0),
        resumed("crm", lambda it: setattr(it.hubspot, "daily", 250_000)), lane="paused",
    ),
    Case(
        "daily quota", "org", "salesforce_limit", lambda it: setattr(it.salesforce, "limit", 0),
        resumed("org", lambda it: setattr(it.salesforce, "limit", 15_000)), lane="paused",
    ),
    Case(
        "daily quota", "outreach", "apollo_daily_limit", lambda it: it.apollo.limits.update({86400: 0}),
        resumed("outreach", lambda it: it.apollo.limits.clear()), lane="paused",
    ),
    # A plan without API access
    Case(
        "plan", "crm", "hubspot_forbidden", lambda it: setattr(it.hubspot, "plan_has_api", False),
        lambda it: setattr(it.hubspot, "plan_has_api", True),
    ),
    Case(
        "plan", "org", "salesforce_api_disabled", lambda it: setattr(it.salesforce, "has_api", False),
        lambda it: setattr(it.salesforce, "has_api", True),
    ),
    Case(
        "plan", "outreach", "apollo_plan", lambda it: it.apollo.not_in_plan.add("contacts/bulk_create"),
        lambda it: it.apollo.not_in_plan.clear(),
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_said_with_a_code_and_a_fix_every_lead_is_still_there_and_mending_it_is_enough(
    it: Everything, case: Case
) -> None:
    it.configure(fields={case.name: case.fields} if case.fields else {})
    if case.ready:
        set_up(it)
    else:
        assert it.syncd("setup", *({"sheet", *CRMS} - {case.name}), "--apply").code == 0
    case.arrange(it)

    errors = {(one["about"], one["code"]) for one in it.told("check")["findings"] if one["level"] == "error"}
    assert errors == ({(f"connector {case.name}", case.told_by_check)} if case.told_by_check else set())

    ran = it.syncd("--once", "--yes", "--max-wait", "1s")
    mine = {"pending": LEADS} if case.state == "pending" else {"delivered": LEADS - 1, "rejected": 1}
    found = it.deliveries()
    assert found[case.name] == mine
    others = {"sheet", *CRMS} - {case.name}
    assert case.what == "email" or all(found[other] == {"delivered": LEADS} for other in others)
    if case.state == "pending":
        assert ran.code == 75
        assert f"syncd: connector {case.name}: " in ran.err
        assert f"({case.code})" in ran.err
        (lane,) = it.told("status")["lanes"]
        assert (lane["name"], lane["status"], lane["code"]) == (case.name, case.lane, case.code)
        assert lane["detail"]
        assert lane["fix"]
        assert lane["fix"] in ran.err
    else:
        assert ran.code == 1
        (cause,) = [one for one in it.told("rejected", "list") if one["where"] == case.name]
        assert (cause["code"], cause["n"]) == (case.code, 1)
        assert cause["detail"]
        assert cause["fix"]
    assert it.syncd("explain", case.code).code == 0

    case.mend(it)
    again = it.syncd("--once", "--yes", "--max-wait", "1s")
    assert again.code == 0, again.err
    assert it.deliveries()[case.name] in ({"delivered": LEADS}, {"delivered": LEADS - 1, "dropped": 1})
    assert len(it.ctgo.world.exported) == LEADS
    assert set(it.held()[case.name].values()) == {1}
