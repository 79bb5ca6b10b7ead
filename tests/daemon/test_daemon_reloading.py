"""A new configuration lifts what the old one stopped, and nothing that a person or a remote did."""

from pathlib import Path

import pytest
import structlog

from syncd.app.engine import make_engine
from syncd.clock import SystemClock
from syncd.core.lane_state import LaneState
from syncd.daemon.daemon import take_over
from syncd.engine.engine import Engine
from syncd.ledger import Ledger
from syncd.ledger.lanes import load_lane, save_lane
from syncd.settings import load

CONFIG = """
[sources.main]
api_key = "ctgo_reloading_5d1e"
base_url = "http://127.0.0.1:9/api/v2"
[sources.main.enrich]
per_day = {per_day}
[connectors.sheet]
type = "csv"
path = "leads.csv"
"""


def engine(folder: Path, ledger: Ledger, per_day: int) -> Engine:
    (folder / "config.toml").write_text(CONFIG.format(per_day=per_day))
    settings = load(folder / "config.toml", {}, docker_secrets=folder)
    log = structlog.get_logger("test")
    return make_engine(settings, ledger, log, lambda *_: None, clock=SystemClock())


@pytest.mark.parametrize(
    ("code", "per_day", "status"),
    [
        ("per_day_spent", 20, "open"),
        ("credits_kept", 20, "open"),
        ("per_day_spent", 10, "paused"),
        ("unreachable", 20, "paused"),
        ("paused_by_hand", 20, "paused"),
    ],
)
def test_enriching_that_a_bound_stopped_goes_on_under_another(
    tmp_path: Path, code: str, per_day: int, status: str
) -> None:
    now = SystemClock().now()
    stopped = LaneState("enrich", "main", "paused", code, since=now, until=now + 3600)
    with Ledger.open(tmp_path / "syncd.db") as ledger:
        old, new = engine(tmp_path, ledger, 10), engine(tmp_path, ledger, per_day)
        with ledger.write() as connection:
            save_lane(connection, stopped)
            lifted = take_over(connection, old, new)
            assert load_lane(connection, "enrich", "main").status == status
            assert lifted == ([stopped] if status == "open" else [])
            save_lane(connection, stopped._replace(status="halted", until=None))
            assert bool(take_over(connection, old, new)) == (per_day != 10)
        old.close()
        new.close()


@pytest.mark.parametrize(("code", "per_day", "status"), [
    ("push_failed", 20, "open"), ("push_failed", 10, "paused"), ("paused_by_hand", 20, "paused"),
])  # fmt: skip
def test_push_that_failed_is_tried_at_once_under_another_configuration(
    tmp_path: Path, code: str, per_day: int, status: str
) -> None:
    now = SystemClock().now()
    stopped = LaneState("push", "main", "paused", code, since=now, until=now + 3600)
    with Ledger.open(tmp_path / "syncd.db") as ledger:
        old, new = engine(tmp_path, ledger, 10), engine(tmp_path, ledger, per_day)
        with ledger.write() as connection:
            save_lane(connection, stopped)
            take_over(connection, old, new)
            assert load_lane(connection, "push", "main").status == status
        old.close()
        new.close()
