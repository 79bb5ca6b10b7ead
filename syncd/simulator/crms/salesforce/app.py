"""Salesforce, as far as a lead connector meets it: a WSGI app that follows the vendor's documents.

It has signing in by client credentials, `describe`, SOQL, sObject collections by external id and by record id, and the
org's daily allocation. Of the Tooling API it has enough to make a field and grant it. It knows nothing of any connector.
Sources: Salesforce's REST guide (collections, headers, status codes) and its Tooling API guide.
"""

import json
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, unquote
from wsgiref.types import StartResponse, WSGIEnvironment

from syncd.simulator.crms.salesforce import composite
from syncd.simulator.crms.salesforce.calls import Answer, Seen, Trouble
from syncd.simulator.crms.salesforce.lead_object import KEY as PERSON
from syncd.simulator.crms.salesforce.lead_object import error, mistyped
from syncd.simulator.crms.salesforce.org import USER, Org
from syncd.simulator.crms.salesforce.soql import BadQueryError, parse

CLIENT_ID, CLIENT_SECRET = "3MVG9.client.canary", "client-secret-canary-77"
VERSIONS = range(46, 69)
MOST_ROWS = 200
LONGEST_ADDRESS = 16_384
_HTML = b"<html><body>Down for maintenance</body></html>"


class SalesforceFake:
    """See the module. `org` is the state; `calls` every API call but signing in."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.now = now
        self.org = Org(now)
        self.calls: list[Seen] = []
        self.sign_ins = 0
        self.limit, self.used = 15_000, 0
        self.per_app: tuple[int, int] | None = None
        self.page_size = 2000
        self.token_error: tuple[int, object] | None = None
        self.revoked = False
        self.has_api = True
        self.stillborn = False
        """Every session is expired as soon as it is given."""
        self.forget_rows = 0
        """The next collections answer leaves out so many rows."""
        self.url = ""
        self._sessions: set[str] = set()
        self._planned: deque[Answer] = deque()
        self._planned_writes: deque[str] = deque()
        self._cursors: dict[str, tuple[list[dict[str, Any]], int]] = {}
        self._lock = threading.Lock()

    # What a test arranges

    def session(self) -> str:
        """A session that somebody else obtained."""
        self._sessions.add(token := f"00D000000000001!canary.{len(self._sessions)}.{self.sign_ins}")
        return token

    def expire(self) -> None:
        """Every session is over; signing in again is possible."""
        self._sessions.clear()

    def revoke(self) -> None:
        """The app was taken away."""
        self.expire()
        self.revoked = True

    def answer_next(self, status: int, body: object = _HTML, **headers: str) -> None:
        """Instead of handling the next API call. Header names with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._planned.append(Answer(status, body, named))

    def lose_next_answer(self) -> None:
        """The next writing call is applied, and the connection breaks in the middle of its answer."""
        self._planned_writes.append("lose")

    def mark(self, person: str, value: str, name: str = "Status") -> int:
        """A salesperson sets a field of everybody with our key of that person; of how many."""
        with self._lock:
            mine, fields = self.org.by_key(person), dict[str, Any]({name: value})
            for lead in mine:
                self.org.edit(lead["Id"], **fields)
        return len(mine)

    def people(self) -> list[dict[str, str]]:
        """List the people that `mark` knows."""
        names = ("FirstName", "LastName", "Status")
        with self._lock:
            return [
                {"person": lead[PERSON], **{name: lead[name] for name in names if lead.get(name)}}
                for lead in self.org.leads.values()
                if lead.get(PERSON)
            ]

    def counted(self) -> Counter[str]:
        """The API calls by what they were for."""
        return Counter(re.sub(r"[?].*", "", f"{one.method} {one.path}") for one in self.calls)

    # What the world sees

    def wsgi(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The app."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        with self._lock:
            try:
                answer = self._answer(environ, body)
            except Trouble as trouble:
                answer = trouble.answer
            if environ["PATH_INFO"].startswith("/services/data"):
                answer.headers.setdefault("Sforce-Limit-Info", self._usage())
        data = answer.data
        kind = "application/json;charset=UTF-8" if not isinstance(answer.body, bytes) else "text/html"
        headers = [("Content-Type", kind), ("Content-Length", str(len(data))), *answer.headers.items()]
        headers.append(("Date", formatdate(self.now(), usegmt=True)))
        start_response(f"{answer.status} Whatever", headers)
        return [data[: len(data) // 2] if answer.short else data]

    def _usage(self) -> str:
        told = f"api-usage={self.used}/{self.limit}"
        if self.per_app:
            told += f"; per-app-api-usage={self.per_app[0]}/{self.per_app[1]}(appName=syncd)"
        return told

    def _answer(self, environ: WSGIEnvironment, body: bytes) -> Answer:
        path = environ["PATH_INFO"]
        if path == "/services/oauth2/token":
            return self._token(environ, body)
        found = re.fullmatch(r"/services/data/v(\d+)\.0/(.*)", path)
        if found is None:
            return Answer(404, _HTML)
        self.calls.append(
            Seen(
                environ["REQUEST_METHOD"],
                found[2],
                environ.get("HTTP_SFORCE_AUTO_ASSIGN", "TRUE").upper(),
                environ.get("HTTP_SFORCE_DUPLICATE_RULE_HEADER", ""),
            )
        )
        if self._planned:
            return self._planned.popleft()
        self._admit(environ, int(found[1]))
        if len(environ.get("QUERY_STRING", "")) + len(path) > LONGEST_ADDRESS:
            return Answer(414, _HTML)
        return self._handled(environ, found[2], body)

    def _token(self, environ: WSGIEnvironment, body: bytes) -> Answer:
        self.sign_ins += 1
        if environ["REQUEST_METHOD"] != "POST":
            return Answer(405, {"error": "invalid_request", "error_description": "must use HTTP POST"})
        if self.token_error:
            return Answer(*self.token_error)
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if form.get("grant_type") != "client_credentials":
            return Answer(
                400, {"error": "unsupported_grant_type", "error_description": "grant type not supported"}
            )
        if self.revoked or form.get("client_id") != CLIENT_ID:
            return Answer(
                400, {"error": "invalid_client_id", "error_description": "client identifier invalid"}
            )
        if form.get("client_secret") != CLIENT_SECRET:
            return Answer(400, {"error": "invalid_client", "error_description": "invalid client credentials"})
        token = self.session()
        if self.stillborn:
            self.expire()
        told = {"access_token": token, "instance_url": self.url, "token_type": "Bearer", "scope": "api"}
        return Answer(200, {**told, "id": f"{self.url}/id/00D000000000001AAA/{USER}", "issued_at": "0"})

    def _admit(self, environ: WSGIEnvironment, version: int) -> None:
        token = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        if token not in self._sessions:
            raise Trouble(401, "INVALID_SESSION_ID", "Session expired or invalid")
        if not self.has_api:
            raise Trouble(403, "API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner")
        if version not in VERSIONS:
            raise Trouble(410, "UNSUPPORTED_API_VERSION")
        if self.used >= self.limit:
            raise Trouble(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self.used += 1

    def _handled(self, environ: WSGIEnvironment, path: str, body: bytes) -> Answer:
        method = environ["REQUEST_METHOD"]
        if method == "GET" and path == "":
            return Answer(
                200, {"identity": f"{self.url}/id/00D000000000001AAA/{USER}", "sobjects": "/services"}
            )
        if method == "GET" and path == "sobjects/Lead/describe":
            return Answer(200, {"name": "Lead", "fields": [one.described() for one in self.org.seen()]})
        if method == "GET" and (found := re.fullmatch(r"(query|queryAll)/(.*)", path)):
            return self._query(found[2], environ.get("QUERY_STRING", ""), deleted=found[1] == "queryAll")
        content = _parsed(body)
        if method == "PATCH" and path.startswith("composite/sobjects"):
            return self._collection(path.removeprefix("composite/sobjects").strip("/"), content)
        if method == "POST" and path == "composite":
            return composite.answered(content, self._asked)
        if method == "POST":
            return self._make(path, content)
        raise Trouble(404, "NOT_FOUND", "The requested resource does not exist")

    def _asked(self, resource: str, query_string: str) -> Answer:
        return self._query("", query_string, deleted=resource == "queryAll")

    def _query(self, cursor: str, query_string: str, *, deleted: bool) -> Answer:
        """`queryAll` finds what is in the recycle bin as well."""
        if cursor:
            if cursor not in self._cursors:
                raise Trouble(400, "INVALID_QUERY_LOCATOR")
            return Answer(200, self._page(*self._cursors.pop(cursor)))
        text = parse_qs(query_string).get("q", [""])[0]
        self.calls[-1].query = text
        try:
            query = parse(text)
        except BadQueryError as error:
            raise Trouble(400, "MALFORMED_QUERY", str(error)) from None
        records = self.org.records(query.what, query.tests, deleted=deleted)
        if records is None:
            raise Trouble(400, "INVALID_TYPE", f"sObject type '{query.what}' is not supported.")
        for name in [*query.fields, *query.names]:
            if query.what.lower() == "lead" and not self.org.visible(name):
                raise Trouble(400, "INVALID_FIELD", f"No such column '{name}' on entity 'Lead'")
        found = query.chosen(records)
        shown = [
            {"attributes": {"type": query.what}, **{n: one.get(n) for n in query.fields}} for one in found
        ]
        return Answer(200, self._page(shown, 0))

    def _page(self, records: list[dict[str, Any]], start: int) -> dict[str, Any]:
        end = start + self.page_size
        page: dict[str, Any] = {
            "totalSize": len(records),
            "done": end >= len(records),
            "records": records[start:end],
        }
        if not page["done"]:
            cursor = f"01g{len(self._cursors):012d}AAA-{end}"
            self._cursors[cursor] = (records, end)
            page["nextRecordsUrl"] = f"/services/data/v66.0/query/{cursor}"
        return page

    def _collection(self, path: str, content: Any) -> Answer:
        records = content.get("records") if isinstance(content, dict) else None
        if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
            raise Trouble(400, "JSON_PARSER_ERROR", "records expected")
        if len(records) > MOST_ROWS:
            raise Trouble(400, "EXCEEDED_MAX_SIZE_REQUEST", "at most 200 records")
        key = unquote(path.removeprefix("Lead/")) if path else ""
        column = self.org.visible(key) if key else None
        if path and (not path.startswith("Lead/") or column is None or not column.external_id):
            raise Trouble(404, "NOT_FOUND", "The requested resource does not exist")
        rows = [self._row(one, by_id=not path) for one in records]
        seen = self.calls[-1]
        seen.rows = len(rows)
        allow = "allowsave=true" in seen.duplicates.lower().replace(" ", "")
        values = Counter(str(row.get(key, "")).lower() for row in rows)
        answers = [
            {"success": False, "errors": [unknown]}
            if (unknown := self._unknown(row))
            else self.org.upsert(
                row, key, allow=allow, assign=seen.assign, twice=values[str(row.get(key, "")).lower()] > 1
            )
            if path
            else self.org.update(row, allow=allow, assign=seen.assign)
            for row in rows
        ]
        kept = answers[: len(answers) - self.forget_rows]
        self.forget_rows = 0
        return Answer(
            200, kept, short=bool(self._planned_writes) and self._planned_writes.popleft() == "lose"
        )

    def _row(self, record: dict[str, Any], *, by_id: bool) -> dict[str, Any]:
        """A record without its attributes; what cannot be read fails the whole call."""
        if (record.get("attributes") or {}).get("type") != "Lead":
            raise Trouble(400, "INVALID_TYPE", "attributes.type must be the object of the address")
        row = {name: value for name, value in record.items() if name != "attributes"}
        for name, value in row.items():
            column = self.org.visible(name)
            if name.lower() == "id":
                if not by_id:
                    raise Trouble(400, "INVALID_FIELD", "do not specify an id")
            elif column and mistyped(column, value):
                raise Trouble(400, "JSON_PARSER_ERROR", f"Cannot deserialize the value of {name}")
        return row

    def _unknown(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """Refuse a row, and not its call, if it names a column that is not there or not to be written."""
        for name in row:
            column = self.org.visible(name)
            if column is None:
                return error("INVALID_FIELD", f"No such column '{name}' on sobject of type Lead")
            if not column.writable and name.lower() != "id":
                return error("INVALID_FIELD_FOR_INSERT_UPDATE", f"{name} is not writable", name)
        return None

    def _make(self, path: str, content: Any) -> Answer:
        """Make what `setup` asks for: a custom field, a permission set, its rights, its assignment."""
        org = self.org
        if not org.customizable:
            raise Trouble(403, "INSUFFICIENT_ACCESS", "insufficient access rights")
        if path == "tooling/sobjects/CustomField":
            if not org.make_field(content["FullName"].removeprefix("Lead."), content["Metadata"]):
                raise Trouble(400, "DUPLICATE_DEVELOPER_NAME", "There is already a field of that name")
        elif path == "sobjects/PermissionSet":
            if org.make_permission_set(content["Name"]) is None:
                raise Trouble(400, "DUPLICATE_DEVELOPER_NAME")
        elif path == "sobjects/FieldPermissions":
            _once(org.granted, (content["ParentId"], content["Field"].removeprefix("Lead.")))
        elif path == "sobjects/PermissionSetAssignment":
            _once(org.assigned_sets, (content["PermissionSetId"], content["AssigneeId"]))
        else:
            raise Trouble(404, "NOT_FOUND")
        org.grant()
        return Answer(201, {"id": "0AA000000000001AAA", "success": True, "errors": []})


def _once(held: set[tuple[str, str]], one: tuple[str, str]) -> None:
    if one in held:
        raise Trouble(400, "DUPLICATE_VALUE")
    held.add(one)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body or b"null")
    except ValueError:
        raise Trouble(400, "JSON_PARSER_ERROR", "Unexpected character") from None
