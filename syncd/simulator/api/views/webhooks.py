"""The routes of webhooks; a method has the name of its route."""

from flask import Response

from syncd.simulator.api.request_data import body_of
from syncd.simulator.api.responses import refuse, reply
from syncd.simulator.refusals import SUBSCRIPTION_NOT_FOUND
from syncd.simulator.world import World


class WebhookViews:
    """The routes over one world."""

    def __init__(self, world: World) -> None:
        self._subscriptions = world.subscriptions
        self._options = world.options

    def subscribe(self) -> Response:
        """`POST /webhooks/subscribe`."""
        body = body_of("SubscribeRequest")
        number = self._subscriptions.subscribe(body["targetUrl"], body.get("filterConfig") or {})
        return reply({"id": number}, self._options.created_status)

    def unsubscribe(self) -> Response:
        """`DELETE /webhooks/subscribe`, with a body."""
        if not self._subscriptions.unsubscribe(body_of("UnsubscribeRequest")["id"]):
            return refuse(SUBSCRIPTION_NOT_FOUND, self._options)
        return reply({"ok": True})
