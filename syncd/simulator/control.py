"""The control surface, `/_sim/…`: outside the API, without a key and without a limit, for tests and demos."""

import json
from typing import Any

from flask import Blueprint, Response, request

from syncd.simulator.faults import Fault
from syncd.simulator.replies import Refusal, refuse, reply
from syncd.simulator.world import World


def control(world: World) -> Blueprint:
    """The routes under `/_sim` over one world."""
    blueprint = Blueprint("_sim", __name__, url_prefix="/_sim")

    def stats() -> Response:
        return reply(world.stats())

    def leads() -> Response:
        count = _body().get("count", 1)
        if not isinstance(count, int):
            return refuse(Refusal(400, "invalid_count", "count is a whole number.", "code"), world.options)
        return reply({"ids": world.add_leads(count)}, 201)

    def fail() -> Response:
        try:
            world.fail(fault(_body()))
        except (TypeError, ValueError) as error:
            return refuse(Refusal(400, "invalid_fault", str(error), "code"), world.options)
        return reply({"ok": True})

    def revoke() -> Response:
        world.revoke(_body().get("key"))
        return reply({"ok": True})

    def feedback() -> Response:
        with world.lock:
            return reply(world.feedback.shown())

    for look in (stats, feedback):
        blueprint.add_url_rule(f"/{look.__name__}", view_func=look)
    for view in (leads, fail, revoke):
        blueprint.add_url_rule(f"/{view.__name__}", view_func=view, methods=["POST"])
    return blueprint


def fault(body: dict[str, Any]) -> Fault:
    """The failure that a JSON body describes, by the names of `Fault`; a `body` that is no text is sent as JSON.

    Raises:
        TypeError: A name is not one of `Fault`'s.
        ValueError: There is no such route.
    """
    members = dict(body)
    if "body" in members:
        sent = members["body"]
        members["body"] = (sent if isinstance(sent, str) else json.dumps(sent)).encode()
    return Fault(**members)


def _body() -> dict[str, Any]:
    body: Any = request.get_json(silent=True, force=True)
    return body if isinstance(body, dict) else {}
