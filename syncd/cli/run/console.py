"""`syncd console`: pages for browsers about the ledger, and the links and visits of people."""

import socket
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.app.privileges import settings_in_force
from syncd.cli.context import AsJson, group_app, operator, parse_duration
from syncd.cli.exits import Exit, complain
from syncd.cli.output import duration, iso, say, say_json, say_table, when
from syncd.clock import SystemClock
from syncd.log import configure, redact_values
from syncd.settings import Console, Settings, SettingsError, secret_values
from syncd.verbs.engine_holder import engine_of, started_at

if TYPE_CHECKING:
    from syncd.console.access import Access

app = group_app("Serve pages for browsers about the ledger, in the foreground; print a link to enter by.")
LONGEST = 90 * 86400.0


def console_settings(context: typer.Context) -> tuple[Settings, Console]:
    """Read the settings without a key. Secrets that the file holds are redacted, and dropped.

    Raises SettingsError, also if there is no table `[console]`.
    """
    settings = settings_in_force(context.obj, keyless=True)
    redact_values(secret_values(settings))
    if settings.console is None:
        what = "console: there is no such table, so nothing listens; add a line [console] to have one"
        raise SettingsError(f"{settings.provenance.name}: {what}")
    return without_secrets(settings), settings.console


def without_secrets(settings: Settings) -> Settings:
    """Return the settings without what is secret: no key of a source, no options of a connector, no receiver of alerts."""
    from syncd.settings.models import Alerts, ConnectorSettings  # noqa: PLC0415

    known = ConnectorSettings.model_fields
    bare = {
        name: ConnectorSettings.model_construct(**{key: getattr(it, key) for key in known})
        for name, it in settings.connectors.items()
    }
    sources = {name: it.model_copy(update={"api_key": None}) for name, it in settings.sources.items()}
    update = {"connectors": bare, "sources": sources, "alerts": Alerts.model_construct()}
    return settings.model_copy(update=update)


def address_of(console: Console, port: int = 0) -> str:
    """Return the address that a link begins with. `port`: the one that it listens on, if that is known."""
    if console.public_url:
        return console.public_url
    host = console.listen.host
    return f"http://{f'[{host}]' if ':' in host else host}:{port or console.listen.port}"


def _access(settings: Settings) -> "Access":
    from syncd.console.access import Access  # noqa: PLC0415 - the ledger's library

    return Access(settings.state.path, SystemClock())


@app.callback()
def console(context: typer.Context) -> None:
    """Serve the console in the foreground until Ctrl-C, and print a link to enter by."""
    if context.invoked_subcommand is None:
        raise typer.Exit(serve_console(*console_settings(context)))


def serve_console(settings: Settings, chosen: Console | None) -> int:
    """Serve until Ctrl-C or SIGTERM. A console that systemd started prints no link, and leaves when nobody comes."""
    chosen = chosen or Console()
    from syncd.console import web_server  # noqa: PLC0415 - Flask and waitress
    from syncd.console.app import Bound, Shared, make_app  # noqa: PLC0415
    from syncd.console.readings import Engine, Readings  # noqa: PLC0415

    configure(settings.log.format, settings.log.level)
    import structlog  # noqa: PLC0415

    log: Any = structlog.get_logger("console")
    clock = SystemClock()
    given = web_server.handed_over()
    try:
        listening = given or web_server.bound_to(chosen.listen)
    except web_server.ListenError as error:
        complain(str(error), "Stop what listens there, or set console.listen to another address.")
        return Exit.UNREACHABLE
    port = web_server.port_of(listening)
    access, last = _access(settings), web_server.LastVisit(clock)
    readings = Readings(settings, clock, Engine(engine_of, started_at))
    shared = Shared(settings, chosen, access, readings, clock, log, socket.gethostname())
    guarded = make_app(shared, Bound(port, by_socket=not port), on_request=last.note)
    if given is None:
        entry = f"{address_of(chosen, port)}/enter/{access.make_link(operator(), 'operator')}"
        say(f"The console listens. Enter within ten minutes, once: {entry}")
        say("Another link: syncd console link. To stop: Ctrl-C")
    try:
        web_server.serve(guarded, listening, proxied=chosen.proxy is not None, idle=last if given else None)
    finally:
        clock.stop()
        readings.close()
        access.close()
    return Exit.DONE


@app.command()
def link(
    context: typer.Context,
    viewer: Annotated[
        bool, typer.Option("--viewer", help="For somebody who looks only, and sees no data of people.")
    ] = False,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The one who will act [you].")] = "",
    for_: Annotated[
        Any,
        typer.Option(
            "--for",
            parser=parse_duration,
            metavar="TIME",
            help="How long the visit may last [console.session].",
        ),
    ] = None,
) -> int:
    """Print a link that lets one browser enter, within ten minutes and once."""
    settings, chosen = console_settings(context)
    if for_ is not None and not 60 <= for_ <= LONGEST:  # noqa: PLR2004 - a minute
        raise typer.BadParameter("must be from 1m to 90d", param_hint="--for")
    if not name.isprintable() or len(name) > 64:  # noqa: PLR2004 - a line's worth
        raise typer.BadParameter("must be at most 64 letters and signs", param_hint="--name")
    if not chosen.listen.socket and not chosen.listen.port and not chosen.public_url:
        raise SettingsError(f"{settings.provenance.name}: console.listen: has port 0, so no link can name it")
    access = _access(settings)
    try:
        token = access.make_link(name or operator(), "viewer" if viewer else "operator", for_)
        say(f"{address_of(chosen)}/enter/{token}")
    finally:
        access.close()
    return Exit.DONE


@app.command()
def sessions(context: typer.Context, as_json: AsJson = False) -> int:
    """List who has entered, from where, and until when."""
    settings, _ = console_settings(context)
    access = _access(settings)
    try:
        found = access.sessions()
    finally:
        access.close()
    if as_json:
        keys = ("name", "role", "peer")
        say_json([
            {**{key: getattr(it, key) for key in keys}, "began": iso(it.began), "seen": iso(it.seen), "until": iso(it.until)}
            for it in found
        ])  # fmt: skip
    elif found:
        now = SystemClock().now()
        header = ("NAME", "ROLE", "FROM", "BEGAN", "LAST SEEN", "ENDS IN")
        say_table(
            header,
            [
                (it.name, it.role, it.peer, when(it.began), when(it.seen), duration(it.until - now))
                for it in found
            ],
        )
    else:
        say("Nobody has entered.")
    return Exit.DONE


@app.command()
def end(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Whose sessions and links.")] = "",
    everybody: Annotated[bool, typer.Option("--all", help="Everybody's.")] = False,
) -> int:
    """End the sessions and the unused links of somebody, or of everybody."""
    if bool(name) == everybody:
        raise typer.BadParameter("name one person, or say --all", param_hint="NAME")
    settings, _ = console_settings(context)
    access = _access(settings)
    try:
        n = access.end(name=None if everybody else name)
    finally:
        access.close()
    say(f"Ended {n} session{'' if n == 1 else 's'}.")
    return Exit.DONE if n or everybody else Exit.REJECTED
