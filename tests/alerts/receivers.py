"""Slack, Discord and ntfy as far as a webhook meets them: what they refuse, and what a person then sees.

Slack refuses a body without `text` (`no_text`) and reads `&lt;` as `<`; `<!channel>` rings everybody. Discord refuses one without
`content` (50006) or with more than 2,000 characters (50035), and rings whom `allowed_mentions` admits. ntfy shows the body as it
is, or as the template in `X-Message` has it; more than 4,096 bytes become a file.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment


@dataclass
class Receiver:
    """A WSGI app. `shown`: what people see, oldest first; `rang`: whether somebody's telephone did; `status`: to answer with."""

    shown: list[str] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    rang: bool = False
    status: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.methods.append(environ["REQUEST_METHOD"])
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        status = self.status or self.take(environ, body)
        start_response(status, [("Content-Type", "text/plain"), *self.headers])
        return [b"told"]

    def take(self, environ: WSGIEnvironment, body: bytes) -> str:
        raise NotImplementedError


class Plain(Receiver):
    """Takes anything."""

    def take(self, _: WSGIEnvironment, body: bytes) -> str:
        self.shown.append(json.loads(body)["content"] if body else "")
        return "200 OK"


def _object(environ: WSGIEnvironment, body: bytes) -> dict[str, Any] | None:
    if environ.get("CONTENT_TYPE", "").partition(";")[0] != "application/json":
        return None
    read = json.loads(body)
    return read if isinstance(read, dict) else None


class Slack(Receiver):
    """An incoming webhook."""

    def take(self, environ: WSGIEnvironment, body: bytes) -> str:
        read = _object(environ, body)
        if read is None:
            return "400 invalid_payload"
        text = read.get("text")
        if not isinstance(text, str) or not text:
            return "400 no_text"
        self.rang = self.rang or bool(re.search(r"<!(channel|here|everyone)|<@", text))
        text = re.sub(r"<[^>]*>", "", text)
        self.shown.append(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
        return "200 OK"


class Discord(Receiver):
    """A channel's webhook."""

    def take(self, environ: WSGIEnvironment, body: bytes) -> str:
        read = _object(environ, body)
        content = (read or {}).get("content")
        if read is None or not isinstance(content, str) or not content.strip():
            return "400 Cannot send an empty message"
        if len(content) > 2000:
            return "400 Must be 2000 or fewer in length"
        mentions = read.get("allowed_mentions", {}).get("parse", ["everyone", "users", "roles"])
        self.rang = self.rang or ("everyone" in mentions and "@everyone" in content)
        self.shown.append(content)
        return "204 No Content"


class Ntfy(Receiver):
    """A topic. `templates`: whether this server is new enough to know them."""

    templates = True

    def take(self, environ: WSGIEnvironment, body: bytes) -> str:
        message = body.decode()
        if self.templates and environ.get("HTTP_X_TEMPLATE") == "yes":
            read = json.loads(body)
            template = environ.get("HTTP_X_MESSAGE", "")
            message = re.sub(r"{{\s*\.(\w+)\s*}}", lambda match: str(read[match[1]]), template)
        if len(message.encode()) > 4096:
            return "400 message too large" if self.templates else "200 OK"
        self.shown.append(message.strip())
        return "200 OK"


class OldNtfy(Ntfy):
    templates = False
