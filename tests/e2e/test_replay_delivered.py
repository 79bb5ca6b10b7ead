"""`replay --delivered`: a changed mapping reaches the people who are there. Nobody is there twice, nothing is exported again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import LEADS
from tests.e2e.everything import CRMS, ROOT, Everything, everything

TITLE = {"crm": "jobtitle", "org": "Title", "outreach": "title"}
"""By connector: a field that the default mapping leaves alone."""


def map_anew(it: Everything, *names: str, more: str = "") -> None:
    """Add a field to the mappings of these connectors. `more`: lines of the table of the first."""
    config = it.folder / "config.toml"
    text = config.read_text()
    for name in names:
        table = f"[connectors.{name}]\n"
        text = text.replace(table, f"{table}keep_default_fields = true\n{more}")
        text += f'\n[connectors.{name}.fields]\n{TITLE[name]} = "Found as {{{{ handle }}}}"\n'
        more = ""
    config.write_text(text)


def titles(it: Everything, name: str) -> list[str]:
    """The values of the added field that begin as the mapping says."""
    objects = {
        "crm": it.hubspot.portal.contacts,
        "org": it.salesforce.org.leads,
        "outreach": it.apollo.book.contacts,
    }[name]
    found = [str(one.get(TITLE[name]) or "") for one in objects.values()]
    return [title for title in found if title.startswith("Found as ")]


def assert_once(it: Everything, leads: int = LEADS) -> None:
    assert it.held() == dict.fromkeys(CRMS, dict.fromkeys(it.people(), 1))
    assert set(it.ctgo.world.export_counts.values()) == {1}
    assert len(it.ctgo.world.exported) == leads
    audit = it.syncd("audit")
    assert audit.code == 0, audit.out


@pytest.fixture
def there(it: Everything) -> Everything:
    """A dozen people who are at every connector, and exported."""
    assert it.syncd("setup", "--apply").code == 0
    assert it.syncd("--once", "--yes").code == 0
    return it


@pytest.mark.parametrize("lost", [0.0, 1.0])
def test_an_added_field_comes_to_every_record_and_no_record_is_added(there: Everything, lost: float) -> None:
    map_anew(there, *CRMS)
    for name in CRMS:
        there.lines[name].lost = lost
        said = there.syncd("replay", "--connector", name, "--delivered", "--yes").out
        assert f"{LEADS} records in {name} would be written once more." in said
    assert there.syncd("audit").code == 0
    there.syncd("--once", "--max-wait", "0s")
    for name in CRMS:
        there.lines[name].lost = 0.0
        there.syncd("resume", name)
    assert there.syncd("--once").code == 0
    assert {name: len(titles(there, name)) for name in CRMS} == dict.fromkeys(CRMS, LEADS)
    assert_once(there)


def test_a_dry_run_and_a_missing_yes_change_nothing(there: Everything) -> None:
    map_anew(there, "crm")
    dry = there.syncd("replay", "--connector", "crm", "--delivered", "--dry-run")
    assert (dry.code, dry.out.splitlines()) == (
        0,
        [f"{LEADS} records in crm would be written once more.", "Nothing was changed."],
    )
    asked = there.syncd("replay", "--connector", "crm", "--delivered")
    assert (asked.code, "add --yes" in asked.err) == (64, True)
    assert there.told("replay", "--connector", "crm", "--delivered", "--dry-run")["made"] == 0
    assert there.deliveries()["crm"] == {"delivered": LEADS}


def test_a_field_keeps_its_policy(there: Everything) -> None:
    """What sales wrote into a field that is only filled when empty stays."""
    portal = there.hubspot.portal
    known = next(iter(portal.contacts))
    portal.edit(known, lastname="Of sales", jobtitle="Of sales")
    map_anew(there, "crm")
    there.syncd("replay", "--connector", "crm", "--delivered", "--yes")
    assert there.syncd("--once").code == 0
    assert portal.contacts[known]["lastname"] == "Of sales"
    assert len(titles(there, "crm")) == LEADS, "and a field of the policy always is written over"


def test_the_gate_holds_them_and_what_is_dropped_is_there_as_before(there: Everything) -> None:
    map_anew(there, "crm", more="gate = 8\n")
    assert there.told("replay", "--connector", "crm", "--delivered", "--yes")["held"] is True
    assert there.syncd("--once").code == 75
    assert len(titles(there, "crm")) == 5
    assert there.syncd("release", "crm", "--drop", "--yes").code == 0
    assert there.deliveries()["crm"] == {"delivered": LEADS}
    assert there.syncd("--once").code == 0
    assert len(titles(there, "crm")) == 5
    assert_once(there)


def test_one_that_is_refused_stays_delivered_for_its_export_and_is_listed_as_rejected(
    there: Everything,
) -> None:
    map_anew(there, "crm")
    there.poison(crm=there.people()[3:4])
    there.syncd("replay", "--connector", "crm", "--delivered", "--yes")
    assert there.syncd("--once").code == 1
    assert there.deliveries()["crm"] == {"delivered": LEADS - 1, "rejected": 1}
    assert_once(there)
    assert there.syncd("rejected", "drop", "--all", "--yes").code == 0
    assert there.deliveries()["crm"] == {"delivered": LEADS}
    assert_once(there)


def test_a_connector_that_keeps_an_entry_for_each_lead_refuses(there: Everything) -> None:
    ran = there.syncd("replay", "--connector", "sheet", "--delivered", "--yes")
    assert ran.code == 64
    assert "sheet keeps an entry for each lead and cannot write over it" in ran.err


def test_who_is_forgotten_meanwhile_is_not_written_again(there: Everything) -> None:
    map_anew(there, "crm")
    lead = there.rows()[0]
    there.syncd("replay", "--connector", "crm", "--delivered", "--yes")
    told = there.told("forget", "--id", str(lead.id), "--yes")
    assert {one["connector"] for one in told["remains"] if one["remote_id"]} >= {"crm"}
    assert there.syncd("--once").code == 0
    assert len(titles(there, "crm")) == LEADS - 1
    assert there.syncd("audit").code == 0


@pytest.mark.parametrize(("name", "write"), [("crm", 1), ("crm", 2), ("org", 1)])
def test_killed_half_way_the_rest_is_written_once(tmp_path: Path, name: str, write: int) -> None:
    """kill -9 beside a write: its answer is lost. The next run goes on."""
    leads = 120
    with everything(tmp_path, leads=leads) as it:
        assert it.syncd("setup", "--apply").code == 0
        assert it.syncd("--once", "--yes").code == 0
        map_anew(it, name)
        assert it.told("replay", "--connector", name, "--delivered", "--yes")["again"] == leads
        assert killed(it, name, write) == -signal.SIGKILL
        assert it.syncd("audit").code == 0
        assert it.syncd("--once").code == 0
        assert len(titles(it, name)) == leads
        assert_once(it, leads)


def killed(it: Everything, name: str, write: int) -> int:
    """Run, and kill it beside the n-th write to this connector; return its end."""
    line = it.lines[name]
    last = line.writes + write
    with subprocess.Popen(
        [sys.executable, "-m", "syncd", "--config", "config.toml", "--once"],
        cwd=it.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:

        def kill() -> None:
            if line.writes == last:
                process.kill()
                process.wait()

        line.before = kill
        process.wait(120)
        line.before = None
        return process.returncode
