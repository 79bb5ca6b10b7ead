"""The routes of message templates and notification settings; a method has the name of its route."""

from flask import Response

from syncd.simulator.api.request_data import body_of
from syncd.simulator.api.responses import reply
from syncd.simulator.world import World


class PreferenceViews:
    """The routes over one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._options = world.options
        self._preferences = world.preferences

    def templates(self) -> Response:
        """`GET /dm-templates`."""
        with self._world.moment():
            return reply({"templates": self._preferences.templates()})

    def create_template(self) -> Response:
        """`POST /dm-templates`."""
        body = body_of("TemplateRequest")
        with self._world.moment() as now:
            return reply({"template": self._preferences.create(body, now)}, self._options.created_status)

    def template(self, template_id: int) -> Response:
        """`GET /dm-templates/{id}`."""
        with self._world.moment():
            return reply({"template": self._preferences.template(template_id)})

    def update_template(self, template_id: int) -> Response:
        """`PUT /dm-templates/{id}`."""
        body = body_of("TemplateRequest")
        with self._world.moment() as now:
            return reply({"template": self._preferences.change(template_id, body, now)})

    def delete_template(self, template_id: int) -> Response:
        """`DELETE /dm-templates/{id}`."""
        with self._world.moment():
            self._preferences.delete(template_id)
        return reply({"deleted": True})

    def notification_settings(self) -> Response:
        """`GET /notification-settings`."""
        with self._world.moment():
            return reply(self._preferences.settings)

    def update_notification_settings(self) -> Response:
        """`PUT /notification-settings`; other members keep their values."""
        body = body_of("NotificationChange")
        with self._world.moment():
            return reply(self._preferences.notify(body))
