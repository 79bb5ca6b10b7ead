"""`syncd api`: any request to CTGO, for what has no verb of its own."""

from typing import Annotated

import typer

from syncd.cli.campaigns.bills import Effect, agreed_to
from syncd.cli.campaigns.session import SourceName, Yes, asking
from syncd.cli.exits import Exit
from syncd.cli.input_file import read_json
from syncd.cli.output import say, say_json

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def api(  # noqa: PLR0917 - Typer passes them by name
    context: typer.Context,
    method: Annotated[str, typer.Argument(metavar="METHOD", help="GET, POST, PUT, PATCH or DELETE.")],
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="From base_url on, such as /streams/14/runs?limit=5.")
    ],
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="JSON", help="What to send: JSON, @FILE for a file's, - for that of stdin."
        ),
    ] = None,
    yes: Yes = False,
    source: SourceName = "",
) -> int:
    """Send any request with the source's key, within its limit, and print the answer, which is JSON.

    It goes below base_url and nowhere else. What may change a bill is said first, and asked about unless you say --yes:
    all that is done to accounts, and what names a handle or a tier.
    """
    value = None if data is None else read_json(data)
    from syncd.ctgo.campaigns.api import METHODS, checked_path, may_bill  # noqa: PLC0415
    from syncd.ctgo.campaigns.confirmed import Billing  # noqa: PLC0415 - --help can do without

    with asking(context, source) as ctgo:
        billing = None
        verb = method.upper()
        if verb in METHODS and may_bill(verb, checked_path(path), value):
            effect = Effect(f"{verb} {path} may change what CTGO bills.")
            if not agreed_to([effect], "Send it?", yes=yes):
                say("Nothing was sent.")
                return Exit.DONE
            billing = Billing.ACCEPTED
        answer = ctgo.api.request(method, path, value, billing=billing)
    say_json(answer)
    return Exit.DONE
