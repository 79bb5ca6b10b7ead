"""Defects of what the ledger keeps, and of how surely."""

from contextlib import nullcontext
from typing import Any

from tests.proof.defects.planting import around, defect, instead

OPENING = "tests/ledger/test_ledger_opening.py"
FORGET = "tests/cli/data/test_cli_forget.py"
PAGES = "tests/engine/pull/test_engine_pages.py"


@defect("I-1", "ledger", f"{OPENING}::test_a_ledger_is_durable_and_forgets_what_is_deleted")
def commits_are_not_synced() -> None:
    """`synchronous=NORMAL`: a power cut may take back a commit that an export was based on."""

    def make(plain: Any) -> Any:
        return lambda **which: [it.replace("=FULL", "=NORMAL") for it in plain(**which)]

    around("syncd.ledger.database:_pragmas", make)


@defect("I-15", "ledger", f"{OPENING}::test_a_ledger_is_durable_and_forgets_what_is_deleted")
def what_is_deleted_stays_in_free_pages() -> None:
    """Without `secure_delete` the file keeps what a row held."""

    def make(plain: Any) -> Any:
        return lambda **which: [it.replace("secure_delete=ON", "secure_delete=OFF") for it in plain(**which)]

    around("syncd.ledger.database:_pragmas", make)


@defect("I-8", "ledger", f"{OPENING}::test_a_second_engine_is_refused_and_told_who_holds_the_lock")
def a_second_engine_is_let_in() -> None:
    """The lock beside the ledger is opened and not taken."""
    instead("syncd.ledger.files:fcntl.flock", lambda *_: None)


@defect("I-12", "ledger", f"{OPENING}::test_a_new_ledger_is_made_with_its_folder_for_its_owner_alone")
def everybody_may_read_the_ledger() -> None:
    """The file is made by SQLite, under whatever umask there is."""
    instead(
        "syncd.ledger.database:_make",
        lambda path: path.parent.mkdir(parents=True, exist_ok=True) or path.touch(),
    )


@defect("I-4", "engine", f"{PAGES}::test_the_same_malformed_lead_is_quarantined_once_for_days")
def a_malformed_lead_is_passed_over() -> None:
    """The watermark moves past a lead that could not be read, and nobody hears of it."""
    instead("syncd.ledger.leads.ingest:_quarantine", lambda *_: 0)


@defect("I-9", "engine", f"{PAGES}::test_a_quarantined_lead_is_replaced_by_a_listing_that_parses")
def the_books_forget_what_leaves_quarantine() -> None:
    """A row goes and its count stays: status and metrics speak of a lead that is not there."""

    def make(plain: Any) -> Any:
        def move(self: Any, kind: str, name: str, n: int, *, old: str = "", new: str = "") -> None:
            if old != "quarantined":
                plain(self, kind, name, n, old=old, new=new)

        return move

    around("syncd.ledger.sql:Books.move", make)


@defect(
    "I-1",
    "engine",
    "tests/engine/pull/test_engine_same_id.py::test_a_row_that_is_listed_while_its_ids_export_is_on_its_way_waits",
)
def a_row_is_taken_in_while_its_id_is_exported() -> None:
    """A new row of an id becomes known while the mark of that id is on its way."""

    def make(plain: Any) -> Any:
        return lambda connection, _in_flight, *rest, **named: plain(connection, (), *rest, **named)

    around("syncd.ledger.leads.ingest:ingest", make)


@defect(
    "I-1",
    "engine",
    "tests/engine/deliver/test_engine_gate.py::test_the_export_waits_for_a_connector_whose_gate_holds_the_lead",
)
def a_lead_is_exported_when_the_first_connector_has_it() -> None:
    """What is delivered somewhere is exporting, whatever is still pending elsewhere."""

    def make(plain: Any) -> Any:
        def lead_state(standing: Any, *, exports: bool) -> Any:
            if standing.required_delivered:
                return "exporting" if exports else "unexported"
            return plain(standing, exports=exports)

        return lead_state

    around("syncd.core.lead_state:lead_state", make)


@defect(
    "liveness",
    "engine",
    "tests/engine/deliver/test_engine_delivering.py::test_a_best_effort_connector_that_is_down_holds_no_export",
)
def best_effort_counts_as_required() -> None:
    """A receiver that is down for good keeps every lead from being exported."""

    def make(plain: Any) -> Any:
        return lambda connector, _required, *rest: plain(connector, True, *rest)  # noqa: FBT003

    around("syncd.engine.fanout:NewDelivery", make)


@defect(
    "I-4",
    "engine",
    "tests/engine/pull/test_engine_sources.py::test_a_window_that_leaves_new_leads_out_leaves_them_to_the_next_pull",
)
def a_window_moves_the_watermark() -> None:
    """A window that ends yesterday moves the cursor past the leads of today, which it did not take."""
    instead("syncd.engine.pull.passes:Plan.moves_watermark", property(lambda self: self.limit is None))


@defect("I-7", "ledger", "tests/ledger/test_ledger_pulled.py::test_the_watermark_moves_forward_only")
def the_watermark_moves_back() -> None:
    """A pass that saw nothing newer than yesterday sets the cursor back to yesterday."""
    instead("syncd.ledger.sources:move_watermark", _set_watermark)


def _set_watermark(connection: Any, name: str, to: float, now: float) -> None:
    sql = "UPDATE source SET watermark = ?, pulled_at = ?, started = 1 WHERE name = ?"
    connection.exec_driver_sql(sql, (to, now, name))


@defect(
    "I-4",
    "engine",
    "tests/engine/test_engine_crash.py::test_killed_at_any_seam_a_run_ends_well[_nothing_to_fall_back_on]",
)
def the_watermark_is_committed_before_the_rows() -> None:
    """The cursor moves in a transaction of its own, and a kill after it loses the page."""

    def make(plain: Any) -> Any:
        def take_in(self: Any, current: Any, batch: Any, lane: Any, hold: Any) -> None:
            if batch.last and current.plan.limit is None:
                with self._ledger.write() as connection:
                    self._finish(connection, current, self._clock.now())
            plain(self, current, batch, lane, hold)

        return take_in

    around("syncd.engine.pull.lane:Pull._take_in", make)


@defect(
    "I-4",
    "engine",
    "tests/engine/feedback/test_engine_feedback.py::test_what_was_said_back_before_it_was_told_is_not_told",
)
def the_segment_is_no_part_of_the_key() -> None:
    """The same id in another segment is taken for a lead that is known."""

    def make(plain: Any) -> Any:
        def lenient(source: str, raw: Any) -> Any:
            lead = plain(source, raw)
            return lead._replace(key=lead.key._replace(segment_id=0))

        return lenient

    around("syncd.core.lead:_lenient", make)


@defect("I-15", "cli", f"{FORGET}::test_a_new_lead_of_a_forgotten_person_is_not_taken_in")
def who_was_forgotten_is_taken_in_again() -> None:
    """The marks of the forgotten are made, and no pull asks for them."""
    instead(
        "syncd.ledger.tombstones:without_forgotten",
        lambda _connection, leads, malformed: (leads, malformed),
    )


@defect("I-15", "cli", f"{FORGET}::test_it_works_beside_an_engine_that_holds_the_ledger_open")
def forgetting_leaves_the_wal() -> None:
    """What was erased from the tables is still in the write-ahead log."""
    instead("syncd.ledger.admin.maintenance:vacuum", lambda _: None)
    instead("syncd.ledger.admin.maintenance:empty_wal", lambda _: True)


@defect(
    "I-14",
    "engine",
    "tests/engine/deliver/test_engine_restored.py::test_nothing_is_created_twice_whatever_was_done_since[sound-does not-leads]",
)
def a_restored_ledger_is_believed() -> None:
    """What the ledger that was replaced may have sent is sent again without a look."""
    instead("syncd.ledger.deliveries.due:doubted", lambda found, *_: found)


@defect("I-12", "ledger", f"{OPENING}::test_an_older_ledger_is_copied_aside_and_then_upgraded")
def an_upgrade_is_copied_when_it_is_done() -> None:
    """The copy that should have the ledger as it was has the new one."""

    def make(plain: Any) -> Any:
        def migrate(path: Any, connection: Any) -> Any:
            from syncd.ledger import upgrade  # noqa: PLC0415

            back_up, upgrade._back_up = upgrade._back_up, lambda *_: None
            copy = plain(path, connection)
            back_up(path, copy)
            return copy

        return migrate

    around("syncd.ledger.upgrade:migrate", make)


@defect(
    "I-2",
    "daemon",
    "tests/daemon/test_daemon_trouble.py::test_a_full_disk_stops_pulling_and_sending_and_is_waited_out",
)
def nobody_looks_whether_there_is_room() -> None:
    """A call leaves though what comes of it could not be written down."""

    def make(plain: Any) -> Any:
        return lambda self, *given, **named: plain(self, *given, **{**named, "before": lambda: None})

    around("syncd.workers:Runner.__init__", make)


class _NoLock(nullcontext[None]):
    """Everybody has it at once."""

    def acquire(self, **_: object) -> bool:
        return True

    def release(self) -> None:
        pass


@defect("I-12", "ledger", f"{OPENING}::test_transactions_of_threads_follow_one_another")
def transactions_know_no_lock() -> None:
    """Two threads write over one connection at a time."""

    def make(plain: Any) -> Any:
        def init(self: Any, *given: Any) -> None:
            plain(self, *given)
            self._lock = _NoLock()

        return init

    around("syncd.ledger.database:Ledger.__init__", make)


@defect("I-2", "ledger", f"{OPENING}::test_a_new_ledgers_name_is_synced_before_anything_is_in_it")
def the_folder_is_never_synced() -> None:
    """A power cut may take a new ledger away whole, with the evidence of what was exported."""
    instead("syncd.ledger.files:sync_folder", lambda _: None)
