"""`syncd api`: send any request to CTGO that has no verb of its own."""

from typing import Annotated

import typer

from syncd.cli.campaigns.bills import Effect, accepted
from syncd.cli.campaigns.session import SourceName, Yes, session
from syncd.cli.exits import Exit
from syncd.cli.input_file import read_json
from syncd.cli.output import say, say_json


def api(  # noqa: PLR0917 - Typer passes them by name
    context: typer.Context,
    method: Annotated[str, typer.Argument(metavar="METHOD", help="GET, POST, PUT, PATCH or DELETE.")],
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="The path after base_url, such as /streams/14/runs?limit=5.")
    ],
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="JSON", help="The JSON to send; @FILE reads a file, - reads stdin."),
    ] = None,
    yes: Yes = False,
    source: SourceName = "",
) -> int:
    """Send any request with the source's key, within its limit, and print the answer, which is JSON.

    The request goes below base_url only. If it may change a bill, syncd warns and asks first, unless you add --yes. Such are
    all changes of accounts, and every request that names a handle or a tier.
    """
    value = None if data is None else read_json(data)
    from syncd.ctgo.campaigns.api import METHODS, checked_path, may_bill  # noqa: PLC0415
    from syncd.ctgo.campaigns.requests import Billing  # noqa: PLC0415 - --help can do without

    with session(context, source) as ctgo:
        billing = None
        verb = method.upper()
        if verb in METHODS and may_bill(verb, checked_path(path), value):
            effect = Effect(f"{verb} {path} may change what CTGO bills.")
            if not accepted([effect], "Send it?", yes=yes):
                say("Nothing was sent.")
                return Exit.DONE
            billing = Billing.ACCEPTED
        answer = ctgo.api.request(method, path, value, billing=billing)
    say_json(answer)
    return Exit.DONE
