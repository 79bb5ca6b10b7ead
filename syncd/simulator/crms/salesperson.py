"""A salesperson's hand in a simulated CRM, by curl: `/control` beside the vendor's own addresses.

    curl 127.0.0.1:8401/control                                                    # whom there is
    curl 127.0.0.1:8401/control -d '{"person": "2290114477", "value": "UNQUALIFIED"}'
    curl 127.0.0.1:8401/control -d '{"lag": 0}'                                    # HubSpot's index shows changes at once

`property` names another property than the usual one. HubSpot and Salesforce have people who can be marked.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/control"


def controlled(fake: Any) -> WSGIApplication:
    """Return the fake's app with its control."""

    def wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH:
            answered: Iterable[bytes] = fake.wsgi(environ, start_response)
            return answered
        status, told = _obeyed(fake, environ)
        body = json.dumps(told, indent=1, ensure_ascii=False).encode() + b"\n"
        head = [("Content-Type", "application/json; charset=utf-8"), ("Content-Length", str(len(body)))]
        start_response(status, head)
        return [body]

    return wsgi


def _obeyed(fake: Any, environ: WSGIEnvironment) -> tuple[str, Any]:
    if environ["REQUEST_METHOD"] != "POST":
        return "200 OK", {"people": fake.people()}
    try:
        order = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        return "200 OK", _done(fake, dict(order))
    except (ValueError, TypeError, KeyError) as error:
        return "400 Bad Request", {"error": f"{type(error).__name__}: {error}"}


def _done(fake: Any, order: dict[str, Any]) -> dict[str, Any]:
    if "lag" in order:
        fake.lag = float(order.pop("lag"))
    if not order:
        return {"ok": True}
    if not hasattr(fake, "mark"):
        raise ValueError("nobody is marked here")
    mark: Callable[..., int] = fake.mark
    name = [str(order["property"])] if "property" in order else []
    return {"marked": mark(str(order["person"]), str(order["value"]), *name)}
