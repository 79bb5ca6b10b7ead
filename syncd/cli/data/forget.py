"""`syncd forget`: erases a person from the ledger, for good, and says what syncd cannot erase."""

import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.context import ledger_to_change, operator, settings_of
from syncd.cli.engine_holder import engine_of
from syncd.cli.exits import Exit, complain
from syncd.cli.output import say, say_json
from syncd.cli.prompt import agreed
from syncd.core.lead import LARGEST_ID
from syncd.settings import Settings

if TYPE_CHECKING:
    from syncd.ledger import Ledger
    from syncd.ledger.privacy.forgotten import Farewell, Found, Sought

app = typer.Typer(rich_markup_mode=None, add_completion=False)

BESIDE = 256 * 2**20
"""Bytes. A larger ledger is written anew by the engine that runs on it: no other program may keep that one waiting."""


@app.command()
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
        typer.Option(
            "--person", metavar="X_USER_ID", help="Their id on X, also of somebody who was never listed."
        ),
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="For a script; asks nothing, so it needs --yes.")
    ] = False,
) -> int:
    """Erase a person from the ledger, its unused bytes and the copies beside it, and never take them in again.

    All their leads settle as forgotten; what waits for a connector or for its export is dropped. Exits with 1 when the
    ledger holds nobody of that name.
    """
    settings = settings_of(context)
    from syncd.ledger.privacy.forgotten import Farewell, Sought  # noqa: PLC0415

    sought = Sought(handle.removeprefix("@"), email, lead or 0, person)
    if sum(bool(part) for part in (sought.handle, sought.email, sought.lead_id, sought.person)) != 1:
        raise typer.TyperException("Say whom: one of --handle, --email, --id and --person.")
    if as_json and not yes:
        raise typer.TyperException("With --json nobody is asked: say --yes too.")
    with ledger_to_change(settings) as ledger:
        found = _find(ledger, sought)
        copies = list(_copies(ledger))
        again = not found.rows and _is_forgotten(ledger, sought)
        if not found.rows and not again and not sought.person:
            complain("The ledger holds nobody of that name.", _hint(sought))
            return Exit.REJECTED
        if not yes and not agreed(_question(found.rows, copies)):
            say("Nobody was forgotten.")
            return Exit.DONE
        farewell = Farewell() if again else _forget(ledger, found, sought)
        _delete(copies)
        code = _clean(ledger, settings)
        elsewhere = _backups_elsewhere(ledger)
    told = _told(settings, farewell, copies, elsewhere)
    if as_json:
        say_json(told)
    else:
        _show(told)
    return code


def _delete(copies: Sequence[Path]) -> None:
    """For good: a name that was taken away comes back after a power cut unless its folder was synced."""
    from syncd.ledger.disk.fsync import sync_folder  # noqa: PLC0415

    for copy in copies:
        copy.unlink(missing_ok=True)
    for folder in {copy.parent for copy in copies}:
        sync_folder(folder)


def _find(ledger: "Ledger", sought: "Sought") -> "Found":
    from syncd.ledger.privacy import forgotten  # noqa: PLC0415

    with ledger.read() as connection:
        return forgotten.find(connection, sought)


def _is_forgotten(ledger: "Ledger", sought: "Sought") -> bool:
    """Asked a second time, traces and copies are looked for once more."""
    from syncd.ledger.privacy import forgotten  # noqa: PLC0415

    with ledger.read() as connection:
        return forgotten.is_forgotten(connection, sought)


def _forget(ledger: "Ledger", found: "Found", sought: "Sought") -> "Farewell":
    from syncd.clock import SystemClock  # noqa: PLC0415
    from syncd.ledger.privacy import forgotten  # noqa: PLC0415

    with ledger.write() as connection:
        now = SystemClock().now()
        if found.rows:
            return forgotten.forget(connection, found, now, who=operator())
        return forgotten.refuse(connection, sought.person, now, who=operator())


def _hint(sought: "Sought") -> str:
    if sought.lead_id:
        return ""
    return (
        "Handles and emails are not kept longer than state.retention. Someone whose id on X you know can be forgotten "
        "all the same: syncd forget --person X_USER_ID"
    )


def _question(found: Sequence[Any], copies: Sequence[Path]) -> str:
    people = len({row.person for row in found})
    ids = ", ".join(sorted({f"{row.source} {row.lead_id}" for row in found})[:10])
    what = (
        f"{people} people with {len(found)} leads ({ids})" if found else "this person, who has no lead here,"
    )
    files = f" and delete {', '.join(str(copy) for copy in copies)}" if copies else ""
    return f"Forget {what} for good{files}? [y/N] "


def _n(n: int, what: str) -> str:
    return f"1 {what}" if n == 1 else f"{n} {'people' if what == 'person' else what + 's'}"


def _copies(ledger: "Ledger") -> Iterator[Path]:
    """Copies of the ledger beside it: those of migrations and restores, and backups that syncd made there."""
    folder, name = ledger.path.parent, ledger.path.name
    for pattern in (f"{name}.before-*", f"{name}.restoring*"):
        yield from sorted(folder.glob(pattern))
    for file, _ in _backups(ledger):
        if file.parent == folder and file.exists() and not file.with_name(f"{file.name}.lock").exists():
            yield file


def _backups(ledger: "Ledger") -> list[tuple[Path, float]]:
    """The files that `syncd backup` made from this ledger, with when."""
    from syncd.ledger import overview  # noqa: PLC0415

    with ledger.read() as connection:
        return [(Path(file), at) for file, at in overview.acts_of(connection, "backup")]


def _backups_elsewhere(ledger: "Ledger") -> list[dict[str, Any]]:
    found = {str(file): at for file, at in _backups(ledger) if file.exists()}
    return [
        {"file": file, "made_at": datetime.fromtimestamp(at, UTC).isoformat()} for file, at in found.items()
    ]


def _clean(ledger: "Ledger", settings: Settings) -> Exit:
    """Leave no trace in unused bytes and in the WAL. With an engine on a large ledger, the engine does it."""
    from syncd.clock import SystemClock  # noqa: PLC0415
    from syncd.ledger import LedgerError  # noqa: PLC0415
    from syncd.ledger.admin import maintenance  # noqa: PLC0415  # noqa: PLC0415

    engine = engine_of(settings.state.path)
    if engine and maintenance.space(ledger).size > BESIDE:
        say(
            f"The engine of process {engine} will write the file anew; until then unused bytes of it may hold traces."
        )
        return Exit.DONE
    try:
        if maintenance.leave_no_trace(ledger, SystemClock().now()):
            return Exit.DONE
        complain(
            "Another program reads the ledger, so its WAL could not be emptied yet.",
            "Run the same again later.",
        )
    except LedgerError as error:
        complain(
            f"Everything is forgotten, but unused bytes of the file may hold traces: {error.detail}",
            "The next run of syncd tries again to write the file anew.",
        )
    return Exit.WORK_LEFT


def _told(
    settings: Settings, farewell: "Farewell", copies: Sequence[Path], elsewhere: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "people": farewell.people,
        "leads": [{"source": source, "id": number} for source, number in farewell.leads],
        "deleted": [str(copy) for copy in copies],
        "remains": [
            {
                "connector": it.connector,
                "type": _type(settings, it.connector),
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


def _type(settings: Settings, connector: str) -> str:
    known = settings.connectors.get(connector)
    return known.type if known else "not in the configuration"


_PLACES = ("path", "instance_url", "domain", "base_url")
"""Options that say where a connector puts things, whatever plugin it is."""


def _where(settings: Settings, connector: str, discovered_at: float) -> str:
    known = settings.connectors.get(connector)
    options = known.options if known else {}
    place = next((str(options[name]) for name in _PLACES if options.get(name)), "")
    day = datetime.fromtimestamp(discovered_at, UTC).date().isoformat()
    place = place.replace("{date}", day)
    return " or ".join(map(str, _files(settings.provenance.folder / place))) if options.get("path") else place


def _files(path: Path) -> list[Path]:
    """A connector's file, and those beside it that it was renamed to when its columns changed, or that hold a torn row."""
    renamed = re.compile(rf"{re.escape(path.stem)}\.\d{{8}}T\d{{6}}Z(-\d+)?{re.escape(path.suffix)}")
    try:
        names = sorted(os.listdir(path.parent))  # noqa: PTH208 - names are all it takes
    except OSError:
        names = []
    beside = [name for name in names if renamed.fullmatch(name) or name == f"{path.name}.torn"]
    return [path, *map(path.with_name, beside)]


def _show(told: dict[str, Any]) -> None:
    ids = ", ".join(f"{it['source']} {it['id']}" for it in told["leads"])
    what = f"{_n(told['people'], 'person')}, {_n(len(told['leads']), 'lead')}{f' ({ids})' if ids else ''}"
    say(
        f"Forgotten: {what}."
        if told["people"]
        else "They were forgotten before; nothing of theirs came back."
    )
    for file in told["deleted"]:
        say(f"Deleted the copy {file}; make a new one with: syncd backup FILE")
    lines = list(_remaining(told))
    if lines:
        say("What syncd cannot erase:")
    for line in lines:
        say(f"  {line}")


def _remaining(told: dict[str, Any]) -> Iterator[str]:
    for it in told["remains"]:
        has = "has" if it["sure"] else "may have"
        remote = f", there {it['remote_id']}" if it["remote_id"] else ""
        where = f" at {it['where']}" if it["where"] else ""
        yield f"{it['connector']} ({it['type']}){where} {has} lead {it['lead']}{remote}"
    for it in told["unexported"]:
        yield f"CTGO still lists lead {it['id']} of {it['source']} as new, for it was not exported"
    for it in told["backups"]:
        yield f"the backup {it['file']} of {it['made_at']}"
    if told["waiting"]:
        yield f"{told['waiting']} deliveries were waiting: one under way at this moment still arrives, and the log says so"
