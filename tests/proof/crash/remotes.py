"""Everything outside of the process under test: many CTGOs and create-only CRMs behind one address on loopback."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from syncd.simulator import create_app
from syncd.simulator.world import World
from syncd.simulator.wsgi import served

CTGO = "/api"
CRM = "/crm"


class Crm:
    """Keeps what it is told, makes a new object for every POST, and can be searched by person."""

    def __init__(self) -> None:
        self.made: list[dict[str, Any]] = []
        self._lock = Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        sent = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix(CRM)
        answer = self.answer(method, path.strip("/"), environ.get("QUERY_STRING", ""), sent)
        status = HTTPStatus.OK if answer is not None else HTTPStatus.NOT_FOUND
        start_response(f"{status.value} {status.phrase}", [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]

    def answer(self, method: str, remote_id: str, query: str, sent: bytes) -> Mapping[str, Any] | None:
        """What it does, and says; None: there is no such object."""
        with self._lock:
            if method == "GET":
                (person,) = parse_qs(query)["person"]
                return {"ids": [str(n) for n, thing in enumerate(self.made) if thing["person"] == person]}
            if method == "POST":
                self.made.append(json.loads(sent))
                return {"id": str(len(self.made) - 1)}
            if int(remote_id) >= len(self.made):
                return None
            self.made[int(remote_id)] |= json.loads(sent)
            return {"id": remote_id}

    def people(self) -> Counter[str]:
        """How many objects each person has."""
        with self._lock:
            return Counter(thing["person"] for thing in self.made)


@dataclass
class FarEnds:
    """Where each CTGO and its CRM are is the first part of the path."""

    url: str = ""
    _apps: dict[str, WSGIApplication] = field(default_factory=dict)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        _, name, rest = environ["PATH_INFO"].split("/", 2)
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = f"/{name}", f"/{rest}"
        kind = CRM if f"/{rest}".startswith(CRM) else CTGO
        return self._apps[f"{name}{kind}"](environ, start_response)

    def open(self, name: str, world: World, crm: Crm) -> str:
        """Put them up; their address."""
        self._apps[name + CTGO], self._apps[name + CRM] = create_app(world.options, world=world), crm
        return f"{self.url}/{name}"

    def close(self, name: str) -> None:
        del self._apps[name + CTGO], self._apps[name + CRM]


@contextmanager
def remotes() -> Iterator[FarEnds]:
    """Served for the length of a `with`."""
    ends = FarEnds()
    with served(ends) as ends.url:
        yield ends
