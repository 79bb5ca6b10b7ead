"""Defects that let secrets or people's data out."""

from typing import Any

from tests.proof.defects.planting import around, defect, instead

LOG = "tests/base/test_log.py"


@defect("I-13", "unit", f"{LOG}::test_known_secrets_are_redacted_wherever_they_turn_up")
def known_secrets_are_shown() -> None:
    """A key that turns up in some library's message stands in the log."""
    instead("syncd.log:redact_values", lambda _: None)


@defect("I-13", "unit", f"{LOG}::test_what_stands_under_a_key_that_looks_secret_is_redacted_at_any_depth")
def a_secret_under_its_name_is_shown() -> None:
    """Whatever is logged as `access_token` is logged."""

    def make(_: Any) -> Any:
        from syncd import log  # noqa: PLC0415

        return lambda _key, value, depth: log._shown(value, depth)

    around("syncd.log:_under", make)


@defect("I-13", "unit", f"{LOG}::test_text_of_a_secrets_shape_is_redacted")
def text_in_the_shape_of_a_secret_is_shown() -> None:
    """A key that is not ours, in an answer that is quoted, stands in the log."""
    instead("syncd.log:_SHAPES", ())


@defect("one line, one event", "unit", f"{LOG}::test_nothing_that_is_logged_can_forge_a_line")
def a_bio_can_forge_a_line() -> None:
    """A line break in somebody's name begins a line of the log."""

    def make(_: Any) -> Any:
        return lambda text, keep="": text  # noqa: ARG005

    around("syncd.log:escape", make)


@defect(
    "I-13",
    "engine",
    "tests/engine/test_engine_bugs.py::test_a_connector_that_quotes_a_lead_in_its_error_puts_no_personal_data_into_the_log",
)
def a_bug_tells_whom_it_met() -> None:
    """A plugin's error that quotes a lead is logged as it is."""

    def make(plain: Any) -> Any:
        return lambda bug, _personal: plain(bug, [])

    around("syncd.log:traceback_without", make)


@defect("I-13", "ledger", "tests/ledger/test_ledger_opening.py::test_an_error_of_the_ledger_shows_no_value")
def an_error_of_the_ledger_shows_its_parameters() -> None:
    """SQLAlchemy puts a lead into its exception."""

    def make(plain: Any) -> Any:
        return lambda *given, **named: plain(*given, **{**named, "hide_parameters": False})

    around("syncd.ledger.database:create_engine", make)


@defect("I-13", "upstream", "tests/ctgo/test_upstream_errors.py::test_a_key_of_any_shape_is_blotted_out")
def ctgos_words_are_quoted_as_they_are() -> None:
    """A refusal that repeats the key is shown with it."""
    instead("syncd.ctgo.errors:quoted", lambda text, _: text[:120])


@defect(
    "I-13",
    "upstream",
    "tests/ctgo/test_upstream_requests.py::test_an_address_that_would_give_the_key_away_is_refused",
)
def a_key_may_go_over_plain_http() -> None:
    """An address without TLS is taken, and the key goes in the clear."""
    instead("syncd.http.addresses:is_loopback", lambda _: True)


@defect(
    "I-13", "connectors", "tests/connectors/hubspot/test_hubspot_answers.py::test_no_detail_repeats_a_value"
)
def hubspots_words_are_quoted_as_they_are() -> None:
    """A refusal that repeats an address is shown with it."""

    def make(plain: Any) -> Any:
        def word(error: Any, constants: Any) -> Any:
            said = plain(error, constants)
            if hasattr(said, "detail"):
                said.detail = f"{said.detail} {error.get('message', '')}"
            return said

        return word

    around("connectors.hubspot.errors:judge_row", make)


@defect(
    "I-13",
    "connectors",
    "tests/connectors/apollo/test_apollo_answers.py::test_of_a_text_only_plain_words_are_shown",
)
def apollos_words_are_quoted_as_they_are() -> None:
    """A refusal that repeats a name is shown with it."""
    instead("connectors.apollo.errors:plain", lambda text, _: text)


@defect("I-13", "push", "tests/push/test_push_receiver.py::test_nothing_of_a_request_is_logged")
def a_push_is_logged_with_its_token() -> None:
    """Whoever reads the log can send pushes."""

    def make(plain: Any) -> Any:
        def init(self: Any, host: str, port: int, judge: Any, *rest: Any, **named: Any) -> None:
            def told(line: bytes) -> Any:
                rest[1].info("pushed", line=line)  # its log
                return judge(line)

            plain(self, host, port, told, *rest, **named)

        return init

    around("syncd.push:Receiver.__init__", make)


@defect("I-13", "ledger", "tests/ledger/test_ledger_copying.py::test_a_copy_is_for_its_owner_alone")
def a_backup_may_be_read_by_all() -> None:
    """A copy of the ledger is made under whatever umask there is."""

    def empty(file: Any) -> Any:
        file.unlink(missing_ok=True)
        file.touch()
        return file

    instead("syncd.ledger.admin.backups:_empty", empty)
