"""Every metric moves when what it is about moves, and none of them costs what is settled or tells of a person."""

import httpx
import pytest

from syncd import __version__
from syncd.core.failure import Pause, Reject
from syncd.core.lane_state import LaneState
from syncd.health.counters import MOST_HOSTS, Counting
from syncd.health.metrics import MOST_CODES, families
from syncd.health.snapshot import OVERDUE
from syncd.health.view import Place, View
from syncd.ledger.admin.actions import pause_lanes
from syncd.ledger.history import clear_done, note_done
from syncd.ledger.leads.enrichment import save_balance
from tests.health.conftest import POLL, Health
from tests.support import Bench
from tests.support.remote import Remote


@pytest.fixture
def far(health: Health) -> Remote:
    return health.bench.places["crm"].far


def test_the_program_says_which_it_is(health: Health) -> None:
    assert health.metrics()["syncd_build_info"] == {(__version__,): 1.0}


def test_ready_follows_readyz(health: Health) -> None:
    assert health.metrics()["syncd_ready"][()] == 0.0
    health.bench.once()
    assert health.metrics()["syncd_ready"][()] == 1.0


def test_the_last_successful_pull(health: Health) -> None:
    assert health.metrics().get("syncd_last_successful_pull_timestamp_seconds") is None
    health.bench.once()
    at = health.bench.rows("SELECT pulled_at FROM source")[0][0]
    health.bench.clock.advance(10.0)
    found = health.metrics()
    assert found["syncd_last_successful_pull_timestamp_seconds"] == {("main",): pytest.approx(at)}
    assert found["syncd_last_successful_pull_age_seconds"] == {
        ("main",): pytest.approx(health.bench.clock.now() - at)
    }
    assert found["syncd_pull_patience_seconds"] == {("main",): pytest.approx(2 * POLL + 30.0)}


def test_the_age_of_the_watermark(health: Health) -> None:
    health.bench.once()
    before = health.metrics()["syncd_watermark_age_seconds"]["main",]
    health.bench.clock.advance(100.0)
    assert health.metrics()["syncd_watermark_age_seconds"]["main",] == pytest.approx(before + 100.0)


def test_leads_deliveries_and_exports_by_state_add_up(health: Health) -> None:
    health.bench.once()
    found = health.metrics()
    assert found["syncd_leads"]["main", "exported"] == sum(found["syncd_leads"].values()) == 5.0
    assert found["syncd_deliveries"]["crm", "delivered"] == sum(found["syncd_deliveries"].values()) == 5.0
    assert found["syncd_exports"]["main", "delivered"] == sum(found["syncd_exports"].values()) == 5.0
    assert found["syncd_deliveries"]["crm", "pending"] == found["syncd_leads"]["main", "rejected"] == 0.0


def test_the_oldest_that_is_pending(health: Health, far: Remote) -> None:
    def down(*_: object) -> list[object]:
        raise Pause("unreachable", "It is down.", unexplained=True)

    far.rule = down  # type: ignore[assignment]
    begun = health.bench.clock.monotonic()
    health.bench.once(seconds=300.0)
    found = health.metrics()
    passed = health.bench.clock.monotonic() - begun
    assert passed > 10.0
    assert found["syncd_oldest_pending_age_seconds"]["crm",] == pytest.approx(passed, abs=5.0)
    assert (
        found["syncd_oldest_unsettled_lead_age_seconds"][()]
        >= found["syncd_oldest_pending_age_seconds"]["crm",]
    )
    far.rule = None
    health.bench.run()
    assert health.metrics()["syncd_oldest_pending_age_seconds"]["crm",] == 0.0
    assert health.metrics()["syncd_oldest_unsettled_lead_age_seconds"][()] == 0.0


def test_what_is_rejected_by_code(health: Health, far: Remote) -> None:
    far.rule = lambda _, batch: [Reject("bad_phone", "No.") for _ in batch]
    health.bench.once()
    found = health.metrics()
    assert found["syncd_rejected"]["bad_phone", "delivery", "crm"] == 5.0
    assert found["syncd_leads"]["main", "rejected"] == 5.0


def test_the_budget_of_a_key(health: Health) -> None:
    before = health.metrics()
    assert before["syncd_requests_limit"]["main",] == before["syncd_requests_remaining"]["main",] == 60.0
    health.bench.once()
    assert health.metrics()["syncd_requests_remaining"]["main",] == 60.0 - 6  # a page and five exports
    health.bench.clock.advance(61.0)
    assert health.metrics()["syncd_requests_remaining"]["main",] == 60.0


def test_a_key_that_must_rest_has_nothing_left(health: Health) -> None:
    wire = health.bench.life.wires["main"]
    wire.answering = lambda request, _: httpx.Response(429, headers={"Retry-After": "30"}, request=request)
    health.bench.once(seconds=1.0)
    assert health.metrics()["syncd_requests_remaining"]["main",] == 0.0


def test_the_credits(health: Health) -> None:
    assert "syncd_credits" not in health.metrics()
    health.looker.credits["main"] = 42
    assert health.metrics()["syncd_credits"] == {("main",): 42.0}
    for told in (17, None):  # None: an ask is under way
        with health.bench.ledger.write() as connection:
            save_balance(connection, "main", told, health.bench.clock.now())
        assert health.metrics()["syncd_credits"] == {("main",): 17.0}


def test_the_state_of_a_lane(health: Health) -> None:
    health.bench.once()
    with health.bench.ledger.write() as connection:
        pause_lanes(
            connection, [("deliver", "crm")], health.bench.clock.now(), who="me", until=None, reason=""
        )
    states = health.metrics()["syncd_lane_state"]
    assert {state: states["deliver", "crm", state] for state in ("open", "paused", "halted")} == {
        "open": 0.0, "paused": 1.0, "halted": 0.0,
    }  # fmt: skip


def test_the_failures_of_a_lane() -> None:
    lane = LaneState("pull", "main", failures=3)
    (family,) = [f for f in families(View(0.0, lanes=[lane])) if f.name == "syncd_lane_failures"]
    assert [sample.value for sample in family.samples] == [3.0]


def test_the_size_of_the_ledger_and_the_room_on_its_disk(health: Health) -> None:
    before = health.metrics()
    health.bench.once()
    found = health.metrics()
    assert found["syncd_ledger_size_bytes"]["wal",] > 0 < found["syncd_ledger_size_bytes"]["ledger",]
    assert found["syncd_ledger_size_bytes"] != before["syncd_ledger_size_bytes"]
    assert found["syncd_disk_free_bytes"][()] > 0


def test_the_last_backup_and_whether_the_daily_one_fails(health: Health) -> None:
    bench = health.bench
    assert health.metrics().keys() & {"syncd_last_backup_timestamp_seconds", "syncd_backup_failing"} == set()
    with bench.ledger.write() as connection:
        note_done(connection, "backup", bench.clock.now())
    found = health.metrics()
    assert found["syncd_last_backup_timestamp_seconds"] == {(): pytest.approx(bench.clock.now())}
    assert "syncd_backup_failing" not in found, "none is asked for"
    health.looker.daily_backup = True
    assert health.metrics()["syncd_backup_failing"] == {(): 0.0}
    with bench.ledger.write() as connection:
        note_done(connection, "backup_failed", bench.clock.now(), "The disk is full.")
    assert health.metrics()["syncd_backup_failing"] == {(): 1.0}
    assert health.looker.look().backup.failure == "The disk is full."
    with bench.ledger.write() as connection:
        clear_done(connection, "backup_failed")
    bench.clock.advance(OVERDUE + 60)
    assert health.looker.look().backup.failure == "The last backup was made 48 h ago."


def test_requests_outcomes_and_latency_are_counted(health: Health) -> None:
    health.counting.requested("main", "ctgo.example", 200)
    health.counting.requested("main", "ctgo.example", 0)
    health.counting.pulled("main", "live", 3)
    health.counting.sent("crm", {("delivered", ""): 2, ("rejected", "bad_phone"): 1}, [10.0, 100_000.0])
    health.counting.exported("main", {("delivered", ""): 2})
    health.counting.fed_back("main", {("delivered", ""): 1, ("retried", "conflict"): 3})
    health.counting.messaged("message", "sent")
    found = health.metrics()
    assert found["syncd_requests_total"] == {
        ("ctgo.example", "200"): 1.0, ("ctgo.example", "0"): 1.0, ("ctgo.example", "429"): 0.0,
    }  # fmt: skip
    assert found["syncd_pulls_total"] == {("live", "main"): 1.0}
    assert found["syncd_leads_found_total"] == {("main",): 3.0}
    assert found["syncd_delivery_outcomes_total"] == {("crm", "delivered"): 2.0, ("crm", "rejected"): 1.0}
    assert found["syncd_export_outcomes_total"] == {("delivered", "main"): 2.0}
    assert found["syncd_feedback_outcomes_total"] == {("delivered", "main"): 1.0, ("retried", "main"): 3.0}
    assert found["syncd_alert_messages_total"] == {("message", "sent"): 1.0}
    buckets = found["syncd_delivery_latency_seconds_bucket"]
    assert (
        buckets["crm", "5.0"],
        buckets["crm", "15.0"],
        buckets["crm", "86400.0"],
        buckets["crm", "+Inf"],
    ) == (0, 1, 1, 2)


def test_what_may_come_to_be_counted_is_there_before_it_is(health: Health) -> None:
    """A series that begins at 60 has not grown, to Prometheus."""
    health.counting.messaged("message", "sent")
    health.counting.expect({"main": "ctgo.example"}, ["crm"], ["main"])
    found = health.metrics()
    assert found.get("syncd_requests_total") == {("ctgo.example", "200"): 0.0, ("ctgo.example", "429"): 0.0}
    assert found["syncd_pulls_total"] == dict.fromkeys(
        [("live", "main"), ("reconcile", "main"), ("window", "main")], 0.0
    )
    assert found["syncd_leads_found_total"] == {("main",): 0.0}
    assert found["syncd_delivery_outcomes_total"]["crm", "rejected"] == 0.0
    assert found["syncd_export_outcomes_total"]["rejected", "main"] == 0.0
    assert found["syncd_feedback_outcomes_total"]["rejected", "main"] == 0.0
    assert found["syncd_alert_messages_total"]["message", "failed"] == 0.0
    assert found["syncd_alert_messages_total"]["message", "sent"] == 1.0
    assert found["syncd_pushes_total"] == {("taken", "main"): 0.0, ("refused", ""): 0.0}
    assert found["syncd_delivery_latency_seconds_count"] == {("crm",): 0.0}


def test_the_process(health: Health) -> None:
    found = health.metrics()
    assert found["process_resident_memory_bytes"][()] > 0
    assert found["process_open_fds"][()] > 0


def test_labels_are_few_whatever_a_plugin_makes_up() -> None:
    counting = Counting()
    for n in range(10 * MOST_HOSTS):
        counting.requested("main", f"host{n}.example", 200)
    assert len({host for host, _ in counting.read().requests}) == MOST_HOSTS + 1
    places = [Place("delivery", "crm", f"code_{n}", 1) for n in range(1000)] + [
        Place("delivery", "crm", "Ann@x.example", 1)
    ]
    (family,) = [f for f in families(View(0.0, set_aside=places)) if f.name == "syncd_rejected"]
    assert len(family.samples) == MOST_CODES + 1
    assert sum(sample.value for sample in family.samples) == 1001
    assert "Ann" not in str(family.samples)


def test_nothing_of_a_lead_is_in_the_metrics(health: Health) -> None:
    health.bench.once()
    text = health.client.get("/metrics").text
    handles = [
        row[0] for row in health.bench.rows("SELECT json_extract(text, '$.profile.handle') FROM payload")
    ]
    persons = [row[0] for row in health.bench.rows("SELECT person FROM lead")]
    assert len(handles) == 5
    assert [it for it in [*handles, *persons] if it in text] == []


def test_a_scrape_leaves_the_engine_its_lock(health: Health) -> None:
    """Another connection, that only reads: it answers while the engine is inside a transaction that writes."""
    health.bench.once()
    with health.bench.ledger.write() as connection:
        connection.exec_driver_sql("UPDATE source SET watermark = 1")
        assert health.metrics()["syncd_leads"]["main", "exported"] == 5.0


def test_prometheus_may_ask_for_its_other_format(health: Health) -> None:
    answer = health.client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_two_sources_are_told_apart(bench: Bench) -> None:
    bench.ctgo(leads=2)
    bench.ctgo("other", key="ctgo_other", leads=3)
    bench.place()
    health = Health(bench)
    bench.once()
    leads = health.metrics()["syncd_leads"]
    assert (leads["main", "exported"], leads["other", "exported"]) == (2.0, 3.0)
    health.ledger.close()
