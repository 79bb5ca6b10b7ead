"""A disk that is full, or breaks, under a running daemon; and is well again."""

import errno

import pytest

from syncd.cli.exits import Exit
from tests.proof.crash.lives import finish
from tests.proof.crash.scene import CRM, SHEET, Plan
from tests.proof.crash.stage import Stage
from tests.proof.figures import record
from tests.proof.host.faults import EVERY, GROWING, Fault, Kind, Page
from tests.proof.host.living import Conditions, living

BOTH = Plan("daemon with both", frozenset({SHEET, CRM}), daemon=True)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_ledger_without_room_turns_health_red_stops_all_and_is_waited_out(
    stage: Stage, page: Page, error: int
) -> None:
    """The disk itself is full, a quota is, or a file is as large as any may be."""
    with living(stage, BOTH, Conditions(page, plants=["impatient"])) as daemon:
        daemon.until_exported()
        daemon.until(lambda: daemon.ready()[0] == 200, "it is ready")
        page.put(Fault(error, 1, GROWING, only="/state", lasting=True))
        asked = len(daemon.scene.world.requests)
        daemon.lead()
        daemon.until(lambda: "ledger_full" in daemon.ready()[1], "health says so")
        assert daemon.ready()[0] == 503
        assert len(daemon.scene.world.requests) == asked, "a pull that could not be recorded is not made"
        page.lift()
        daemon.until_exported()
        daemon.until(lambda: daemon.ready()[0] == 200, "it is ready again")
        assert "ledger_recovered" in daemon.said()
        assert daemon.stop()[0] == 0
        daemon.scene.check_end()
    record("host", {"points": 1, f"daemon: {errno.errorcode[error]}": 1})


@pytest.mark.parametrize("kind", [Kind.WRITE, Kind.SYNC])
def test_a_ledger_whose_disk_fails_once_ends_the_daemon_at_once(stage: Stage, page: Page, kind: Kind) -> None:
    with living(stage, BOTH, Conditions(page)) as daemon:
        daemon.until_exported()
        daemon.until(lambda: daemon.ready()[0] == 200, "it is ready")
        page.put(Fault(errno.EIO, 1, {kind}, only="syncd.db"))
        daemon.lead()
        ended = daemon.end()
        assert (ended.code, page.struck.times) == (Exit.LEDGER, 1)
        assert "the disk reports errors" in ended.said
        assert not daemon.scene.done
        daemon.scene.check()
        finish(stage.forks, daemon.scene, audit=False)
    record("host", {"points": 1, "daemon: EIO": 1})


def test_a_leads_file_without_room_holds_up_no_other_connector(stage: Stage, page: Page) -> None:
    with living(stage, BOTH, Conditions(page)) as daemon:
        daemon.until_exported()
        page.put(Fault(errno.ENOSPC, 1, EVERY - {Kind.OPEN, Kind.READ}, only="/out", lasting=True, half=True))
        daemon.lead()
        daemon.until(lambda: len(daemon.scene.crm.people()) == 3, "the CRM has the third lead")
        daemon.until_says("csv_disk_full")
        assert not daemon.scene.done, "it is not exported before the file has it"
        page.lift()
        assert daemon.stop()[0] == 0
        daemon.scene.check()
        finish(stage.forks, daemon.scene, audit=False)
    record("host", {"points": 1, "daemon: ENOSPC in half": 1})
