"""Defects of doubting: one lead stands for its lane, or nobody ever pays."""

from typing import Any

from tests.proof.defects.planting import around, defect, instead

DOUBT = "tests/engine/deliver/test_engine_doubt.py"
RULES = "tests/core/test_delivery_doubt.py"
TEN_GOOD = f"{DOUBT}::test_ten_good_leads_behind_twelve_that_are_turned_away_arrive_in_one_run"


@defect("poison alone", "engine", f"{TEN_GOOD}[403-1]")
def one_halt_halts_its_lane() -> None:
    """The first lead that a firewall answers 403 to speaks for all behind it."""
    instead("syncd.core.verdict:HALT_LIMIT", 1)


@defect("poison alone", "engine", f"{TEN_GOOD}[422-1]")
def alike_rejections_halt_without_asking_others() -> None:
    """Ten leads that are rightly refused stop a connector that takes the eleventh."""

    def make(plain: Any) -> Any:
        return lambda call, answer, lane, situation: plain(
            call, answer, lane, situation._replace(others=False)
        )

    around("syncd.core.verdict:judge_call", make)


@defect("poison alone", "engine", f"{TEN_GOOD}[423-100]")
def explained_pauses_are_never_doubted() -> None:
    """A contact that stays locked is asked for every two seconds, and nobody else is."""
    instead("syncd.core.lane_state:PAUSE_LIMIT", 10**9)


@defect(
    "poison alone",
    "engine",
    f"{DOUBT}::test_who_stops_the_lane_alone_is_set_aside_with_that_code_once_others_went_through",
)
def a_suspect_that_halts_never_pays() -> None:
    """A lead that alone is refused access is asked about for ever."""
    instead("syncd.core.verdict:_is_its_own", lambda *_: False)


@defect(
    "poison alone",
    "engine",
    f"{DOUBT}::test_two_that_are_refused_alone_in_a_lane_are_set_aside_if_the_remote_names_them[True-rejected]",
)
def a_named_record_waits_for_company() -> None:
    """Leads whose records a CRM refuses by name wait for ever where no other lead goes through."""

    def make(plain: Any) -> Any:
        def init(self: Any, *given: Any, of_record: bool = False, **named: Any) -> None:
            plain(self, *given, of_record=of_record and False, **named)

        return init

    around("syncd.core.failure:Retry.__init__", make)


@defect("poison alone", "unit", f"{RULES}::test_a_pause_as_long_as_a_quotas_is_held_against_nobody")
def a_daily_quota_is_held_against_a_lead() -> None:
    """Whoever meets the end of a quota pays for it."""
    instead("syncd.core.verdict:PAUSE_DOUBTED", 1e9)


@defect("poison alone", "unit", f"{RULES}::test_ten_alike_rejections_ask_others_before_they_halt")
def what_returns_goes_to_the_head_of_the_line() -> None:
    """Ten that were refused are the next ten that are tried."""

    def make(plain: Any) -> Any:
        return lambda change, now: plain(change, now)._replace(suspect=False, due_at=0.0)

    around("syncd.core.delivery:spared", make)


@defect("poison alone", "engine", f"{DOUBT}::test_what_is_decided_before_it_is_sent_is_no_word_on_the_lane")
def what_was_never_sent_is_held_against_the_lane() -> None:
    """Leads whose payload is gone stop a connector that was never asked."""

    def make(_: Any) -> Any:
        from syncd.core.verdict import judge_call  # noqa: PLC0415

        return judge_call

    around("syncd.core.verdict:judge_unsent", make)


@defect(
    "poison alone",
    "engine",
    f"{DOUBT}::test_an_export_that_is_refused_stops_neither_the_others_nor_the_pull[403]",
)
def a_refused_export_halts_the_pull() -> None:
    """CTGO's no to one export is taken for its word on the key."""

    def make(_: Any) -> Any:
        from syncd.core.failure import Halt  # noqa: PLC0415

        return lambda answers: next((it for it in answers if isinstance(it, Halt)), None)

    around("syncd.engine.export:key_refused", make)


@defect(
    "poison alone",
    "upstream",
    "tests/ctgo/test_upstream_errors.py::test_a_403_without_ctgos_words_is_nobodys_word_on_the_key[list-403-]",
)
def a_firewall_speaks_for_ctgo() -> None:
    """A page with status 403, from something in between, halts the source."""

    def make(plain: Any) -> Any:
        return {**plain, (403, ""): plain[403, "*"]}

    around("syncd.ctgo.errors:RULES", make)


@defect("no lead lost", "engine", f"{DOUBT}::test_an_export_route_that_is_away_settles_nobody")
def a_route_that_is_away_settles_the_backlog() -> None:
    """Sixty leads are *gone*, for a proxy answered in JSON that it knows no such path."""

    def make(_: Any) -> Any:
        def gone_of(verdict: Any, code: str) -> Any:
            from syncd.core.delivery import Change  # noqa: PLC0415

            gone = [it.id for it in verdict.changes if it.code == code]
            changes = tuple(Change(it.id, "delivered", 1) if it.id in gone else it for it in verdict.changes)
            return verdict._replace(changes=changes, revived=()), gone

        return gone_of

    around("syncd.engine.export:gone_of", make)


@defect("no lead lost", "engine", f"{DOUBT}::test_a_gone_export_that_is_listed_as_new_again_is_due_again")
def gone_is_for_good() -> None:
    """CTGO lists a lead as new ever after, and nobody exports it again."""
    instead("syncd.ledger.leads.settlement:reopen_gone", lambda *_, **__: 0)


@defect(
    "a person's word",
    "ledger",
    "tests/ledger/test_ledger_operating.py::test_what_halted_a_lane_can_be_dropped_by_its_code_or_its_lead",
)
def a_person_cannot_drop_what_halted_a_lane() -> None:
    """What a halted lane has put back is out of reach of every command."""

    def make(plain: Any) -> Any:
        return lambda rows, chosen: plain(rows, chosen._replace(code="", lead_id=0))

    around("syncd.ledger.admin.rejections:_in_question", make)


@defect("the contract", "engine", f"{DOUBT}::test_a_retry_waits_as_long_as_it_asks_to")
def a_long_wait_is_taken_for_a_clock_that_went_back() -> None:
    """Whoever asks to be left alone for six hours is asked eight times in the same second."""

    def make(plain: Any) -> Any:
        def record(self: Any, *rest: Any) -> None:
            plain(self, *rest)
            with self._ledger.write() as connection:
                connection.exec_driver_sql("UPDATE delivery SET waits_from = NULL")

        return record

    around("syncd.engine.deliver:Deliver._record", make)


@defect(
    "poison alone",
    "ledger",
    "tests/ledger/test_ledger_pulled.py::test_exports_that_are_held_starve_none_behind_them",
)
def held_exports_starve_those_behind() -> None:
    """The oldest exports are looked at, and those among them that may go are sent."""

    def make(plain: Any) -> Any:
        def due(self: Any, connection: Any, source: str, *times: float, **more: Any) -> Any:
            sql = "SELECT id FROM export WHERE source = ? AND state = 'pending' ORDER BY due_at, id LIMIT ?"
            now, cap, limit = times
            oldest = {row[0] for row in connection.exec_driver_sql(sql, (source, limit))}
            found = plain(self, connection, source, now, cap, 1000, **more)
            return [one for one in found if one[0].id in oldest]

        return due

    around("syncd.ledger.deliveries.queue:Queue.due", make)
