"""Hold the leads behind the opponent's CTGO API, and let the world work on them.

Each entry of READINGS is a point on which the documentation is silent, with every plausible reading of it.
"""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any

TICK = 60  # seconds between two turns of the world
LONGEST_ABSENCE = 2000  # turns; a clock that jumps further skips the rest
MOST_ROWS = 4000

READINGS: dict[str, tuple[Any, ...]] = {
    # The page states no order. A heap scan moves updated rows to the end, and sorts leave ties in any order.
    "order": ("newest", "oldest", "id up", "id down", "heap", "newest, ties vary", "oldest, ties vary"),
    # The page says "discovered after": a client cannot know whether the instant itself is in.
    "since": ("exclusive", "inclusive"),
    # The page does not name the column. ORMs offer three of them: found, inserted, updated.
    "since_column": ("discovered", "discovered", "inserted", "updated"),
    # The page lists no error of a listing: validators refuse, parsers ignore, `Invalid Date` matches nothing.
    "bad_query": ("400", "ignored", "empty"),
    # The page's samples have whole seconds, older ones milliseconds. Postgres rounds a `timestamp(0)` up.
    "stamps": ("seconds", "rounded seconds", "milliseconds", "microseconds", "+00:00", "+02:00"),
    # The page names `limit` and `offset` for the listing of one campaign only.
    "paging": ("offset", "offset", "offset", "offset", "everything", "first page only"),
    # A fetch with joined rows limits parents or rows: ORMs do either.
    "paged_by": ("row", "row", "lead id"),
    # Many an API clamps `limit` in silence, to protect its database.
    "largest_page": (500, 500, 100, 50, 20),
    "limit_over_500": ("clamped", "400"),
    # Checks of permission often come after LIMIT: a page is then short although more rows follow.
    "hides_after_limit": (False, False, False, True),
    # A join over labels prints a row once for each label.
    "fan_out": (False, False, False, True),
    # The page infers that `total` counts all rows. Caches and planners' estimates lie, some count the page.
    "total": ("rows", "rows", "lead ids", "page", "absent", "null", "stale", "estimate"),
    "has_more": ("exact", "exact", "absent", "full page", "from total"),
    # The page does not say whether a person found by two campaigns keeps one id.
    "ids_of_a_person": ("one", "one for each row"),
    # Sequences of Postgres hand out cached blocks to each connection; a restore can set them back.
    "ids": ("up", "blocks", "random", "down"),
    # Export takes only a lead id: the page does not say if all its rows leave `new`.
    "export_marks": ("id", "id", "row"),
    "late_row_of_exported": ("new", "exported"),
    "export_answer": ("200 ok", "200 lead", "200 empty", "201 lead", "202 ok", "204 empty"),
    # The introduction has 409 for duplicates; others call a repeat gone, locked, wrong or fine.
    "export_again": ("same", "same", "409", "404", "410", "423", "400"),
    "export_again_stamp": ("kept", "moved"),
    "export_of_archived": ("404", "410", "same"),
    # The page has `Lead not found` and `lead_not_found` for one situation, and frameworks have a page of HTML.
    "unknown_row": ("sentence", "code", "html"),
    "wrong_method": ("405", "404"),
    # Read replicas lag, and a balancer picks one of them for each request.
    "replica_lag": (0, 0, 3, 45, 600),
    "replicas_behind": ("all", "half"),
    # Servers without NTP drift by minutes; a local time printed with Z is wrong by hours.
    "clock_ahead": (0, 0, 2, -2, 240, -240, 3600, -7200),
    # A client cannot tell the type of a column from one sample: the page has no table of the lead's fields.
    "gaps": ("none", "null", "absent", "both"),
    "undated_rows": (False, False, False, True),
    "unknown_fields": (False, True),
    "ascii_json": (False, True),
    # Long transactions commit late, imports and re-tests bring old rows: seconds of age, at most.
    "late_rows": (0, 300, 7200, 3 * 86400, 400 * 86400),
    "retest_dates": ("kept", "fresh"),
    # An asynchronous replica that is promoted has lost the last commits.
    "failovers": (False, False, False, False, True),
    "unexports": (False, False, False, True),  # a person corrects a mistake in the web app
    # The word "window" suggests fixed ones; libraries also slide, and some count refused requests.
    "rate_window": ("minute", "first request", "sliding", "sliding, counts refused"),
    "rate_body": ("code", "sentence", "text", "html"),
    # Gateways drop the header, round it down, send a date or a constant.
    "retry_after": ("exact", "exact", "absent", "zero", "short", "long", "date", "junk"),
    "faults": (0.0, 0.02, 0.08, 0.25),  # share of requests that a proxy spoils
    # Deploys take routes away for minutes; a router answers 404 for them, an identity provider's fall 401.
    "outages": ("none", "503 html", "503 json", "404 html", "404 json", "500 json", "401 json", "429"),
    "poisoned": (0.0, 0.02, 0.1),  # share of leads whose export or enrichment fails for a reason of their own
    "poisoned_page": (False, False, False, False, True),  # one row breaks the serializer of its whole page
    "slow": (5, 40, 120),  # seconds, of a slow answer
    "enrich_nothing": ("null", "absent", "not ok"),
    "enrich_charge": ("each output", "each call", "found only"),
    "enrich_again": ("cached", "charged"),
    "credits": (0, 7, 1000),
    "history": (0, 5, 60, 600),  # leads known before the client's first request
    "pace": (0.02, 0.1, 0.4),  # chance of a finished run, each turn
    "strangers": (0.0, 0.05, 0.3),  # chance that another integration or a person acts, each turn or page
}

STATUSES = (
    *(200, 301, 302, 304, 307, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 415, 418),
    *(421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 507, 508, 520, 522, 530),
)

# Answers as the page prints them, and texts: X allows nearly every character, JavaScript cuts emojis in half.
SAMPLES: dict[str, Any] = json.loads(
    Path(__file__).with_name("ctgo_samples.json").read_text(encoding="utf-8")
)
NAMES = [*SAMPLES["names"], "A" * 300]
BIOS = [*SAMPLES["bios"], "🚀" * 2500, "x" * 10240]
NULLABLE = ("streamId", "trackedXAccountId", "segmentId", "matchConfidence", "sourceType")
NULLABLE_PROFILE = ("xUserId", "handle", "displayName", "profileImageUrl", "followerCount", "bio")


@dataclass
class Row:
    """One lead in one campaign and segment; all instants are by CTGO's clock."""

    lead: int
    stream: int
    segment: int
    account: int
    confidence: str
    source: str
    discovered: datetime | None
    inserted: datetime
    updated: datetime
    profile: dict[str, Any]
    gaps: dict[str, str] = field(default_factory=dict)  # name of a field -> "null" or "absent"
    exported: datetime | None = None
    archived: datetime | None = None

    def new(self, moment: datetime) -> bool:
        """Tell that a reader at this moment sees the row un-exported."""
        return self.exported is None or self.exported > moment

    def visible(self, moment: datetime) -> bool:
        """Tell that a reader at this moment sees the row."""
        return self.inserted <= moment

    def hidden(self, moment: datetime) -> bool:
        """Tell that a reader at this moment knows the row as archived."""
        return self.archived is not None and self.archived <= moment


class World:
    """Campaigns, leads, strangers and time, all drawn from one seed."""

    def __init__(self, seed: int, now: Callable[[], datetime], fixed: Mapping[str, object]) -> None:
        self.seed = seed
        self.now = now
        self.readings = self._draw(fixed)
        self.rows: list[Row] = []
        self.poisons: dict[tuple[str, int], int] = {}  # ("export" or "enrich", lead) -> status
        self.runs: list[dict[str, Any]] = []
        self.calmed = False
        self._people: list[dict[str, Any]] = []
        self._turns = count()
        dice = self.dice("history")
        self.streams = {14: "Indie founders", 15: "DevRel 🚀", 22: ""}
        self.segments = {6: "Indie founders selling to developers", 7: "CTOs", 19: "طراحان"}
        for _ in range(self.readings["history"]):
            age = timedelta(seconds=dice.choice((3600, 86400, 40 * 86400, 1100 * 86400)) * dice.random())
            self.find(dice, 1, self.clock() - age)
            if dice.random() < 0.3:
                self.rows[-1].exported = self.clock() - age / 2
        self._turn = self._turn_now()

    def _draw(self, fixed: Mapping[str, object]) -> dict[str, Any]:
        unknown = set(fixed) - set(READINGS)
        if unknown:
            raise KeyError(f"No such reading: {sorted(unknown)}")
        drawn: dict[str, Any] = {
            name: self.dice("reading", name).choice(of) for name, of in READINGS.items()
        } | dict(fixed)
        if drawn["has_more"] == "from total" and (
            drawn["total"] not in {"rows", "stale"} or drawn["paged_by"] != "row"
        ):
            drawn["has_more"] = "exact"  # else rows are out of reach for every client
        if drawn["hides_after_limit"]:
            drawn["largest_page"] = 500  # else nobody knows the extent of an empty page
        return drawn

    def dice(self, *parts: object) -> random.Random:
        """Give the dice for one purpose: the same purpose throws the same numbers."""
        return random.Random("/".join(map(str, (self.seed, *parts))))  # noqa: S311

    def clock(self) -> datetime:
        """Read CTGO's own clock."""
        return self.now().astimezone(UTC) + timedelta(seconds=self.readings["clock_ahead"])

    def _turn_now(self) -> int:
        return int(self.now().timestamp() // TICK)

    def stamp(self, moment: datetime | None) -> str | None:
        """Print an instant as this CTGO does."""
        if moment is None:
            return None
        style = self.readings["stamps"]
        if style == "rounded seconds":
            moment += timedelta(microseconds=500_000)
        if style == "+02:00":
            return moment.astimezone(timezone(timedelta(hours=2))).isoformat()
        spec = {"milliseconds": "milliseconds", "microseconds": "microseconds", "+00:00": "auto"}.get(
            style, "seconds"
        )
        text = moment.isoformat(timespec=spec)
        return text if style == "+00:00" else text.replace("+00:00", "Z")

    # Finding leads

    def find(
        self,
        dice: random.Random,
        number: int,
        discovered: datetime,
        inserted: datetime | None = None,
        twins: float = 0.12,  # chance that a row is of a known person
    ) -> list[int]:
        """Let one run find leads; return their ids."""
        inserted = inserted or discovered
        # now() of Postgres is the start of the transaction: all rows of a run share one stamp.
        together = dice.random() < 0.5
        stream, segment = dice.choice(list(self.streams)), dice.choice(list(self.segments))
        found = []
        for _ in range(min(number, MOST_ROWS - len(self.rows))):
            known = dice.choice(self.rows) if twins and self.rows and dice.random() < twins else None
            lead, profile, exported = self._identity(dice, known, inserted)
            if any(
                (row.lead, row.stream, row.segment) == (lead, stream, segment)
                for row in self.rows
                if row is known
            ):
                lead, profile, exported = self._identity(dice, None, inserted)
            seen = None if self.readings["undated_rows"] and dice.random() < 0.05 else discovered
            if seen and not together:
                seen -= timedelta(seconds=dice.randrange(20), microseconds=dice.randrange(1_000_000))
            self.rows.append(
                Row(
                    lead=lead,
                    stream=stream,
                    segment=segment,
                    account=dice.choice((3, 8)),
                    confidence=dice.choice(("high", "medium")),
                    source=dice.choice(("new_follower", "follower", "liker")),
                    discovered=seen,
                    inserted=inserted,
                    updated=inserted,
                    profile=profile,
                    gaps=self._gaps(dice),
                    exported=exported,
                )
            )
            found.append(lead)
        run = {
            "id": 501 + len(self.runs),
            "stream": stream,
            "segment": segment,
            "at": inserted,
            "found": len(found),
        }
        self.runs.append(run)
        return found

    def _identity(
        self, dice: random.Random, known: Row | None, inserted: datetime
    ) -> tuple[int, dict[str, Any], datetime | None]:
        """Give id, profile and export of a row: of a known person, or of a new one."""
        if known is None:
            lead = self._new_id(dice)
            for act in ("export", "enrich"):
                if dice.random() < self.readings["poisoned"] and not self.calmed:
                    self.poisons[act, lead] = dice.choice(STATUSES)
            return lead, self._person(dice), None
        if self.readings["ids_of_a_person"] != "one":
            return self._new_id(dice), known.profile, None
        late = known.exported is not None and self.readings["late_row_of_exported"] == "exported"
        return known.lead, known.profile, inserted if late else None

    def _new_id(self, dice: random.Random) -> int:
        number = next(self._turns)
        match self.readings["ids"]:
            case "up":
                return 90_000 + number
            case "down":
                return 90_000_000 - number
            case "blocks":
                return 90_000 + dice.randrange(3) * 1_000_000 + number
            case _:
                return dice.randrange(2**20) * 5003 + number

    def _person(self, dice: random.Random) -> dict[str, Any]:
        number = len(self._people)
        odd = dice.random() < 0.2
        person = {
            "xUserId": str(2_290_114_477 + number * 7919 if dice.random() < 0.9 else 2**60 + number),
            "handle": f"{dice.choice(('mara', 'Ivo_', '_x', 'LEE'))}{number}",
            "displayName": dice.choice(NAMES) if odd else f"Mara Oduya{number}",
            "profileImageUrl": f"https://pbs.twimg.com/profile_images/{number}/x.jpg",
            "followerCount": dice.choice((0, 12, 4310, 2**31 + 5, 180_000_000)),
            "bio": dice.choice(BIOS) if odd else "Shipping small dev tools.",
        }
        self._people.append(person)
        return person

    def _gaps(self, dice: random.Random) -> dict[str, str]:
        kinds = {"none": (), "null": ("null",), "absent": ("absent",), "both": ("null", "absent")}[
            self.readings["gaps"]
        ]
        if not kinds or dice.random() > 0.3:
            return {}
        whole = dice.random() < 0.1  # a left join found no profile
        names = (
            ["profile"] if whole else dice.sample((*NULLABLE, *NULLABLE_PROFILE), dice.choice((1, 1, 2, 5)))
        )
        return {name: dice.choice(kinds) for name in names}

    def add(self, number: int) -> list[int]:
        """Find new people at this moment."""
        return self.find(self.dice("add", len(self.rows)), number, self.clock(), twins=0)

    # The world's own life

    def live(self) -> None:
        """Catch up with the clock, one turn after another."""
        until = self._turn_now()
        for turn in range(max(self._turn, until - LONGEST_ABSENCE) + 1, until + 1):
            moment = datetime.fromtimestamp(turn * TICK, UTC) + timedelta(
                seconds=self.readings["clock_ahead"]
            )
            if not self.calmed:
                self._happen(self.dice("turn", turn), moment)
        self._turn = max(self._turn, until)

    def _happen(self, dice: random.Random, moment: datetime) -> None:
        if dice.random() < self.readings["pace"]:
            self.find(
                dice,
                dice.choice((1, 1, 2, 3, 8, 40)),
                moment - timedelta(seconds=dice.choice((0, 0, 90))),
                moment,
            )
        if self.readings["late_rows"] and dice.random() < 0.05:
            age = timedelta(seconds=self.readings["late_rows"] * dice.random())
            self.find(dice, dice.choice((1, 2, 5)), moment - age, moment)
        if dice.random() < self.readings["strangers"]:
            self.meddle(dice, moment)
        if self.readings["failovers"] and dice.random() < 0.01:
            for row in self.rows:
                if row.exported and row.exported > moment - timedelta(seconds=90):
                    row.exported = None
        for row in self.rows:
            if row.discovered is None and dice.random() < 0.01:  # a job repairs the rows without a date
                row.discovered = row.updated = moment

    def meddle(self, dice: random.Random, moment: datetime) -> None:
        """Let a person or another integration touch a few leads."""
        some = dice.sample(self.rows, min(len(self.rows), dice.choice((1, 2, 5))))
        acts = (
            "export",
            "export",
            "archive",
            "archive",
            "restore",
            "rename",
            "judge",
            "re-test",
            "export all",
            "undo",
        )
        act = dice.choice(acts)
        if act == "export all":  # one click in the web app; rare
            some = list(self.rows) if dice.random() < 0.02 else []
        for row in some:
            if act in {"export", "export all"} and row.exported is None:
                self.mark(row.lead, moment)
            elif act == "archive" and row.archived is None:
                row.archived = moment
            elif act == "restore":
                row.archived = None
            elif act == "rename":
                row.profile |= {"handle": f"{row.profile['handle']}_", "bio": dice.choice(BIOS)}
            elif act == "judge":
                row.confidence = "medium" if row.confidence == "high" else "high"
            elif act == "re-test" and self.readings["retest_dates"] == "fresh" and row.discovered:
                row.discovered = moment
            elif act == "undo" and self.readings["unexports"]:
                row.exported = None
            row.updated = moment

    def mark(self, lead: int, moment: datetime) -> None:
        """Export the rows of a lead, or the first one, as this CTGO does."""
        rows = [row for row in self.of(lead) if row.exported is None]
        for row in rows if self.readings["export_marks"] == "id" else rows[:1]:
            row.exported = row.updated = moment

    def calm(self) -> None:
        """End all trouble on CTGO's side; the readings stay."""
        self.live()
        self.calmed = True
        self.poisons.clear()
        for row in self.rows:
            row.discovered = row.discovered or row.inserted

    def of(self, lead: int) -> list[Row]:
        """Give every row of a lead."""
        return [row for row in self.rows if row.lead == lead]

    def new(self) -> set[int]:
        """Give the ids that have a row which is neither exported nor archived."""
        moment = self.clock()
        return {
            row.lead
            for row in self.rows
            if row.visible(moment) and row.exported is None and not row.hidden(moment)
        }
