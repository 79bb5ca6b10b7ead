"""The opponent keeps what the documentation fixes, for every seed."""

import contextlib
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.opponent.ctgo import KEY, Ctgo, HangUpError
from tests.opponent.ctgo_world import READINGS

SEEDS = range(20)
LEAD = (
    "id",
    "streamId",
    "trackedXAccountId",
    "segmentId",
    "matchConfidence",
    "sourceType",
    "discoveredAt",
    "exportedAt",
)


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 6, 11, 7, 0, 0, 123456, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Client:
    """Ask one Ctgo; wait a second before each request, for its limit."""

    def __init__(self, seed: int, **fixed: object) -> None:
        self.clock = Clock()
        self.ctgo = Ctgo(seed, self.clock, fixed=fixed)

    def raw(
        self, method: str, path: str, body: object = None, key: str | None = KEY
    ) -> tuple[int, dict[str, str], bytes]:
        data = b"" if body is None else json.dumps(body).encode()
        route, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": f"/api/v2{route}",
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(data)),
            "wsgi.input": io.BytesIO(data),
            "ctgo.sleep": self.sleep,
            **({"HTTP_AUTHORIZATION": f"Bearer {key}"} if key else {}),
        }
        heard: list[Any] = []

        def start(
            status: str, headers: list[tuple[str, str]], _failed: object = None
        ) -> Callable[[bytes], object]:
            heard[:] = [int(status[:3]), dict(headers)]
            return heard.append

        answer = b"".join(self.ctgo(environ, start))
        return heard[0], heard[1], answer

    def sleep(self, seconds: float) -> None:
        """Wait ten seconds for a slow answer, then give up."""
        if seconds > 10:
            raise TimeoutError

    def ask(self, method: str, path: str, body: object = None, key: str | None = KEY) -> tuple[int, Any]:
        self.clock.wait(1.01)
        status, _, answer = self.raw(method, path, body, key)
        return status, json.loads(answer) if answer[:1] in {b"{", b"["} else None

    def walk(self, query: str) -> list[dict[str, Any]]:
        """Turn pages as the page advises: until none follows, or until a page brings nothing new."""
        rows: dict[int, dict[str, Any]] = {}
        offset = 0
        while True:
            status, page = self.ask("GET", f"/leads?limit=20&offset={offset}&{query}")
            leads = {
                row["id"]: row for row in (page["leads"] or [] if status == 200 else [])
            }  # 404 ends a list, too
            more = bool(leads.keys() - rows.keys()) and page.get("hasMore") is not False
            rows |= leads
            if not more:
                return list(rows.values())
            offset += len(leads)

    def drained(self) -> set[int]:
        """Export all that is new; return the ids that were listed."""
        seen: set[int] = set()
        for _ in range(40):
            listed = {row["id"] for row in self.walk("lifecycle=new")}
            seen |= listed
            for lead in listed:
                self.ask("POST", f"/leads/{lead}/export")
            if not listed:
                return seen
        raise AssertionError(f"{len(self.ctgo.new())} leads stay new")


def quiet(seed: int, **fixed: object) -> Client:
    client = Client(seed, **fixed)
    client.ctgo.calm()
    return client


@pytest.mark.parametrize("seed", SEEDS)
def test_a_quiet_world_is_drained(seed: int) -> None:
    client = quiet(seed, history=60, undated_rows=True)
    client.ctgo.add(30)
    new = client.ctgo.new()
    assert new <= client.drained()
    assert not client.ctgo.new()


LISTING = ("order", "paging", "paged_by", "largest_page", "hides_after_limit", "fan_out", "total", "has_more")
SHAPE = (
    "beyond_the_end",
    "no_leads",
    "ids_of_a_person",
    "ids",
    "stamps",
    "replica_lag",
    "clock_ahead",
    "gaps",
    "ascii_json",
)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in LISTING + SHAPE for value in dict.fromkeys(READINGS[name])]
)
def test_pages_reach_every_row_for_each_reading(name: str, value: object) -> None:
    client = quiet(5, **{"history": 60, "paging": "offset", "order": "newest", "gaps": "none", name: value})
    walks = 8 if name == "order" else 1
    seen = {row["id"] for _ in range(walks) for row in client.walk("lifecycle=new")}
    assert seen >= client.ctgo.new() or value == "first page only"
    assert set(client.ctgo.listed) == seen


@pytest.mark.parametrize("seed", SEEDS)
def test_keys_are_asked_for(seed: int) -> None:
    client = quiet(seed, history=5)
    assert client.ask("GET", "/me")[0] == 200
    missing = "Missing or invalid Authorization header. Use: Bearer <api_key>"
    assert client.ask("GET", "/me", key=None) == (401, {"error": missing})
    assert client.ask("GET", "/leads", key="ctgo_short") == (401, {"error": "Invalid API key format."})
    assert client.ask("GET", "/leads", key="ctgo_" + "9" * 40) == (
        401,
        {"error": "Invalid or revoked API key."},
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_sixty_requests_fit_into_a_minute(seed: int) -> None:
    client = quiet(seed, history=5)
    answers = [client.raw("GET", "/me") for _ in range(61)]
    assert [status for status, _, _ in answers] == [200] * 60 + [429]
    assert [headers["X-RateLimit-Remaining"] for _, headers, _ in answers[:3]] == ["59", "58", "57"]
    assert {headers["X-RateLimit-Limit"] for _, headers, _ in answers} == {"60"}
    client.clock.wait(int(answers[-1][1]["Retry-After"]))
    assert client.raw("GET", "/me")[0] == 200


@pytest.mark.parametrize("seed", SEEDS)
def test_a_lead_has_the_shape_of_the_page(seed: int) -> None:
    client = quiet(seed, gaps="none", history=20)
    for row in client.walk(""):
        assert set(LEAD) | {"profile"} <= set(row)
        assert datetime.fromisoformat(row["discoveredAt"]).tzinfo


@pytest.mark.parametrize("seed", SEEDS)
def test_the_other_routes_answer(seed: int) -> None:
    client = quiet(seed, credits=1000, gaps="none", history=5)
    (lead,) = client.ctgo.add(1)
    assert client.ask("GET", "/streams/14")[1]["stream"]["id"] == 14
    assert {stream["id"] for stream in client.ask("GET", "/streams")[1]["streams"]} == {14, 15, 22}
    assert client.ask("GET", "/segments")[1]["segments"]
    assert client.ask("GET", "/accounts")[1]["active"]
    counts = client.ask("GET", "/streams/14/leads?summary=true")[1]
    assert set(counts) == {"highFitCount", "mediumFitCount"}
    assert client.ask("POST", f"/leads/{lead}/feedback", {"segmentId": 6, "feedback": "good"}) == (
        200,
        {"ok": True},
    )
    assert (
        client.ask("POST", f"/leads/{lead}/feedback", {"segmentId": 6, "feedback": "bad", "badReason": "?"})[
            0
        ]
        == 400
    )
    status, enriched = client.ask(
        "POST", f"/leads/{lead}/enrich", {"requested_outputs": ["email", "linkedin_url"]}
    )
    assert (status, enriched["leadId"]) == (200, lead)
    assert enriched["credits_remaining"] == client.ask("GET", "/me")[1]["credits"]["balance"]
    assert client.ask("POST", f"/leads/{lead}/enrich", {})[0] == 400
    assert client.ask("POST", "/leads/1/export")[0] == 404


def transcript(seed: int) -> list[object]:
    client = Client(seed, history=20)
    heard: list[object] = [str(client.ctgo)]
    for nth in range(30):
        client.clock.wait(97)
        client.ctgo.live()
        lead = max(client.ctgo.listed, default=1)
        for method, path in (
            ("GET", f"/leads?lifecycle=new&offset={nth % 3 * 20}"),
            ("POST", f"/leads/{lead}/export"),
        ):
            try:
                heard.append(client.raw(method, path))
            except (HangUpError, TimeoutError) as ended:
                heard.append(str(ended))
    return [*heard, client.ctgo.exports, client.ctgo.listed]


@pytest.mark.parametrize("seed", SEEDS)
def test_one_seed_and_one_clock_give_one_story(seed: int) -> None:
    assert transcript(seed) == transcript(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_calm_ends_every_trouble(seed: int) -> None:
    client = Client(seed, history=20, faults=0.25, poisoned=0.3, poisoned_page=True, undated_rows=True)
    for _ in range(20):
        client.clock.wait(300)
        client.ctgo.live()
        for path in (
            "GET /leads?lifecycle=new",
            *(f"POST /leads/{lead}/export" for lead in sorted(client.ctgo.new())[:2]),
        ):
            with contextlib.suppress(HangUpError, TimeoutError):
                client.raw(*path.split())
    client.ctgo.calm()
    client.clock.wait(3600)
    client.ctgo.live()
    new = client.ctgo.new()
    assert new <= client.drained()
    assert not client.ctgo.new()


def test_an_export_without_an_answer_is_heard() -> None:
    client = Client(3, faults=1.0, outages="none", poisoned=0.0, slow=40, export_answer="204 empty")
    leads = client.ctgo.add(40)
    silent = []
    for lead in leads:
        try:
            client.ask("POST", f"/leads/{lead}/export")
        except (HangUpError, TimeoutError):
            silent.append(lead)
    assert [lead for _, lead, status in client.ctgo.exports if status == 0] == silent
    assert [lead for _, lead, _ in client.ctgo.exports] == leads
    done = {lead for lead in silent if all(row.exported for row in client.ctgo.world.of(lead))}
    assert 0 < len(done) < len(silent)


def test_what_a_client_cannot_read_is_not_listed() -> None:
    client = Client(3, faults=1.0, outages="none", history=60, order="newest")
    for _ in range(60):
        before = dict(client.ctgo.listed)
        try:
            status, answer = client.ask("GET", "/leads")
        except (HangUpError, TimeoutError, ValueError):
            status, answer = 0, None
        readable = status == 200 and answer and answer["leads"]
        assert client.ctgo.listed == before or readable


def test_the_seed_chooses_every_reading_and_prints_it() -> None:
    client = Client(7, order="heap")
    assert "order=heap" in str(client.ctgo)
    drawn = [Ctgo(seed, Clock(), fixed={"history": 0}).readings for seed in range(60)]
    for name in READINGS.keys() - {"history"}:
        assert {readings[name] for readings in drawn} == set(READINGS[name]), name
