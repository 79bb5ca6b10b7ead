"""Apollo as a WSGI app, as its reference describes it: keys and scopes, three windows, dedupe, lag and lost answers.

It knows nothing of the connector. Time is what its `now` says.
"""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from syncd.simulator.crms.apollo.book import Book, Contact, InvalidError

KEY = "apollo-Canary7-Canary7-Ca"
PREFIX = "/api/v1"
HEADERS = {
    60: ("x-rate-limit-minute", "x-minute-usage", "x-minute-requests-left"),
    3600: ("x-rate-limit-hourly", "x-hourly-usage", "x-hourly-requests-left"),
    86400: ("x-rate-limit-24-hour", "x-24-hour-usage", "x-24-hour-requests-left"),
}
NAMES = {60: "minute", 3600: "hour", 86400: "day"}
LARGEST_ARRAY = 100

Reply = tuple[int, dict[str, str], bytes]


def _json(status: int, body: object, **headers: str) -> Reply:
    return status, {"content-type": "application/json", **headers}, json.dumps(body).encode()


class ApolloFake:
    """One team. `seen`: (scope, body) of every request that was let in; `limits`: seconds of a window -> requests."""

    def __init__(self, now: Callable[[], float], *, scopes: set[str] | None = None) -> None:
        self.book = Book(now)
        self.keys = {KEY}
        self.scopes = scopes
        self.not_in_plan: set[str] = set()
        self.limits: dict[int, int] = {}
        self.seen: list[tuple[str, Any]] = []
        self.forgets: set[str] = set()
        self.refuses_in_part = False
        self._windows: dict[tuple[str, int], tuple[float, int]] = {}
        self._next: dict[str, list[Reply]] = {}
        self._after: list[str] = []
        self._now = now
        self._lock = threading.RLock()
        self._routes: list[tuple[str, str, str, Callable[..., Reply]]] = [
            ("POST", r"/contacts/bulk_create", "contacts/bulk_create", self._bulk_create),
            ("POST", r"/contacts/bulk_update", "contacts/bulk_update", self._bulk_update),
            ("POST", r"/contacts/search", "contacts/search", self._search),
            ("GET", r"/contacts/([^/]+)", "contacts/show", self._show),
            ("PATCH", r"/contacts/([^/]+)", "contacts/update", self._update),
            ("GET", r"/fields", "fields/index", self._fields),
            ("POST", r"/fields", "fields/create", self._make_field),
            ("GET", r"/labels", "labels/index", self._labels),
            ("POST", r"/labels", "labels/create", self._make_label),
            (
                "POST",
                r"/labels/add_entity_ids_to_label_names",
                "labels/add_entity_ids_to_label_names",
                self._add_labels,
            ),
        ]

    # What a test can do to it

    def answer_next(self, status: int, body: object = b"", *, at: str = "", **headers: str) -> None:
        """The next request (of the kind `at`, if given) is answered so, and nothing is done. `headers`: _ for -."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._next.setdefault(at, []).append((status, named, raw))

    def too_many_next(self, window: str, retry_after: str) -> None:
        """The next request is over the limit of a window."""
        self.answer_next(429, {"message": _too_many("api/v1/contacts", 600, window)}, retry_after=retry_after)

    def lose_next_answer(self) -> None:
        """The next writing request is done, and its answer breaks off."""
        self._after.append("lost")

    def fail_after_next(self) -> None:
        """The next writing request is done, and answered with a 500."""
        self._after.append("failed")

    def requests(self, scope: str) -> list[Any]:
        """The bodies of the requests of one kind."""
        return [body for name, body in self.seen if name == scope]

    def counted(self) -> Counter[str]:
        """Count the requests that were let in, by kind."""
        return Counter(name for name, _ in self.seen)

    def people(self) -> list[dict[str, str]]:
        """List the people whose contact bears the lead key."""
        key = {id_ for id_, field in self.book.fields.items() if field["label"] == "ctgo_x_user_id"}
        names = ("first_name", "last_name", "email")
        with self._lock:
            return [
                {"person": value, **{name: contact[name] for name in names if contact.get(name)}}
                for contact in self.book.contacts.values()
                for id_, value in contact["typed_custom_fields"].items()
                if id_ in key
            ]

    # The app

    def wsgi(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The WSGI application."""
        with self._lock:
            status, headers, body = self._handled(environ)
        length = headers.pop("x-promised-length", str(len(body)))
        start_response(f"{status} Whatever", [("content-length", length), *headers.items()])
        return [body]

    def _handled(self, environ: WSGIEnvironment) -> Reply:
        if environ.get("HTTP_X_API_KEY") not in self.keys:
            return 401, {"content-type": "text/plain"}, b"Invalid API key. See https://docs.apollo.io/"
        if self._next.get(""):
            return self._next[""].pop(0)
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix(PREFIX)
        for verb, pattern, scope, handler in self._routes:
            found = re.fullmatch(pattern, path)
            if verb == method and found and not (verb == "POST" and found.groups()):
                size = int(environ.get("CONTENT_LENGTH") or 0)
                raw = environ["wsgi.input"].read(size)
                return self._let_in(scope, handler, found.groups(), json.loads(raw) if raw else None)
        return _json(404, {"error": "not found"})

    def _let_in(self, scope: str, handler: Callable[..., Reply], parts: tuple[str, ...], body: Any) -> Reply:
        counters: dict[str, str] = {}
        if refusal := self._forbidden(scope) or self._count(scope, counters):
            return refusal
        if self._next.get(scope):
            return self._next[scope].pop(0)
        self.seen.append((scope, body))
        try:
            status, headers, raw = handler(*parts, body)
        except InvalidError as error:
            status, headers, raw = _json(422, error.body)
        if self._after and scope in {"contacts/bulk_create", "contacts/update", "contacts/bulk_update"}:
            if self._after.pop(0) == "lost":
                return 200, {"x-promised-length": str(len(raw) + 100)}, raw[: len(raw) // 2]
            return _json(500, {"error": "An error occurred while creating contacts. Please try again."})
        return status, {**headers, **counters}, raw

    def _forbidden(self, scope: str) -> Reply | None:
        if self.scopes is not None and scope not in self.scopes:
            text = f"This API key is not authorized to access api/v1/{scope}"
            return _json(403, {"error": text, "error_code": "API_INACCESSIBLE"})
        if scope in self.not_in_plan:
            return _json(403, {"message": "This endpoint is only available to Apollo users on paid plans."})
        return None

    def _count(self, scope: str, headers: dict[str, str]) -> Reply | None:
        """Count a request in each window, and fill in the headers; a refusal if one is full."""
        for seconds, limit in self.limits.items():
            opened, used = self._windows.get((scope, seconds), (self._now(), 0))
            if self._now() >= opened + seconds:
                opened, used = self._now(), 0
            if used >= limit:
                wait = str(int(opened + seconds - self._now()) + 1)
                body = {"message": _too_many(f"api/v1/{scope}", limit, NAMES[seconds])}
                return _json(429, body, **{"retry-after": wait})
            self._windows[scope, seconds] = (opened, used + 1)
            values = (limit, used + 1, limit - used - 1)
            headers.update(zip(HEADERS[seconds], map(str, values), strict=True))
        return None

    def _bulk_create(self, body: Any) -> Reply:
        items = body.get("contacts") if isinstance(body, dict) else None
        if not isinstance(items, list):
            raise InvalidError("contact_attributes is missing")
        if len(items) > LARGEST_ARRAY:
            raise InvalidError("Please limit your array to 100 contacts or fewer.")
        labels, dedupe = body.get("append_label_names", []), body.get("run_dedupe", False)
        if self.refuses_in_part:
            self._write_the_good(items, labels)
        created, existing = self.book.create(items, labels, dedupe=dedupe)
        shown = [
            [one for one in half if not self._forgotten(one)] for half in (created[::-1], existing[::-1])
        ]
        return _json(200, {"created_contacts": shown[0], "existing_contacts": shown[1]})

    def _write_the_good(self, items: list[Contact], labels: list[str]) -> None:
        """Write those before the first bad one, and then refuse the call."""
        for n, item in enumerate(items):
            try:
                self.book.validate(item)
            except InvalidError:
                self.book.create(items[:n], labels, dedupe=True)
                raise

    def _forgotten(self, contact: Contact) -> bool:
        return bool(
            self.forgets & {str(contact.get("email")), *map(str, contact["typed_custom_fields"].values())}
        )

    def _bulk_update(self, body: Any) -> Reply:
        changes = body.get("contact_attributes") or []
        for one in changes:
            try:
                self.book.validate(one)
            except InvalidError as error:
                raise InvalidError(
                    "Invalid",
                    error_details={"contact_id": one["id"], "field": "title", "message": str(error)},
                ) from None
        return _json(200, {"contacts": [self.book.update(one["id"], one) for one in changes]})

    def _search(self, body: Any) -> Reply:
        hits, page, size = (
            self.book.search(body),
            int(body.get("page", 1)),
            min(100, int(body.get("per_page", 25))),
        )
        pages = {
            "page": page,
            "per_page": size,
            "total_entries": len(hits),
            "total_pages": -(-len(hits) // size),
        }
        return _json(200, {"contacts": hits[(page - 1) * size : page * size], "pagination": pages})

    def _show(self, id_: str, _: Any) -> Reply:
        return _json(200, {"contact": self.book.show(id_)})

    def _update(self, id_: str, body: Any) -> Reply:
        return _json(200, {"contact": self.book.update(id_, body), "labels": []})

    def _fields(self, _: Any) -> Reply:
        """The list says `contact.ID`, where contacts have the bare id."""
        shown = [{**field, "id": f"{field['modality']}.{id_}"} for id_, field in self.book.fields.items()]
        return _json(200, {"fields": shown})

    def _make_field(self, body: Any) -> Reply:
        id_ = self.book.field(body["label"], body["type"])
        return _json(200, {"typed_custom_fields": [self.book.fields[id_]]})

    def _labels(self, _: Any) -> Reply:
        found = [{"id": id_, "name": name, "modality": "contacts"} for name, id_ in self.book.labels.items()]
        return _json(200, found)

    def _make_label(self, body: Any) -> Reply:
        if body["name"] in self.book.labels:
            raise InvalidError(f"{body['name']} already exists", skip_alert_dialog=True)
        return _json(200, {"label": {"id": self.book.label(body["name"]), "name": body["name"]}})

    def _add_labels(self, body: Any) -> Reply:
        ids = [self.book.label(name) for name in body["label_names"]]
        for id_ in body["entity_ids"]:
            if id_ in self.book.contacts:
                held = self.book.contacts[id_]["label_ids"]
                held += [one for one in ids if one not in held]
        return _json(200, {})


def _too_many(endpoint: str, limit: int, window: str) -> str:
    return f"The maximum number of api calls allowed for {endpoint} is {limit} times per {window}. Please upgrade your plan."
