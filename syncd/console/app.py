"""The console as a WSGI application: its routes, each with the role that it asks for.

A request comes through the guard, is given to somebody, and must have a token if it is a form. An application with a route
that names no role does not start.
"""

import secrets
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Literal, NamedTuple, get_args

from flask import Flask, Response, request
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException

from syncd import __version__
from syncd.clock import Clock
from syncd.connector import Logger
from syncd.console import acts, lead_screens, rejected_acts, screens, sign_in, stuck_screens
from syncd.console.access import Access
from syncd.console.formats import counted, length, number, safe_text
from syncd.console.guard import LARGEST_BODY, Guard, Names, Rates, nonce_of
from syncd.console.readings import Readings
from syncd.console.static_files import FOREVER, static_files
from syncd.console.visit import REFRESH, Parts, Visit
from syncd.ledger import LedgerError
from syncd.settings import Console, Settings

Needs = Literal["anybody", "viewer", "operator"]
TOKEN = "token"  # noqa: S105 - a field's name
WRONG_OF_A_PEER, WRONG_OF_ALL = 10, 60
"""Wrong links a minute."""
REQUESTS = 60
"""Requests a second of a session."""


class Route(NamedTuple):
    """A path, its view, and who may use it. `live`: the page is not sent again while nothing changed."""

    path: str
    view: Callable[..., Response]
    needs: Needs
    method: str = "GET"
    live: bool = False


ROUTES: Sequence[Route] = (
    Route("/enter/<token>", sign_in.ask, "anybody"),
    Route("/enter/<token>", sign_in.enter, "anybody", "POST"),
    Route("/static/<name>", screens.static_file, "anybody"),
    Route("/", screens.now, "viewer", live=True),
    Route("/activity", screens.activity, "viewer"),
    Route("/pause", acts.pause, "operator", "POST"),
    Route("/resume", acts.resume, "operator", "POST"),
    Route("/release/<name>", acts.ask_release, "operator"),
    Route("/release", acts.release, "operator", "POST"),
    Route("/hold", acts.hold, "operator", "POST"),
    Route("/stuck", stuck_screens.stuck, "viewer"),
    Route("/stuck/<kind>/<where>/<code>", stuck_screens.group, "viewer"),
    Route("/lead/<number>", lead_screens.lead, "viewer"),
    Route("/leads", lead_screens.search, "viewer"),
    Route("/retry", rejected_acts.retry, "operator", "POST"),
    Route("/take-back", rejected_acts.take_back, "operator", "POST"),
    Route("/drop/<kind>/<where>/<code>", rejected_acts.ask_drop, "operator"),
    Route("/drop", rejected_acts.drop, "operator", "POST"),
    Route("/drop-held/<name>", rejected_acts.ask_drop_held, "operator"),
    Route("/drop-held", rejected_acts.drop_held, "operator", "POST"),
    Route("/try-now", rejected_acts.try_now, "operator", "POST"),
    Route("/pull", rejected_acts.pull_now, "operator", "POST"),
    Route("/more", sign_in.more, "viewer"),
    Route("/zone", sign_in.set_zone, "viewer", "POST"),
    Route("/leave", sign_in.leave, "viewer", "POST"),
)


class Bound(NamedTuple):
    """The place that the console listens at. `port`: 0 behind a Unix socket."""

    port: int
    by_socket: bool = False


class Shared(NamedTuple):
    """The pieces that the console is made with. `host`: the machine's name, for titles."""

    settings: Settings
    console: Console
    access: Access
    readings: Readings
    clock: Clock
    log: Logger
    host: str = ""


def make_app(
    shared: Shared,
    bound: Bound,
    *,
    routes: Sequence[Route] = ROUTES,
    on_request: Callable[[], None] = lambda: None,
) -> Guard:
    """Make the application. `on_request` is called at each request. Raises ValueError for a route without a role."""
    names = Names.of(bound.port, shared.console.public_url)
    parts = Parts(
        *shared[:6], names, static_files(), shared.host, bound.by_socket,
        Rates(shared.clock, WRONG_OF_A_PEER), Rates(shared.clock, WRONG_OF_ALL), Rates(shared.clock, REQUESTS, 1.0),
    )  # fmt: skip
    app = Flask(__name__, static_folder=None)
    app.jinja_options = {
        "autoescape": True, "undefined": StrictUndefined, "finalize": safe_text, "trim_blocks": True, "lstrip_blocks": True,
    }  # fmt: skip
    app.jinja_env.globals.update(version=__version__, counted=counted)
    app.jinja_env.filters.update(number=number, length_of_time=length)
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_BODY, MAX_FORM_PARTS=200)
    for number_, route in enumerate(routes):
        endpoint = f"{number_}"
        app.add_url_rule(
            route.path,
            endpoint,
            _bound(parts, route),
            methods=[route.method],
            provide_automatic_options=False,
        )
    _check_roles(app, routes)
    app.register_error_handler(Exception, lambda error: _failed(parts, error))
    return Guard(app.wsgi_app, names, shared.log, on_request)


def _check_roles(app: Flask, routes: Sequence[Route]) -> None:
    """Raise ValueError unless every rule of the application is a route with a role."""
    for rule in app.url_map.iter_rules():
        known = routes[int(rule.endpoint)] if rule.endpoint.isdecimal() else None
        if known is None or known.needs not in get_args(Needs):
            raise ValueError(f"the route {rule.rule} names no role")


def _bound(parts: Parts, route: Route) -> Callable[..., Any]:
    """Return the function that Flask calls: who asks, may they, is the form theirs, then the view."""

    def answer(**values: str) -> Any:
        visit = visit_of(parts)
        return _refused(visit, route) or _unchanged(visit, route) or _acted(visit, route, values)

    return answer


def visit_of(parts: Parts) -> Visit:
    """Return the visit of the request under way."""
    peer = request.remote_addr or "socket"
    if parts.console.proxy is not None:
        peer = request.headers.get("X-Forwarded-For", peer).rpartition(",")[2].strip()[:64]
    zone = sign_in.zone_of(request, parts.console.time_zone)
    return Visit(parts, request, sign_in.identify(parts, request), zone, peer)


def _refused(visit: Visit, route: Route) -> Response | None:
    """Return the answer to somebody who may not do this; None for who may."""
    parts, identity = visit.parts, visit.identity
    if route.needs == "anybody":
        return None
    if identity is None:
        what = "A link that syncd prints lets you in. On the machine that syncd runs on, type:"
        return visit.sentence(HTTPStatus.UNAUTHORIZED, "Enter by a link.", what, "syncd console link")
    if wait := parts.requests.count(identity.key.hex()):
        return sign_in.too_many(visit, wait)
    if route.needs == "operator" and identity.role != "operator":
        parts.log.warning("console_act_refused", role=identity.role, path=route.path)
        what = "Viewers look and do not act, and people's data is not shown to them. Ask an operator."
        return visit.sentence(HTTPStatus.FORBIDDEN, "This is for operators.", what)
    if route.method == "POST" and nonce_of(identity.secret, request.form.get(TOKEN, "")) is None:
        parts.log.warning("console_form_refused", path=route.path)
        what = "Its page is too old, so nothing was done. Go back, read it again, and try once more."
        return visit.sentence(HTTPStatus.FORBIDDEN, "This form is not good any more.", what)
    sign_in.keep_in_use(parts.access, identity, refresh=REFRESH in request.headers)
    return None


def _unchanged(visit: Visit, route: Route) -> Response | None:
    """Return 304 for a page that the browser has as it is; None if it must be made."""
    if not route.live or visit.who.key in visit.parts.notices:
        return None
    tag = visit.tag(visit.parts.readings.look())
    return (
        Response(status=HTTPStatus.NOT_MODIFIED, headers={"ETag": f'"{tag}"'})
        if tag in request.if_none_match
        else None
    )


def _acted(visit: Visit, route: Route, values: dict[str, str]) -> Any:
    """Answer by the view. A form that comes again does nothing again."""
    if route.method == "POST" and route.needs != "anybody":
        nonce = nonce_of(visit.who.secret, request.form.get(TOKEN, "")) or ""
        if not visit.parts.access.spend(visit.who.key, nonce):
            visit.notice("That was sent twice. It was done once.")
            return visit.back()
    answer = route.view(visit, **values)
    if route.live and answer.status_code == HTTPStatus.OK:
        answer.set_etag(visit.tag(visit.parts.readings.look()))
    return answer


def _failed(parts: Parts, error: Exception) -> Response:
    """Answer when there is no such page, when the console's own database fails, or when we have a bug."""
    if isinstance(error, HTTPException):
        visit = Visit(parts, request, _quietly(parts), parts.console.time_zone, "")
        title = "There is no such page." if error.code == HTTPStatus.NOT_FOUND else "This cannot be answered."
        return visit.sentence(HTTPStatus(error.code or 400), title, "Go back to Now, and start from there.")
    visit = Visit(parts, request, None, parts.console.time_zone, "")
    if isinstance(error, LedgerError):
        parts.log.warning("console_failed", sentence=error.detail)
        return visit.sentence(HTTPStatus.SERVICE_UNAVAILABLE, "The ledger cannot be used.", error.detail)
    code = secrets.token_hex(4)
    parts.log.warning("console_bug", number=code, exc_info=error)
    what = f"The log has more about it under the number {code}. Nothing else is affected: the engine is another process."
    return visit.sentence(HTTPStatus.INTERNAL_SERVER_ERROR, "The console has a bug.", what)


def _quietly(parts: Parts) -> Any:
    try:
        return sign_in.identify(parts, request)
    except LedgerError:
        return None


__all__ = ["FOREVER", "ROUTES", "Bound", "Route", "Shared", "make_app"]
