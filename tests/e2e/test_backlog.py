"""What keeps a backlog from being rejected, each rule with the real libraries: an outage, a poisonous lead, a refusal."""

import pytest

from tests.e2e.conftest import LEADS
from tests.e2e.everything import CRMS, Everything

WELL = {"delivered": LEADS}


@pytest.fixture(autouse=True)
def _set_up(it: Everything) -> None:
    assert it.syncd("setup", "--apply").code == 0


def test_what_setup_may_not_make_is_a_persons_work_and_keeps_nothing_from_the_others(it: Everything) -> None:
    it.hubspot.scopes.discard("crm.schemas.contacts.write")
    it.hubspot.portal.definitions.pop("ctgo_bio")
    it.salesforce.org.customizable = False
    it.salesforce.org.fields.pop("ctgo_bio__c")
    it.apollo.scopes = {"fields/index", "labels/index"}
    it.apollo.book.fields.clear()
    assert it.syncd("setup", "--apply").code == 0
    changes = it.told("setup", "--apply")["changes"]
    assert {one["state"] for one in changes if one["about"] != "connector sheet"} == {"by hand"}
    assert all(one["fix"] for one in changes if one["state"] == "by hand")
    assert it.syncd("check").code == 2


@pytest.mark.parametrize("name", CRMS)
def test_an_outage_rejects_nothing_holds_up_nobody_else_and_passes(it: Everything, name: str) -> None:
    it.lines[name].down = True
    ran = it.syncd("--once", "--yes", "--max-wait", "2s")
    assert ran.code == 75
    assert f"syncd: connector {name}: " in ran.err
    assert it.deliveries() == {one: {"pending": LEADS} if one == name else WELL for one in ("sheet", *CRMS)}
    assert not it.ctgo.world.exported
    it.lines[name].down = False
    assert it.syncd("resume", name).code == 0
    assert it.syncd("--once", "--yes").code == 0
    assert it.deliveries()[name] == WELL
    assert len(it.ctgo.world.exported) == LEADS


@pytest.mark.parametrize("name", CRMS)
def test_one_lead_that_makes_a_crm_answer_500_holds_up_no_other(it: Everything, name: str) -> None:
    it.lines[name].toxic = it.people()[3]
    ran = it.syncd("--once", "--yes", "--max-wait", "8s")
    assert ran.code == 75
    assert it.deliveries()[name] == {"delivered": LEADS - 1, "pending": 1}
    assert len(it.ctgo.world.exported) == LEADS - 1
    assert it.size(name) == LEADS - 1


def test_hubspot_refuses_a_whole_batch_for_one_row_and_that_row_alone_is_set_aside(it: Everything) -> None:
    it.hubspot.batches.multi_status = False
    it.poison(crm=it.people()[5:6])
    assert it.syncd("--once", "--yes").code == 1
    assert it.deliveries()["crm"] == {"delivered": LEADS - 1, "rejected": 1}


@pytest.mark.parametrize("name", CRMS)
def test_when_a_crm_refuses_every_lead_alike_the_lane_halts_and_all_stay_pending(
    it: Everything, name: str
) -> None:
    it.poison(**{name: it.people()})
    ran = it.syncd("--once", "--yes")
    assert ran.code == 75
    assert f"{LEADS} alike rejections in a row" in ran.err
    assert f"syncd resume {name}" in ran.err
    assert it.deliveries()[name] == {"pending": LEADS}
    assert it.told("rejected", "list") == []


def test_a_where_of_the_operators_lets_no_lead_without_an_address_reach_apollo_to_be_refused(
    it: Everything,
) -> None:
    for row in it.rows()[:11]:
        row.change({"email": None, "emailStatus": None})
    config = it.folder / "config.toml"
    config.write_text(
        config.read_text().replace('type = "apollo"', 'type = "apollo"\nwhere = "follower_count >= 0"')
    )
    assert it.syncd("--once", "--yes").code == 0
    assert it.deliveries()["outreach"] == {"delivered": 1}
    assert it.deliveries()["crm"] == WELL
    assert "(follower_count >= 0) and (email)" in it.syncd("map", "outreach").out
