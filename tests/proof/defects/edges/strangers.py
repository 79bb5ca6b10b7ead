"""Defects that let other users of the machine, and whoever answers, do what is not theirs to do."""

import os
import re
import sys
from typing import Any

from tests.proof.defects.planting import around, defect, instead, planted_by_its_test

OWNER = "tests/cli/test_cli_owner.py"
EXPOSED = "tests/cli/prepare/test_cli_check_exposed.py"


@defect(
    "root for nobody",
    "cli",
    f"{OWNER}::test_a_ledgers_name_that_leads_elsewhere_has_no_say_in_whom_root_becomes",
)
def root_becomes_whoever_a_link_leads_to() -> None:
    """The service puts a link to a file of root's where its ledger was, and root stays root."""

    def make(plain: Any) -> Any:
        return lambda ledger: plain(ledger.resolve())

    around("syncd.app.privileges:owner_of", make)


@defect(
    "root for nobody",
    "cli",
    f"{OWNER}::test_where_others_may_lead_it_root_does_not_even_become_somebody",
)
def root_goes_where_others_lead_it() -> None:
    """Nobody asks who may put another folder in the place of the ledger's."""
    instead("syncd.app.privileges:_check_path", lambda *_: None)


@defect(
    "root for nobody",
    "unit",
    "tests/base/test_strangers.py::test_a_folder_for_all_is_in_everybodys_hand_unless_it_is_sticky",
)
def a_folder_for_all_is_trusted() -> None:
    """Only the owner of a folder is looked at, and not who may write to it."""
    instead("syncd.file_access:_others_write", lambda _: False)


@defect(
    "root for nobody",
    "connectors",
    "tests/connectors/csv/test_csv_trouble.py::test_root_writes_and_reads_through_no_link",
)
def root_writes_rows_through_a_link() -> None:
    """The file that a row goes into may be a link to any file of root's."""
    instead("connectors.csv.file:_opened", lambda path, flags: os.open(path, flags, 0o600))


@defect(
    "root for nobody", "ledger", "tests/ledger/test_ledger_opening.py::test_a_lock_that_is_a_link_is_not_cut"
)
def a_lock_is_cut_whatever_it_leads_to() -> None:
    """A link under the lock's name has another file cut to a number."""
    instead("syncd.ledger.files:_FLAGS", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)


@defect(
    "keys go to CTGO alone",
    "unit",
    "tests/settings/test_settings.py::test_a_strangers_file_in_the_working_directory_is_passed_over_and_said",
)
def a_strangers_configuration_is_read() -> None:
    """Whose file lies in the working directory is not asked, and what it names is sent the key of the environment."""
    instead("syncd.settings:hand_in", lambda *_: "")


@defect(
    "root for nobody",
    "unit",
    "tests/settings/test_settings.py::test_root_reads_the_systems_and_looks_nowhere_else_when_there_is_one",
)
def root_reads_whatever_lies_around() -> None:
    """Root in some folder acts by the configuration that is there."""

    def make(plain: Any) -> Any:
        return lambda flag, environ=os.environ, **_: plain(flag, environ, user=1)

    around("syncd.settings:passed_over", make)


@defect(
    "liveness",
    "upstream",
    "tests/ctgo/test_upstream_errors.py::test_a_long_refusal_is_read_in_a_time_that_grows_as_it_does",
)
def a_long_refusal_stops_the_daemon() -> None:
    """One long word in an answer takes the square of its length, and holds the interpreter."""
    instead("syncd.ctgo.errors:_SHOWN_BY_NOBODY", re.compile(r"ctgo_\w+|\S+@\S+|https?://\S+"))


@defect(
    "I-2",
    "cli",
    "tests/cli/data/test_cli_restore.py::test_a_backup_that_acts_by_itself_is_not_restored[CREATE VIEW t AS SELECT * FROM lead]",
)
def a_restored_file_may_act() -> None:
    """A trigger in somebody's backup counts leads as delivered that were sent nowhere."""
    instead("syncd.ledger.admin.backups:check_data_only", lambda *_: None)


@defect(
    "a file is trusted with nothing",
    "ledger",
    "tests/ledger/test_ledger_distrust.py::test_what_a_replaced_ledgers_schema_calls_is_not_called",
)
def a_schema_may_call_what_it_likes() -> None:
    """A view in the ledger that a restore replaces calls whatever function a library has added to SQLite."""
    instead("syncd.ledger.files:_DISTRUST", ())


@defect(
    "nothing raw to a terminal",
    "cli",
    "tests/cli/data/test_cli_restore.py::test_what_a_backup_is_named_and_holds_reaches_no_terminal_raw",
)
def a_complaint_reaches_the_terminal_raw() -> None:
    """A name in somebody's file sets the terminal's title and clears its screen."""
    instead("syncd.cli.exits:complain", lambda sentence, _="": sys.stderr.write(f"{sentence}\n"))


@defect(
    "the old stays",
    "unit",
    "tests/settings/test_settings_mistakes.py::test_a_mistake_is_one_sentence",
)
def a_host_that_is_no_name_is_taken() -> None:
    """A reload with one ends the daemon, and each start after it."""
    instead("syncd.http.addresses:usable", lambda _: True)


@defect(
    "I-13",
    "upstream",
    "tests/ctgo/test_upstream_errors.py::test_what_lanes_are_told_repeats_no_sentence_of_ctgos",
)
def ctgos_sentences_are_repeated() -> None:
    """A refusal that names a person, or the secret end of the push address, stands in the log and in health."""
    instead("syncd.ctgo.errors:_CODE", re.compile(".*"))


@defect(
    "root for nobody",
    "cli",
    "tests/cli/service/test_cli_service.py::test_what_lies_under_a_temporary_name_is_not_written_through",
)
def an_install_writes_through_a_link() -> None:
    """A link under a temporary name has another file of root's written over."""
    instead(
        "syncd.cli.service.install:_fresh",
        lambda path, mode: os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode),
    )


@defect(
    "I-13",
    "connectors",
    "tests/connectors/salesforce/test_salesforce_wire.py::test_no_proxy_is_shown_what_is_for_this_machine",
)
def a_proxy_is_shown_what_is_for_this_machine() -> None:
    """What Salesforce's connector says to an address of this machine, its secret among it, goes through the proxy."""
    from connectors.salesforce import http  # noqa: PLC0415

    setattr(http, "is_loopback", lambda _: False)  # noqa: B010 - no type checker may see it


@defect(
    "private addresses",
    "unit",
    "tests/http/test_addresses.py::test_every_address_is_of_its_kind_in_every_disguise",
)
def a_webhook_may_ask_a_clouds_metadata() -> None:
    """With `allow_private`, the addresses that give out a machine's own keys are as good as any."""
    instead("syncd.http.addresses:_METADATA", ())


@defect(
    "secrets are their reader's alone",
    "cli",
    f"{EXPOSED}::test_a_credential_that_others_can_read_is_warned_of[388-True]",
)
def a_secret_lies_open_without_a_word() -> None:
    """Everybody on the machine reads the key, and `check` says that all is well."""
    instead("syncd.file_access:others_read", lambda *_: False)


@defect(
    "secrets are their reader's alone",
    "cli",
    f"{EXPOSED}::test_a_configuration_that_others_may_change_is_warned_of[folder]",
)
def a_configuration_for_all_is_well() -> None:
    """Whoever may put another file under the configuration's name has the keys sent to themselves."""
    instead("syncd.cli.prepare.checks:hand_in", lambda *_: "")


@defect("liveness", "cli", f"{EXPOSED}::test_what_is_no_file_is_no_secret[device-check]")
def a_secret_may_be_anything() -> None:
    """What lies among the credentials is opened, whatever it is: one that nobody writes to is waited for."""
    instead("syncd.settings.layers:_plain", os.open)


planted_by_its_test(
    "make_builds_with_the_newest",
    "`make` has pip fetch whatever hatchling is the newest, and run it.",
    ("nothing without a hash", "deploy"),
    "tests/deploy/test_makefile.py::test_a_build_in_isolation_is_noticed",
)
