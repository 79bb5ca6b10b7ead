"""A line for each request."""

import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

LONGEST = 160
"""Characters of an address: a query of Salesforce has thousands."""


def logged(app: WSGIApplication, write: Callable[[str], object]) -> WSGIApplication:
    """Wrap a WSGI app. `write` gets the time, the method, the address and the status of each answer."""

    def wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, *rest: Any) -> Any:
            query = environ.get("QUERY_STRING", "")
            address = quote(environ["PATH_INFO"], safe="/:@", encoding="latin-1") + (
                f"?{query}" if query else ""
            )
            shown = address if len(address) <= LONGEST else address[:LONGEST] + "…"
            write(f"{time.strftime('%H:%M:%S')} {environ['REQUEST_METHOD']} {shown} {status[:3]}")
            return start_response(status, *rest)

        return app(environ, start)

    return wsgi
