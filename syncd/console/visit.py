"""One request: who asks, in which zone, with what the console knows, and how it is answered."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from flask import Request, Response, redirect, render_template

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.console import mask
from syncd.console.access import Access, Role, Session
from syncd.console.formats import Times
from syncd.console.guard import Names, Rates, form_token
from syncd.console.readings import Reading, Readings
from syncd.console.static_files import StaticFile
from syncd.settings import Console, Settings

REFRESH = "X-Part"
"""The header with which the script asks for a page again."""
_MOST_NOTICES = 100
_BUCKET = 15.0
"""Seconds after which a page is sent again though nothing changed: it says how long ago things were."""


@dataclass(slots=True)
class Parts:
    """The pieces that all requests share."""

    settings: Settings
    console: Console
    access: Access
    readings: Readings
    clock: Clock
    log: Logger
    names: Names
    static: Mapping[str, StaticFile]
    host: str
    by_socket: bool
    wrong_tokens: Rates
    wrong_tokens_of_all: Rates
    requests: Rates
    notices: "OrderedDict[bytes, Notice]" = field(default_factory=OrderedDict)


class Undo(NamedTuple):
    """A form that undoes an act: where it goes, its button, and its fields."""

    action: str
    label: str
    fields: Mapping[str, str]


class Notice(NamedTuple):
    """A sentence about what was done, for the next page; `undo`: None if it cannot be undone."""

    text: str
    undo: Undo | None = None


class Identity(NamedTuple):
    """The one who asks. `key`: names their visit; `secret`: their forms' tokens are made with it; `session`: None behind a proxy."""

    name: str
    role: Role
    key: bytes
    secret: bytes
    session: Session | None = None


@dataclass(slots=True)
class Visit:
    """See the module. `identity` is None for somebody who has not entered."""

    parts: Parts
    request: Request
    identity: Identity | None
    zone: str
    peer: str

    @property
    def who(self) -> Identity:
        """The one who asks; only for routes that need somebody."""
        if self.identity is None:
            raise AssertionError("nobody entered")
        return self.identity

    def look(self) -> Reading:
        """Return the reading as this person may see it."""
        return mask.for_role(self.parts.readings.look(), self.who.role)

    def times(self) -> Times:
        """Write instants for this person."""
        return Times(self.parts.clock.now(), ZoneInfo(self.zone))

    def tag(self, reading: Reading) -> str:
        """Return a mark that differs when the page would, for this person."""
        about = (
            reading.mark,
            reading.slow,
            self.who.name,
            self.who.role,
            self.zone,
            self.request.full_path,
            reading.at // _BUCKET,
        )
        return sha256(repr(about).encode()).hexdigest()[:24]

    def notice(self, text: str, undo: Undo | None = None) -> None:
        """Say something on the next page that this person sees."""
        notices = self.parts.notices
        notices[self.who.key] = Notice(text, undo)
        while len(notices) > _MOST_NOTICES:
            notices.popitem(last=False)

    def page(self, template: str, status: int = HTTPStatus.OK, **values: Any) -> Response:
        """Render a page."""
        refresh = REFRESH in self.request.headers
        notice = self.parts.notices.pop(self.identity.key, None) if self.identity and not refresh else None
        identity = self.identity
        common: dict[str, Any] = {
            "identity": identity,
            "operator": identity is not None and identity.role == "operator",
            "notice": notice,
            "path": self.request.path,
            "here": "",
            "static": {name: f"/static/{it.name}" for name, it in self.parts.static.items()},
            "host": self.parts.host,
            "zone": self.zone,
            "times": self.times(),
            "token": _tokens(identity),
        }
        return Response(
            render_template(template, **{**common, **values}), status=status, mimetype="text/html"
        )

    def back(self) -> Response:
        """Lead back to the page that a form came from."""
        return redirect(local(self.request.form.get("back", "/")), HTTPStatus.SEE_OTHER)  # type: ignore[return-value]

    def sentence(self, status: HTTPStatus, title: str, sentence: str, fix: str = "") -> Response:
        """Answer with a page that holds a sentence."""
        return self.page("sentence.html", status, title=title, sentence=sentence, fix=fix)


def _tokens(identity: Identity | None) -> Callable[[], str]:
    secret = identity.secret if identity else b""
    return lambda: form_token(secret)


def local(path: str) -> str:
    """Return a path of ours to go back to; `/` for anything that may lead elsewhere."""
    ours = path.startswith("/") and not path.startswith("//") and path.isprintable() and "\\" not in path
    return path if ours else "/"
