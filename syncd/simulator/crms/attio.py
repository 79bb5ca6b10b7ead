"""Attio's people as a WSGI app: attributes, the query, the upsert by a unique attribute, and the change of a record.

It follows Attio's reference and knows nothing of the connector. Time is what its `now` says.
Source: https://docs.attio.com/rest-api/overview
"""

import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment

TOKEN = "attio-Canary9-Canary9-Ca"
PEOPLE = "/v2/objects/people"
SYSTEM = {
    "name": ("personal-name", False, False),
    "email_addresses": ("email-address", True, True),
    "description": ("text", False, False),
    "linkedin": ("text", False, False),
}
"""Type, unique, multiselect."""
TEXTS = (
    "handle", "x_url", "bio", "email_unverified", "email_status", "first_campaign", "latest_campaign", "segment", "source_account",
    "first_seen",
)  # fmt: skip

Reply = tuple[int, dict[str, str], bytes]
Cells = list[dict[str, Any]]


class Refusal(Exception):  # noqa: N818 - an answer
    """An error that Attio answers with."""

    def __init__(
        self, status: int, code: str, message: str = "", type_: str = "invalid_request_error"
    ) -> None:
        super().__init__(code)
        self.reply = _json(status, {"status_code": status, "type": type_, "code": code, "message": message})


class AttioFake:
    """One workspace. `records`: the people by id; `ready`: the attributes of the default mapping exist.

    `conflict`: the status for a value that is taken, which Attio's reference does not tell.
    """

    def __init__(self, now: Callable[[], float], *, ready: bool = True) -> None:
        self.attributes = {slug: _attribute(slug, *traits) for slug, traits in SYSTEM.items()}
        self.records: dict[str, dict[str, Cells]] = {}
        self.tokens = {TOKEN}
        self.poisoned: set[str] = set()
        self.calls: list[tuple[str, str]] = []
        self.conflict = 400
        self.blind = False
        """The query finds nothing, as an index that lags."""
        self.before_write: Callable[[], None] = lambda: None
        self._now, self._next, self._loses, self._ids = now, list[Reply](), False, 0
        self._lock = threading.RLock()
        if ready:
            self.attribute("ctgo_x_user_id", unique=True)
            self.attribute("ctgo_follower_count", "number")
            for name in TEXTS:
                self.attribute(f"ctgo_{name}")

    # What a test can do to it

    def answer_next(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer the next request so, and apply nothing. `headers`: _ for -."""
        self._next.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, body))

    def too_many_next(self, seconds: float) -> None:
        """Refuse the next request; the date says when to come again."""
        self.answer_next(429, retry_after=formatdate(self._now() + seconds, usegmt=True))

    def lose_next_answer(self) -> None:
        """Apply the next write, and break its answer off."""
        self._loses = True

    def attribute(self, slug: str, type_: str = "text", *, unique: bool = False) -> None:
        """Make an attribute of people."""
        self.attributes[slug] = _attribute(slug, type_, unique)

    def person(self, **values: Any) -> str:
        """Type a person in by hand; return the id."""
        return self._stored(None, values, add=True)

    def people(self) -> list[dict[str, str]]:
        """List the people whose record bears the lead key."""
        with self._lock:
            keys = (values.get("ctgo_x_user_id") for values in self.records.values())
            return [{"person": str(cells[0]["value"])} for cells in keys if cells]

    # The app

    def wsgi(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The WSGI application."""
        with self._lock:
            try:
                status, headers, body = self._handled(environ)
            except Refusal as refusal:
                status, headers, body = refusal.reply
            length = headers.pop("x-promised-length", str(len(body)))
        date = formatdate(self._now(), usegmt=True)
        start_response(f"{status} Whatever", [("date", date), ("content-length", length), *headers.items()])
        return [body]

    def _handled(self, environ: WSGIEnvironment) -> Reply:
        raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.calls.append((method, path))
        if self._next:
            return self._next.pop(0)
        if environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ") not in self.tokens:
            raise Refusal(401, "unauthorized", type_="auth_error")
        if raw and environ.get("CONTENT_TYPE") != "application/json":
            raise Refusal(415, "unsupported_media_type")
        body = json.loads(raw) if raw else {}
        asked = {name: texts[-1] for name, texts in parse_qs(environ["QUERY_STRING"]).items()}
        road = re.sub(f"^{PEOPLE}/records/[0-9a-f-]+$", f"{PEOPLE}/records/ID", path)
        roads: dict[tuple[str, str], Callable[[], object]] = {
            ("GET", f"{PEOPLE}/attributes"): lambda: list(self.attributes.values()),
            ("POST", f"{PEOPLE}/attributes"): lambda: self._new_attribute(body["data"]),
            ("POST", f"{PEOPLE}/records/query"): lambda: self._queried(body),
            ("PUT", f"{PEOPLE}/records"): lambda: self._asserted(body["data"]["values"], asked),
            ("PATCH", f"{PEOPLE}/records/ID"): lambda: self._patched(
                path.rsplit("/", 1)[1], body["data"]["values"]
            ),
        }
        found = roads.get((method, road))
        if found is None:
            raise Refusal(404, "not_found")
        status, headers, content = _json(200, {"data": found()})
        if self._loses and method in {"PUT", "PATCH"}:
            self._loses = False
            return 200, {"x-promised-length": "9999"}, content[:20]
        return status, headers, content

    def _new_attribute(self, form: Mapping[str, Any]) -> object:
        demanded = {
            "title",
            "description",
            "api_slug",
            "type",
            "is_required",
            "is_unique",
            "is_multiselect",
            "config",
        }
        if demanded - form.keys():
            raise Refusal(400, "validation_type")
        if form["api_slug"] in self.attributes:
            raise Refusal(409, "slug_conflict")
        self.attribute(form["api_slug"], form["type"], unique=form["is_unique"])
        return self.attributes[form["api_slug"]]

    def _queried(self, body: Mapping[str, Any]) -> object:
        tests = body["filter"]["$or"]
        if any(slug not in {*self.attributes, "record_id"} for test in tests for slug in test):
            raise Refusal(400, "filter_error")
        found = [
            id_
            for id_, values in self.records.items()
            if not self.blind
            and any(
                _holds({**values, "record_id": [{"value": id_}]}, slug, test[slug])
                for test in tests
                for slug in test
            )
        ]
        return [self._shown(id_) for id_ in found[: body["limit"]]]

    def _asserted(self, values: Mapping[str, Any], asked: Mapping[str, str]) -> object:
        self.before_write()
        key = asked.get("matching_attribute", "")
        if key not in self.attributes:
            raise Refusal(400, "value_not_found")
        if not self.attributes[key]["is_unique"]:
            raise Refusal(400, "matching_attribute_definition_not_unique")
        same = [id_ for id_, held in self.records.items() if _plain(held.get(key, [])) == [str(values[key])]]
        if len(same) > 1:
            raise Refusal(400, "multiple_match_results")
        return self._shown(self._stored(same[0] if same else None, values, add=False))

    def _patched(self, id_: str, values: Mapping[str, Any]) -> object:
        self.before_write()
        if id_ not in self.records:
            raise Refusal(404, "not_found")
        return self._shown(self._stored(id_, values, add=True))

    def _stored(self, id_: str | None, values: Mapping[str, Any], *, add: bool) -> str:
        """Write a record. `add`: keep what a list holds already."""
        cells = {slug: self._cells(slug, value) for slug, value in values.items()}
        for slug, new in cells.items():
            for other, held in self.records.items() if self.attributes[slug]["is_unique"] else ():
                if other != id_ and {*_plain(new)} & {*_plain(held.get(slug, []))}:
                    raise Refusal(self.conflict, "uniqueness_conflict", f"somebody has {_plain(new)}")
        if id_ is None:
            self._ids += 1
            id_ = f"00000000-0000-4000-8000-{self._ids:012x}"
        record = self.records.setdefault(id_, {})
        for slug, new in cells.items():
            kept = record.get(slug, []) if add and self.attributes[slug]["is_multiselect"] else []
            record[slug] = new + [cell for cell in kept if cell not in new]
        return id_

    def _cells(self, slug: str, value: Any) -> Cells:
        attribute = self.attributes.get(slug)
        if attribute is None:
            raise Refusal(400, "value_not_found", f"no attribute {slug}")
        several = value if isinstance(value, list) else [value]
        if attribute["is_multiselect"] != isinstance(value, list):
            raise Refusal(400, "validation_type")
        if self.poisoned & {str(one) for one in several}:
            raise Refusal(400, "validation_type", f"not {value}")
        return [_cell(attribute["type"], one) for one in several]

    def _shown(self, id_: str) -> dict[str, Any]:
        values = {slug: self.records[id_].get(slug, []) for slug in self.attributes}
        return {"id": {"workspace_id": "w", "object_id": "o", "record_id": id_}, "values": values}


def _cell(type_: str, value: Any) -> dict[str, Any]:
    if type_ == "number":
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Refusal(400, "validation_type")
        return {"value": value, "attribute_type": type_}
    if not isinstance(value, str) or "\0" in value:
        raise Refusal(400, "validation_type")
    if type_ == "email-address":
        if "@" not in value:
            raise Refusal(400, "validation_type")
        return {"email_address": value.lower(), "original_email_address": value, "attribute_type": type_}
    if type_ == "personal-name":
        last, comma, first = value.partition(",")
        first, last = (first.strip(), last.strip()) if comma else (value, "")
        return {
            "first_name": first,
            "last_name": last,
            "full_name": f"{first} {last}".strip(),
            "attribute_type": type_,
        }
    return {"value": value, "attribute_type": type_}


def _plain(cells: Cells) -> list[str]:
    return [str(cell.get("value", cell.get("email_address", ""))) for cell in cells]


def _holds(values: Mapping[str, Cells], slug: str, test: Mapping[str, Any]) -> bool:
    wanted = test["email_address"]["$eq"] if "email_address" in test else test["$eq"]
    return wanted in _plain(values.get(slug, []))


def _attribute(slug: str, type_: str, unique: bool, several: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002
    return {
        "api_slug": slug,
        "type": type_,
        "is_unique": unique,
        "is_multiselect": several,
        "is_archived": False,
    }


def _json(status: int, body: object) -> Reply:
    return status, {"content-type": "application/json"}, json.dumps(body).encode()
