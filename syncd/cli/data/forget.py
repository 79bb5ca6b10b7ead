"""`syncd forget`: erase a person from the ledger for good, and list the data that syncd cannot erase."""

import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.context import Yes, confirm, ledger_to_change, operator, settings_of
from syncd.cli.exits import Exit, complain
from syncd.cli.output import say, say_json
from syncd.clock import SystemClock
from syncd.core.lead import LARGEST_ID
from syncd.settings import Settings
from syncd.verbs.engine_holder import engine_of

if TYPE_CHECKING:
    from syncd.ledger import Ledger
    from syncd.ledger.admin.forgotten import Farewell, Found, PersonQuery

REWRITABLE = 256 * 2**20
"""Bytes. The running engine itself rewrites a larger ledger: another program would keep it waiting."""


def forget(  # noqa: PLR0917 - Typer passes them by name
    context: typer.Context,
    handle: Annotated[str, typer.Option("--handle", metavar="@HANDLE", help="Their handle on X.")] = "",
    email: Annotated[str, typer.Option("--email", metavar="EMAIL", help="An email address of theirs.")] = "",
    lead: Annotated[
        int | None,
        typer.Option("--id", metavar="ID", min=1, max=LARGEST_ID, help="The id of any lead of theirs."),
    ] = None,
    person: Annotated[
        str,
        typer.Option("--person", metavar="X_USER_ID", help="Their id on X, even if they were never listed."),
    ] = "",
    rewrite_files: Annotated[
        bool, typer.Option("--rewrite-files", help="Also delete their rows in the CSV files of connectors.")
    ] = False,
    yes: Yes = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="For a script; it needs --yes, for it cannot ask.")
    ] = False,
) -> int:
    """Erase a person from the ledger, its unused bytes and the copies beside it, and never take them in again.

    With --rewrite-files, also from the CSV files that connectors write, on this machine and by this configuration.
    All their leads settle as forgotten; their pending deliveries and exports are dropped. Exits with 1 if the ledger holds
    nobody of that name.
    """
    settings = settings_of(context)
    from syncd.ledger import call_log  # noqa: PLC0415
    from syncd.ledger.admin import forgotten  # noqa: PLC0415

    sought = _sought(handle, email, lead or 0, person)
    if as_json and not yes:
        raise typer.TyperException("--json cannot ask: add --yes.")
    with ledger_to_change(settings) as ledger:
        with ledger.read() as connection:
            found = forgotten.find(connection, sought)
            # Asked a second time, it looks for traces and copies once more
            again = not found.rows and forgotten.is_forgotten(connection, sought)
        copies = list(_copies(ledger))
        if not found.rows and not again and not sought.person:
            complain("The ledger holds nobody of that name.", "" if sought.lead_id else _HINT)
            return Exit.REJECTED
        if not yes and not confirm(_question(found.rows, copies)):
            say("Nobody was forgotten.")
            return Exit.DONE
        theirs = [(row.lead_id, row.person, row.payload) for row in found.rows]
        farewell = forgotten.Farewell() if again else _forget(ledger, found, sought)
        _delete(copies)
        call_log.forget(ledger)
        code = _clean(ledger, settings)
        elsewhere = _backups_elsewhere(ledger)
    document = _document(settings, farewell, copies, elsewhere)
    document["rewritten"] = []
    if rewrite_files and not _rewrite(settings, document, sought, theirs):
        code = Exit.WORK_LEFT
    if as_json:
        say_json(document)
    else:
        _show(document)
    return code


_HINT = (
    "Handles and emails are kept no longer than state.retention. If you know the person's id on X: "
    "syncd forget --person X_USER_ID"
)


def _sought(handle: str, email: str, lead_id: int, person: str) -> "PersonQuery":
    """Name the person by the one option that is given. Raises a usage error."""
    from syncd.ledger.admin import forgotten  # noqa: PLC0415

    sought = forgotten.PersonQuery(handle.removeprefix("@"), email, lead_id, person)
    if sum(bool(part) for part in (sought.handle, sought.email, sought.lead_id, sought.person)) != 1:
        raise typer.TyperException("Name the person by one of --handle, --email, --id and --person.")
    return sought


def _rewrite(
    settings: Settings,
    document: dict[str, Any],
    sought: "PersonQuery",
    theirs: Sequence[tuple[int, str, str | None]],
) -> bool:
    """Delete the person's rows in the files of connectors, and from the document what is gone with them.

    Returns False if a file could not be rewritten.
    """
    from syncd.cli.data.rewritten_files import columns_of, person_of, take_out  # noqa: PLC0415

    whom = person_of(theirs, sought.handle, sought.lead_id, sought.person)
    done, whole = document["rewritten"], True
    for name, it in settings.connectors.items():
        if not it.options.get("path"):
            continue
        one_source = sum(name in settings.connectors_of(source) for source in settings.sources) == 1
        found = []
        for path in _tables(settings.provenance.folder / str(it.options["path"])):
            try:
                n = take_out(path, columns_of(settings, name), whom, one_source=one_source)
            except OSError as why:
                complain(f"{path} was not rewritten: {why.strerror}.", "Run the same command again later.")
                whole = False
                break
            found += [{"connector": name, "file": str(path), "rows": n}] if n else []
        else:
            gone = {name} if found else set()
            document["remains"] = [one for one in document["remains"] if one["connector"] not in gone]
        done += found
    return whole


def _tables(path: Path) -> list[Path]:
    """List the files of a connector that hold rows under a header: of every day, and from before its columns changed."""
    days = (
        sorted(path.parent.glob(path.name.replace("{date}", "????-??-??")))
        if "{date}" in path.name
        else [path]
    )
    return [file for day in days for file in _files(day) if file.suffix == path.suffix and file.is_file()]


def _delete(copies: Sequence[Path]) -> None:
    """Delete files for good: without a sync of its folder, a deleted file comes back after a power cut."""
    from syncd.ledger.files import sync_folder  # noqa: PLC0415

    for copy in copies:
        copy.unlink(missing_ok=True)
    for folder in {copy.parent for copy in copies}:
        sync_folder(folder)


def _forget(ledger: "Ledger", found: "Found", sought: "PersonQuery") -> "Farewell":
    from syncd.ledger.admin import forgotten  # noqa: PLC0415

    with ledger.write() as connection:
        now = SystemClock().now()
        if found.rows:
            return forgotten.forget(connection, found, now, who=operator())
        return forgotten.refuse(connection, sought.person, now, who=operator())


def _question(found: Sequence[Any], copies: Sequence[Path]) -> str:
    what = "this person, who has no lead here,"
    if found:
        ids = ", ".join(sorted({f"{row.source} {row.lead_id}" for row in found})[:10])
        what = f"{_n(len({row.person for row in found}), 'person')} with {_n(len(found), 'lead')} ({ids})"
    files = f" and delete {', '.join(str(copy) for copy in copies)}" if copies else ""
    return f"Forget {what} for good{files}? [y/N] "


def _n(n: int, what: str) -> str:
    return f"1 {what}" if n == 1 else f"{n} {'people' if what == 'person' else what + 's'}"


def _copies(ledger: "Ledger") -> Iterator[Path]:
    """Find copies of the ledger beside it: those of migrations and restores, and backups that syncd made there."""
    folder, name = ledger.path.parent, ledger.path.name
    for pattern in (f"{name}.before-*", f"{name}.restoring*"):
        yield from sorted(folder.glob(pattern))
    for file, _ in _backups(ledger):
        if file.parent == folder and file.exists() and not file.with_name(f"{file.name}.lock").exists():
            yield file


def _backups(ledger: "Ledger") -> list[tuple[Path, float]]:
    """List the files that `syncd backup` and the engine made from this ledger, each with its time."""
    from syncd.ledger import history  # noqa: PLC0415

    with ledger.read() as connection:
        by_hand = [(Path(file), at) for file, at in history.acts_of(connection, "backup")]
        return [*by_hand, *history.own_backups(connection).items()]


def _backups_elsewhere(ledger: "Ledger") -> list[dict[str, Any]]:
    found = {str(file): datetime.fromtimestamp(at, UTC) for file, at in _backups(ledger) if file.exists()}
    return [{"file": file, "made_at": at.isoformat()} for file, at in found.items()]


def _clean(ledger: "Ledger", settings: Settings) -> Exit:
    """Erase traces in unused bytes and in the WAL. On a large ledger, the running engine does it."""
    from syncd.ledger import LedgerError  # noqa: PLC0415
    from syncd.ledger.admin import maintenance  # noqa: PLC0415

    engine = engine_of(settings.state.path)
    if engine and maintenance.space(ledger).size > REWRITABLE:
        say(
            f"The engine of process {engine} will rewrite the file; until then its unused bytes may hold traces."
        )
        return Exit.DONE
    try:
        if maintenance.leave_no_trace(ledger, SystemClock().now()):
            return Exit.DONE
        complain(
            "Another program reads the ledger, so its WAL could not be emptied yet.",
            "Run the same command again later.",
        )
    except LedgerError as error:
        complain(
            f"Everything is forgotten, but unused bytes of the file may hold traces: {error.detail}",
            "The next run of syncd tries again to rewrite the file.",
        )
    return Exit.WORK_LEFT


def _document(
    settings: Settings, farewell: "Farewell", copies: Sequence[Path], elsewhere: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    types = {name: connector.type for name, connector in settings.connectors.items()}
    return {
        "people": farewell.people,
        "leads": [{"source": source, "id": number} for source, number in farewell.leads],
        "deleted": [str(copy) for copy in copies],
        "remains": [
            {
                "connector": it.connector,
                "type": types.get(it.connector, "not in the configuration"),
                "where": _where(settings, it.connector, it.discovered_at),
                "lead": it.lead_id,
                "remote_id": it.remote_id,
                "sure": it.sure,
            }
            for it in farewell.remains
        ],
        "waiting": farewell.waiting,
        "unexported": [{"source": source, "id": number} for source, number in farewell.unexported],
        "backups": list(elsewhere),
    }


_PLACES = ("path", "instance_url", "domain", "base_url")
"""Options that name the place of a connector's data, whatever its plugin."""


def _where(settings: Settings, connector: str, discovered_at: float) -> str:
    known = settings.connectors.get(connector)
    options = known.options if known else {}
    place = next((str(options[name]) for name in _PLACES if options.get(name)), "")
    day = datetime.fromtimestamp(discovered_at, UTC).date().isoformat()
    place = place.replace("{date}", day)
    return " or ".join(map(str, _files(settings.provenance.folder / place))) if options.get("path") else place


def _files(path: Path) -> list[Path]:
    """List a connector's file, its older files from before its columns changed, and its file of torn rows."""
    renamed = re.compile(rf"{re.escape(path.stem)}\.\d{{8}}T\d{{6}}Z(-\d+)?{re.escape(path.suffix)}")
    try:
        names = sorted(os.listdir(path.parent))  # noqa: PTH208 - names are all it takes
    except OSError:
        names = []
    beside = [name for name in names if renamed.fullmatch(name) or name == f"{path.name}.torn"]
    return [path, *map(path.with_name, beside)]


def _show(document: dict[str, Any]) -> None:
    ids = ", ".join(f"{it['source']} {it['id']}" for it in document["leads"])
    what = f"{_n(document['people'], 'person')}, {_n(len(document['leads']), 'lead')}{f' ({ids})' if ids else ''}"
    say(
        f"Forgotten: {what}."
        if document["people"]
        else "This person was forgotten before; nothing came back."
    )
    for it in document["rewritten"]:
        say(f"Deleted {_n(it['rows'], 'row')} in {it['file']}")
    for file in document["deleted"]:
        say(f"Deleted the copy {file}; make a new one with: syncd backup FILE")
    lines = list(_remaining(document))
    if lines:
        say("What syncd cannot erase:")
    for line in lines:
        say(f"  {line}")


def _remaining(document: dict[str, Any]) -> Iterator[str]:
    for it in document["remains"]:
        has = "has" if it["sure"] else "may have"
        remote = f", there {it['remote_id']}" if it["remote_id"] else ""
        where = f" at {it['where']}" if it["where"] else ""
        yield f"{it['connector']} ({it['type']}){where} {has} lead {it['lead']}{remote}"
    if any(it["type"] == "csv" for it in document["remains"]) and not document["rewritten"]:
        yield "to delete rows of CSV files: syncd forget --rewrite-files, with the --handle or --id as above"
    for it in document["unexported"]:
        yield f"CTGO still lists lead {it['id']} of {it['source']} as new, because it was not exported"
    for it in document["backups"]:
        yield f"the backup {it['file']} of {it['made_at']}"
    if document["waiting"]:
        yield f"{document['waiting']} deliveries were pending: one that is being sent now still arrives, and the log says so"
