"""Acme, the remote of the page for authors: a program that takes people under a key, and can be made to misbehave."""

import json
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIEnvironment

TOKEN = "t0ken"


class Acme:
    """The handle that the suite wants, over one table of people."""

    def __init__(self) -> None:
        self.people: dict[str, Mapping[str, object]] = {}
        self.poisoned: set[str] = set()
        self.token = TOKEN
        self._next: tuple[int, dict[str, str]] | None = None
        self._loses = False

    def objects(self) -> Sequence[Mapping[str, object]]:
        return list(self.people.values())

    def lose_next_answer(self) -> None:
        self._loses = True

    def fail_next(self) -> None:
        self._next = 500, {}

    def poison(self, person: str) -> None:
        self.poisoned.add(person)

    def slow_down(self, seconds: float) -> None:
        self._next = 429, {"retry-after": f"{seconds:g}"}

    def revoke(self) -> None:
        self.token = ""

    def wsgi(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        found, self._next = self._next or self._answer(environ), None
        status, rest = found
        body = json.dumps(rest).encode()
        lost = self._loses and environ["REQUEST_METHOD"] == "PUT"
        self._loses = self._loses and not lost
        headers = [(name, str(value)) for name, value in rest.items() if name == "retry-after"]
        length = len(body) + 9 * lost  # the answer ends before that
        line = f"{status} {HTTPStatus(status).phrase}"
        start_response(line, [("content-length", str(length)), *headers])
        return [body]

    def _answer(self, environ: WSGIEnvironment) -> tuple[int, dict[str, object]]:
        if environ.get("HTTP_AUTHORIZATION") != f"Bearer {self.token}":
            return 401, {"error": "unauthorized"}
        if environ["PATH_INFO"] == "/me":
            return 200, {"id": "me"}
        key = environ["PATH_INFO"].removeprefix("/people/")
        if key in self.poisoned:
            return 422, {"error": "invalid"}
        new = key not in self.people
        sent = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        self.people[key] = {**self.people.get(key, {}), **sent}
        return 200, {"id": f"acme-{key}", "new": new}
