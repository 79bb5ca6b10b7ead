"""The control surface `/_sim/…` for tests and demos. It is outside the API, and needs no key."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any, get_args, get_type_hints

from flask import Blueprint, Response

from syncd.simulator.api.messages import InvalidError, json_body, refuse, reply, validator
from syncd.simulator.campaigns.accounts import Budget
from syncd.simulator.gateway import Fault
from syncd.simulator.options import Options
from syncd.simulator.refusals import Refusal, RefusedError
from syncd.simulator.world import World

Body = dict[str, Any]
SUBSCRIPTIONS = list(get_args(get_type_hints(Options)["subscription"]))
NUMBER = {"type": "integer", "minimum": 0, "maximum": 100_000}
ID = {"type": "integer"}
TEXT = {"type": "string"}


def _body_schema(*required: str, **members: dict[str, Any]) -> dict[str, Any]:
    """Describe a body without unknown members, because a misspelt member would do nothing."""
    return {
        "type": "object",
        "properties": members,
        "required": list(required),
        "additionalProperties": False,
    }


VERBS: dict[str, dict[str, Any]] = {
    "leads": _body_schema(count=NUMBER, streamId=ID),
    "fail": {},  # the members of `Fault`
    "revoke": _body_schema(key=TEXT),
    "advance": _body_schema(seconds={"type": "number", "minimum": 0, "maximum": 1e9}),
    "drain": _body_schema(accountId=ID, budget={"type": "string", "enum": list(get_args(Budget))}),
    "credits": _body_schema(balance=NUMBER),
    "sleep": _body_schema("accountId", accountId=ID),
    "wake": _body_schema("accountId", accountId=ID),
    "stripe": _body_schema(message=TEXT, times=NUMBER),
    "lookups": _body_schema(failures=NUMBER),
    "subscription": _body_schema(status={"type": "string", "enum": SUBSCRIPTIONS}),
    "fail-run": _body_schema(message=TEXT),
}


def control(world: World) -> Blueprint:
    """Build the routes under `/_sim` over one world."""
    blueprint = Blueprint("_sim", __name__, url_prefix="/_sim")
    orders = _Orders(world)
    blueprint.add_url_rule("/stats", "stats", lambda: reply(world.stats()))
    blueprint.add_url_rule("/feedback", "feedback", lambda: reply(world.feedback.payload()))
    for verb in VERBS:
        view = _view(verb, getattr(orders, verb.replace("-", "_")), world)
        blueprint.add_url_rule(f"/{verb}", verb, view, methods=["POST"])
    return blueprint


@cache
def _check(verb: str) -> Callable[[Any], None]:
    return validator(VERBS[verb])


def _view(verb: str, order: Callable[[Body], Body | None], world: World) -> Callable[[], Response]:
    def view() -> Response:
        body = json_body()
        body = body if isinstance(body, dict) else {}
        try:
            _check(verb)(body)
            with world.moment():
                answer = order(body)
        except InvalidError as error:
            return refuse(Refusal(400, "invalid_order", str(error), "code"), world.options)
        return reply(answer or {"ok": True}, 201 if verb == "leads" else 200)

    return view


class _Orders:
    """The verbs; a method has the name of its verb, and returns the answer, or None for `{"ok": true}`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def leads(self, body: Body) -> Body:
        return {"ids": self._world.add_leads(int(body.get("count", 1)), stream_id=body.get("streamId"))}

    def fail(self, body: Body) -> None:
        try:
            self._world.fail(fault(body))
        except (TypeError, ValueError) as error:
            raise RefusedError(Refusal(400, "invalid_fault", str(error), "code")) from None

    def revoke(self, body: Body) -> None:
        self._world.revoke(body.get("key"))

    def advance(self, body: Body) -> Body:
        self._world.advance(body.get("seconds", 0))
        return {"ok": True, "now": self._world.now()}

    def drain(self, body: Body) -> None:
        accounts = self._world.accounts
        budgets: list[Budget] = [body["budget"]] if "budget" in body else list(get_args(Budget))
        drained = [accounts.get(body["accountId"])] if "accountId" in body else accounts.all
        for account in drained:
            for budget in budgets:
                accounts.budgets.drain(account, budget, self._world.instant)

    def credits(self, body: Body) -> None:
        self._world.credits = int(body.get("balance", 0))

    def sleep(self, body: Body) -> None:
        self._world.accounts.set_asleep(int(body["accountId"]), asleep=True)
        self._world.refresh_pairs()

    def wake(self, body: Body) -> None:
        self._world.accounts.set_asleep(int(body["accountId"]), asleep=False)
        self._world.refresh_pairs()

    def stripe(self, body: Body) -> None:
        self._world.accounts.stripe.fail(body.get("message"), int(body.get("times", 1)))

    def lookups(self, body: Body) -> None:
        self._world.handles.failures = int(body.get("failures", 1))

    def subscription(self, body: Body) -> None:
        self._world.accounts.subscription = body.get("status", "active")

    def fail_run(self, body: Body) -> None:
        self._world.runs.fail_next(body.get("message", "X did not answer."))


def fault(body: Body) -> Fault:
    """Build a failure from a JSON body with the names of `Fault`. A `body` that is not text is sent as JSON.

    Raises:
        TypeError: `Fault` has no such member.
        ValueError: No endpoint has this name.
    """
    members = dict(body)
    if "body" in members:
        sent = members["body"]
        members["body"] = (sent if isinstance(sent, str) else json.dumps(sent)).encode()
    return Fault(**members)
