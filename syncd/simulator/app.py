"""The API as a WSGI app.

Each request passes these steps: log, key, rate limit, planned failure, route. The vendor does not document this order.
"""

import re
import time
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.http import http_date
from werkzeug.routing import IntegerConverter

from syncd.simulator.api import views
from syncd.simulator.api.endpoints import ENDPOINTS, V2, Endpoint
from syncd.simulator.api.messages import refuse, reply
from syncd.simulator.api.openapi import document
from syncd.simulator.control import control
from syncd.simulator.gateway import KEY_SHAPE, Fault, Request, bearer
from syncd.simulator.options import Options
from syncd.simulator.refusals import (
    GONE,
    METHOD_NOT_ALLOWED,
    MIGRATION_GUIDE,
    NOT_FOUND,
    RATE_LIMITED,
    RefusedError,
)
from syncd.simulator.world import World


def create_app(
    options: Options,
    now: Callable[[], float] = time.time,
    world: World | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> Flask:
    """Build the WSGI app.

    `world` is a state to share, with its own options and clock; without one, `options` and `now` (epoch seconds) make a new
    one. `sleep` waits for the option `latency`.
    """
    world = world or World(options, now)
    app = Flask(__name__, static_folder=None)
    app.url_map.strict_slashes = False
    # A test's error inside the app must reach the test and not become a 500.
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.url_map.converters["int"] = _Id
    for endpoint in ENDPOINTS.values():
        view = _view(endpoint, world)
        app.add_url_rule(V2 + endpoint.rule, endpoint.name, view, methods=[endpoint.method])
    described = document(world.options)
    app.add_url_rule(V2 + "/openapi.json", "openapi", lambda: reply(described))
    for path in ("/api/v1", "/api/v1/<path:rest>"):
        app.add_url_rule(path, "v1", _gone, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    app.register_blueprint(control(world))
    hooks = _RequestHooks(world, sleep)
    app.before_request(hooks.arrive)
    app.after_request(hooks.leave)
    app.register_error_handler(HTTPException, hooks.not_routed)
    app.register_error_handler(RefusedError, hooks.refused)
    return app


class _Id(IntegerConverter):
    """Up to 18 ASCII digits."""

    regex = "[0-9]{1,18}"


def _view(endpoint: Endpoint, world: World) -> Callable[..., Response]:
    serve = getattr(views, endpoint.name)

    def view(**ids: int) -> Response:
        # Under the lock, no other call comes between a check and its effect, or between select and show.
        with world.moment():
            answer = serve(world, **ids)
            if isinstance(answer, Response):
                return answer
            return reply(answer, world.options.created_status if endpoint.created else 200)

    return view


def _gone(rest: str = "") -> Response:  # noqa: ARG001 - every v1 path is gone alike
    return refuse(GONE, Options(), migrationGuide=MIGRATION_GUIDE)


class _RequestHooks:
    """The steps before and after the route of each request."""

    def __init__(self, world: World, sleep: Callable[[float], object]) -> None:
        self._world = world
        self._sleep = sleep

    def arrive(self) -> Response | None:
        g.arrival = self._world.now()
        if not request.path.startswith("/api/") or request.endpoint == "openapi":
            return None
        key = bearer(request.headers.get("Authorization"))
        query = request.query_string.decode("latin-1")
        g.logged = Request(request.method, request.path, query, _route(), g.arrival, key)
        self._world.gateway.log_request(g.logged)
        if request.endpoint == "export" and self._world.on_export:
            self._world.on_export((request.view_args or {})["lead_id"])
        if not request.path.startswith(f"{V2}/"):
            return None
        return self._refuse_key(key) or self._take_fault()

    def _refuse_key(self, key: str) -> Response | None:
        world = self._world
        refusal = world.gateway.refusal(key)
        counted = refusal is None or (world.options.count_unauthorised and KEY_SHAPE.fullmatch(key))
        if counted:
            g.verdict = world.gateway.admit(key, g.arrival)
            if not g.verdict.admitted:
                refusal = RATE_LIMITED
        return refuse(refusal, world.options) if refusal else None

    def _take_fault(self) -> Response | None:
        g.fault = self._world.gateway.take_fault(request.endpoint or "")
        return _fault_response(g.fault) if g.fault and not g.fault.after_applying else None

    def leave(self, response: Response) -> Response:
        fault: Fault | None = g.get("fault")
        if fault and fault.after_applying:
            response = _fault_response(fault)
        if "verdict" in g:
            for name, value in self._world.gateway.headers(g.verdict, g.arrival).items():
                response.headers.setdefault(name, value)
        response.headers.setdefault("Date", http_date(g.arrival))
        if "logged" in g:
            self._world.gateway.log_answer(g.logged, response.status_code)
            if self._world.options.latency:
                self._sleep(self._world.options.latency)
        return response

    def not_routed(self, error: HTTPException) -> Response:
        if not isinstance(error, MethodNotAllowed):
            return refuse(NOT_FOUND, self._world.options)
        refused = refuse(METHOD_NOT_ALLOWED, self._world.options)
        refused.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return refused

    def refused(self, error: RefusedError) -> Response:
        return refuse(error.refusal, self._world.options, **error.members)


def _fault_response(fault: Fault) -> Response:
    headers: dict[str, Any] = {"Content-Type": "application/json; charset=utf-8", **fault.headers}
    return Response(fault.body, fault.status, headers)


def _route() -> str:
    rule = request.url_rule.rule if request.url_rule else "unmatched"
    return f"{request.method} {re.sub(r'<int:.*?>', '{id}', rule)}"
