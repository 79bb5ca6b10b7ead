"""A team's other belongings at CTGO: templates of direct messages, and settings of notifications.

The v2 pages were never seen. Templates are read and written by what the v1 page of updating one says; of notification settings nothing
is known, so they are an object of whatever fields it has.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from syncd.ctgo.campaigns.drafts import DraftError, NewTemplate
from syncd.ctgo.campaigns.requests import (
    Moment,
    Resource,
    act,
    at,
    listing,
    many,
    nothing,
    once,
    one,
    question,
)
from syncd.ctgo.models import Answer, Maybe


class Template(Answer):
    """A direct message that is kept."""

    id: Maybe[int] = None
    name: Maybe[str] = None
    message: Maybe[str] = Field(None, alias="messageBody")
    created_at: Moment = Field(None, alias="createdAt")
    updated_at: Moment = Field(None, alias="updatedAt")


_TEMPLATE = one(Template, "template", "dmTemplate", open_shape=True, or_nothing=True)
"""The possible answers to an act on a template: the template, or any yes. CTGO does not document them."""


class NotificationSettings(Answer):
    """A team's notifications of its leads; all of it is in `document()`."""


class TemplatesApi(Resource):
    """Templates of direct messages."""

    def list(self) -> tuple[Template, ...]:
        """All templates. `GET /dm-templates`."""
        return self._ask(
            listing("/dm-templates", "for its message templates"),
            many(Template, "templates", "dmTemplates"),
        )

    def show(self, template_id: int) -> Template:
        """One template. `GET /dm-templates/{id}`. Raises Reject `not_found`."""
        call = question(at("/dm-templates/{}", template_id), "for a message template")
        return self._ask(call, one(Template, "template", "dmTemplate"))

    def create(self, draft: NewTemplate) -> Template:
        """Keep a new one. `POST /dm-templates`.

        Raises:
            Retry: `conflicting`: there is one of that name.
            Reject: `request_refused`.
            Halt: `outcome_unknown`: look for its name in the list.
        """
        call = act("POST", "/dm-templates", "to create a message template", draft.body())
        return once(self._ask, call, _TEMPLATE)

    def replace(self, template_id: int, draft: NewTemplate) -> Template:
        """Write one anew: both fields are needed. `PUT /dm-templates/{id}`.

        Raises Reject `not_found`, `request_refused`; Retry `conflicting`: another one has that name.
        """
        path = at("/dm-templates/{}", template_id)
        call = act("PUT", path, "to change a message template", draft.body())
        return self._ask(call, _TEMPLATE)

    def delete(self, template_id: int) -> None:
        """Delete one for good. `DELETE /dm-templates/{id}`; any 2xx is a yes. Raises Reject `not_found`."""
        self._ask(act("DELETE", at("/dm-templates/{}", template_id), "to delete a message template"), nothing)


class NotificationsApi(Resource):
    """The team's defaults for summaries."""

    def show(self) -> NotificationSettings:
        """The settings. `GET /notification-settings`."""
        call = listing("/notification-settings", "for its notification settings")
        return self._ask(call, one(NotificationSettings, "settings", open_shape=True))

    def replace(self, settings: Mapping[str, Any]) -> NotificationSettings:
        """Write the settings. `PUT /notification-settings`.

        Whether what is left out stays is not documented: send all that `show().document()` has, changed where wanted.

        Raises Reject `request_refused`; DraftError: it is empty.
        """
        if not settings:
            raise DraftError("nothing is to be changed")
        call = act("PUT", "/notification-settings", "to change notification settings", dict(settings))
        return self._ask(call, one(NotificationSettings, "settings", open_shape=True, or_nothing=True))
