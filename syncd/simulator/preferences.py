"""The user's preferences: message templates and notification settings.

The templates follow the vendor's API v1; the settings are a guess. Nothing here is thread-safe: hold the world's lock.
"""

from collections.abc import Mapping
from itertools import count
from typing import Any

from syncd.simulator.instants import iso
from syncd.simulator.options import Options
from syncd.simulator.refusals import TEMPLATE_EXISTS, TEMPLATE_NOT_FOUND, RefusedError


class Preferences:
    """The templates and the settings.

    Attributes:
        settings: The body of `GET /notification-settings`.
    """

    def __init__(self, options: Options) -> None:
        self.settings: dict[str, Any] = {
            "summaryFrequency": "daily",
            "channels": {"email": True, "telegram": False},
        }
        self._options = options
        self._templates: dict[int, dict[str, Any]] = {}
        self._ids = count(1)

    def templates(self) -> list[dict[str, Any]]:
        """Return every template, oldest first."""
        return list(self._templates.values())

    def template(self, template_id: int) -> dict[str, Any]:
        """Return a template. Raises RefusedError: no template has this id."""
        if template_id not in self._templates:
            raise RefusedError(TEMPLATE_NOT_FOUND)
        return self._templates[template_id]

    def create(self, body: Mapping[str, Any], now: float) -> dict[str, Any]:
        """Create a template. Raises RefusedError: another template has the name."""
        self._require_free_name(body["name"], None)
        template_id = next(self._ids)
        made = iso(now, self._options.times)
        self._templates[template_id] = {
            "id": template_id,
            **_texts(body),
            "createdAt": made,
            "updatedAt": made,
        }
        return self._templates[template_id]

    def change(self, template_id: int, body: Mapping[str, Any], now: float) -> dict[str, Any]:
        """Replace the name and the text of a template. Raises RefusedError as `template` and `create` do."""
        template = self.template(template_id)
        self._require_free_name(body["name"], template_id)
        template |= {**_texts(body), "updatedAt": iso(now, self._options.times)}
        return template

    def delete(self, template_id: int) -> None:
        """Delete a template. Raises RefusedError: no template has this id."""
        del self._templates[self.template(template_id)["id"]]

    def notify(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change the named settings, and return all of them."""
        channels = {
            name: body.get("channels", {}).get(name, on) for name, on in self.settings["channels"].items()
        }
        frequency = body.get("summaryFrequency", self.settings["summaryFrequency"])
        self.settings = {"summaryFrequency": frequency, "channels": channels}
        return self.settings

    def _require_free_name(self, name: str, but: int | None) -> None:
        if any(one["name"] == name and one["id"] != but for one in self._templates.values()):
            raise RefusedError(TEMPLATE_EXISTS)


def _texts(body: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": body["name"], "messageBody": body["messageBody"]}
