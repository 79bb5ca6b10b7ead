"""The whole product as its user meets it: set up, check, run, run again, and come through a bad day."""

import csv
from functools import partial
from pathlib import Path

from tests.e2e.everything import CRMS, Everything, everything

LEADS = 1000


def sheet(it: Everything) -> list[str]:
    with (it.folder / "leads.csv").open(newline="") as lines:
        return [row["id"] for row in csv.DictReader(lines)]


def revoke_half_way(it: Everything, name: str) -> None:
    if it.size(name) >= LEADS // 2:
        it.revoke(name)


def test_a_thousand_leads_reach_every_connector_and_are_exported_and_a_new_ledger_makes_nothing_new(
    tmp_path: Path,
) -> None:
    with everything(tmp_path, leads=LEADS) as it:
        assert it.syncd("check").code == 2, "nobody has set the CRMs up"
        assert it.syncd("setup", "--apply").code == 0
        ready = it.syncd("check")
        assert ready.code == 0, ready.out
        ran = it.syncd("--once", "--yes")
        assert ran.code == 0, ran.err
        once_each = dict.fromkeys(it.people(), 1)
        assert len(once_each) == LEADS
        assert it.held() == dict.fromkeys(CRMS, once_each)
        assert len(set(sheet(it))) == len(sheet(it)) == LEADS
        assert set(it.ctgo.world.export_counts.values()) == {1}
        assert len(it.ctgo.world.exported) == LEADS

        it.forget()
        it.configure(start="all")
        assert it.syncd("--once", "--yes").code == 0
        assert it.told("status")["connectors"]["crm"]["deliveries"] == {"delivered": LEADS}
        assert it.held() == dict.fromkeys(CRMS, once_each)
        assert set(it.ctgo.world.export_counts.values()) == {1}


def test_after_poison_lost_answers_and_revoked_tokens_each_good_lead_is_there_once_and_poison_alone_is_set_aside(
    tmp_path: Path,
) -> None:
    with everything(tmp_path, leads=LEADS) as it:
        assert it.syncd("setup", "--apply").code == 0
        people = it.people()
        poison = {name: people[n::50] for n, name in enumerate(CRMS)}  # 2 % each, and nobody twice
        it.poison(**poison)
        for name, line in it.lines.items():
            line.lost = 0.05
            line.before = partial(revoke_half_way, it, name)
        broke = it.syncd("--once", "--yes")
        assert broke.code == 75, broke.err
        for name, code in zip(
            CRMS, ("hubspot_token_refused", "salesforce_credentials", "apollo_key_refused"), strict=True
        ):
            assert f"connector {name}: " in broke.err
            assert f"({code})" in broke.err
            assert f"syncd resume {name}" in broke.err
        assert all(0 < sum(held.values()) < LEADS for held in it.held().values())

        for line in it.lines.values():
            line.before = None
        it.restore()
        again = it.syncd("--once", "--yes")
        assert again.code == 1, again.err
        assert any(line.broken for line in it.lines.values())
        for name, held in it.held().items():
            assert held == dict.fromkeys(set(people) - set(poison[name]), 1), name
        listed = {(cause["where"], cause["n"]) for cause in it.told("rejected", "list")}
        assert listed == {(name, len(poison[name])) for name in CRMS}
        good = LEADS - sum(map(len, poison.values()))
        assert len(it.ctgo.world.exported) == good
        assert set(it.ctgo.world.export_counts.values()) == {1}


def test_without_a_yes_five_leads_reach_each_crm_and_release_lets_the_rest_go(tmp_path: Path) -> None:
    with everything(tmp_path, leads=LEADS) as it:
        assert it.syncd("setup", "--apply").code == 0
        held = it.syncd("--once")
        assert held.code == 75, held.err
        assert {name: it.size(name) for name in CRMS} == dict.fromkeys(CRMS, 5)
        assert len(sheet(it)) == LEADS
        for name in CRMS:
            assert f"connector {name}: 995 deliveries wait at its gate" in held.err
            assert f"syncd release {name}" in held.err
        again = it.syncd("--once")
        assert (again.code, {name: it.size(name) for name in CRMS}) == (75, dict.fromkeys(CRMS, 5))
        for name in CRMS:
            assert it.syncd("release", name).code == 0
        ran = it.syncd("--once")
        assert ran.code == 0, ran.err
        assert it.held() == dict.fromkeys(CRMS, dict.fromkeys(it.people(), 1))
        assert len(it.ctgo.world.exported) == LEADS
