"""Hold the leads behind the opponent's CTGO API, and let runs, people and time work on them."""

import json
import random
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
READINGS: dict[str, list[Any]] = tomllib.loads((HERE / "ctgo_readings.toml").read_text(encoding="utf-8"))
SAMPLES: dict[str, Any] = json.loads((HERE / "ctgo_samples.json").read_text(encoding="utf-8"))
NAMES = [*SAMPLES["names"], "A" * 300]  # X allows nearly every character, and JavaScript cuts emojis in half
BIOS = [*SAMPLES["bios"], "🚀" * 2500, "x" * 10240]
STREAMS = {14: "Indie founders", 15: "DevRel 🚀", 22: ""}
SEGMENTS = {6: "Indie founders selling to developers", 7: "CTOs", 19: "مصممون"}
STATUSES = (
    *(200, 301, 302, 304, 307, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 415, 418),
    *(421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 507, 508, 520, 522, 530),
)
NULLABLE = (
    *("streamId", "trackedXAccountId", "segmentId", "matchConfidence", "sourceType"),
    *("xUserId", "handle", "displayName", "profileImageUrl", "followerCount", "bio"),
)
TURN = 60  # seconds between two turns of the world
LONGEST_ABSENCE = 2000  # turns; a clock that jumps further skips the first ones
MOST_ROWS = 4000


@dataclass
class Row:
    """One lead in one campaign and segment; all instants are by CTGO's clock."""

    facts: dict[str, Any]  # as a listing prints them
    profile: dict[str, Any]  # shared by the rows of one person
    discovered: datetime | None
    inserted: datetime
    updated: datetime
    exported: datetime | None = None
    archived: datetime | None = None
    gaps: dict[str, str] = field(default_factory=dict)  # name of a field -> "null" or "absent"

    @property
    def lead(self) -> int:
        """Give the id that the routes of leads take."""
        return int(self.facts["id"])

    def new(self, moment: datetime) -> bool:
        """Tell that a reader at this moment sees the row un-exported."""
        return self.exported is None or self.exported > moment

    def hidden(self, moment: datetime) -> bool:
        """Tell that a reader at this moment knows the row as archived."""
        return self.archived is not None and self.archived <= moment


class World:
    """Campaigns, leads, people and time, all drawn from one seed."""

    def __init__(self, seed: int, now: Callable[[], datetime], fixed: Mapping[str, object]) -> None:
        self.seed = seed
        self.now = now
        self.readings = self._draw(fixed)
        self.rows: list[Row] = []
        self.poisons: dict[tuple[str, int], int] = {}  # ("export" or "enrich", lead) -> status
        self.calmed = False
        self._ids = self._people = 0
        self._turn = int(now().timestamp() // TURN)
        dice = self.dice("history")
        for _ in range(self.readings["history"]):
            age = timedelta(seconds=dice.choice((3600, 86400, 40 * 86400, 1100 * 86400)) * dice.random())
            self.find(dice, 1, self.clock() - age)
            if dice.random() < 0.3:
                self.rows[-1].exported = self.clock() - age / 2

    def _draw(self, fixed: Mapping[str, object]) -> dict[str, Any]:
        if unknown := set(fixed) - set(READINGS):
            raise KeyError(f"No such reading: {sorted(unknown)}")
        drawn = {name: self.dice("reading", name).choice(of) for name, of in READINGS.items()} | dict(fixed)
        honest = drawn["total"] in {"rows", "stale"} and drawn["paged_by"] == "row"
        if drawn["has_more"] == "from total" and not honest:
            drawn["has_more"] = "exact"  # else rows are out of reach for every client
        if drawn["hides_after_limit"]:
            drawn["largest_page"] = 500  # else no client knows the extent of an empty page
        return drawn

    def dice(self, *purpose: object) -> random.Random:
        """Give the dice for one purpose: the same purpose throws the same numbers."""
        return random.Random("/".join(map(str, (self.seed, *purpose))))  # noqa: S311

    def clock(self) -> datetime:
        """Read CTGO's own clock."""
        return self.now().astimezone(UTC) + timedelta(seconds=self.readings["clock_ahead"])

    def stamp(self, moment: datetime | None) -> str | None:
        """Print an instant as this CTGO does."""
        style = self.readings["stamps"]
        if moment is None:
            return None
        if style == "rounded seconds":
            moment += timedelta(microseconds=500_000)
        if style == "+02:00":
            return moment.astimezone(timezone(timedelta(hours=2))).isoformat()
        precision = {"+00:00": "auto", "milliseconds": style, "microseconds": style}.get(style, "seconds")
        text = moment.isoformat(timespec=precision)
        return text if style == "+00:00" else text.replace("+00:00", "Z")

    # Finding leads

    def find(
        self,
        dice: random.Random,
        number: int,
        discovered: datetime,
        inserted: datetime | None = None,
        twins: float = 0.12,
    ) -> list[int]:
        """Let one run find leads, a share of them known people; return their ids."""
        inserted = inserted or discovered
        stream, segment = dice.choice(list(STREAMS)), dice.choice(list(SEGMENTS))
        together = dice.random() < 0.5  # now() of Postgres is one instant for a whole transaction
        found = []
        for _ in range(min(number, MOST_ROWS - len(self.rows))):
            known = dice.choice(self.rows) if self.rows and dice.random() < twins else None
            if known and any(
                (row.facts["streamId"], row.facts["segmentId"]) == (stream, segment)
                for row in self.of(known.lead)
            ):
                known = None
            keeps = known is not None and self.readings["ids_of_a_person"] == "one"
            facts: dict[str, Any] = {
                "id": known.lead if known and keeps else self._new_id(dice),
                "streamId": stream,
            }
            facts |= {"trackedXAccountId": 3 if segment == 6 else 8, "segmentId": segment}
            facts |= {"matchConfidence": dice.choice(("high", "medium"))}
            facts |= {"sourceType": dice.choice(("new_follower", "follower", "liker"))}
            spread = timedelta(seconds=0 if together else dice.random() * 20)
            dated = not self.readings["undated_rows"] or dice.random() < 0.95 or self.calmed
            row = Row(facts, known.profile if known else self._person(dice), None, inserted, inserted)
            row.discovered = discovered - spread if dated else None
            row.gaps = self._gaps(dice)
            if known and keeps and known.exported and self.readings["late_row_of_exported"] == "exported":
                row.exported = inserted
            self.rows.append(row)
            found.append(row.lead)
        return found

    def _new_id(self, dice: random.Random) -> int:
        self._ids += 1
        ways = {
            "up": 90_000,
            "down": 90_000_000 - 2 * self._ids,
            "blocks": 90_000 + dice.randrange(3) * 1_000_000,
        }
        lead = ways.get(self.readings["ids"], dice.randrange(2**20) * 5003) + self._ids
        for act in ("export", "enrich"):
            if dice.random() < self.readings["poisoned"] and not self.calmed:
                self.poisons[act, lead] = dice.choice(STATUSES)
        return lead

    def _person(self, dice: random.Random) -> dict[str, Any]:
        self._people += 1
        number, odd = self._people, dice.random() < 0.2
        return {
            "xUserId": str((2_290_114_477 if dice.random() < 0.9 else 2**60) + number),
            "handle": f"{dice.choice(('mara', 'Ivo_', '_x', 'LEE'))}{number}",
            "displayName": dice.choice(NAMES) if odd else f"Mara Oduya{number}",
            "profileImageUrl": f"https://pbs.twimg.com/profile_images/{number}/x.jpg",
            "followerCount": dice.choice((0, 12, 4310, 2**31 + 5, 180_000_000)),
            "bio": dice.choice(BIOS) if odd else "Shipping small dev tools.",
        }

    def _gaps(self, dice: random.Random) -> dict[str, str]:
        kinds = {"none": (), "both": ("null", "absent")}.get(self.readings["gaps"], (self.readings["gaps"],))
        if not kinds or dice.random() > 0.3:
            return {}
        whole = dice.random() < 0.1  # a left join found no profile
        names = ["profile"] if whole else dice.sample(NULLABLE, dice.choice((1, 1, 2, 5)))
        return {name: dice.choice(kinds) for name in names}

    # The world's own life

    def live(self) -> None:
        """Catch up with the clock, one turn after another."""
        until = int(self.now().timestamp() // TURN)
        for turn in range(max(self._turn, until - LONGEST_ABSENCE) + 1, until + 1):
            moment = datetime.fromtimestamp(turn * TURN, UTC) + timedelta(
                seconds=self.readings["clock_ahead"]
            )
            if not self.calmed:
                self._happen(self.dice("turn", turn), moment)
        self._turn = max(self._turn, until)

    def _happen(self, dice: random.Random, moment: datetime) -> None:
        if dice.random() < self.readings["pace"]:
            began = moment - timedelta(seconds=dice.choice((0, 0, 90)))
            self.find(dice, dice.choice((1, 1, 2, 3, 8, 40)), began, moment)
        if dice.random() < 0.05 and self.readings["late_rows"]:
            age = timedelta(seconds=self.readings["late_rows"] * dice.random())
            self.find(dice, dice.choice((1, 2, 5)), moment - age, moment)
        if dice.random() < self.readings["strangers"]:
            self.meddle(dice, moment)
        lost = self.readings["failovers"] and dice.random() < 0.01
        repaired = dice.random() < 0.02
        for row in self.rows if lost or repaired else ():
            if lost and row.exported and row.exported > moment - timedelta(seconds=90):
                row.exported = None
            if repaired and row.discovered is None:
                row.discovered = row.updated = moment

    def meddle(self, dice: random.Random, moment: datetime) -> None:
        """Let a person or another integration touch a few leads."""
        some = dice.sample(self.rows, min(len(self.rows), dice.choice((1, 2, 5))))
        act = dice.choice(
            ("export", "export", "archive", "archive", "restore", "rename", "judge", "re-test", "all", "undo")
        )
        if act == "all":  # one click in the web app exports everything; that is rare
            some = list(self.rows) if dice.random() < 0.02 else []
        for row in some:
            row.updated = moment
            if act in {"export", "all"}:
                self.mark(row.lead, moment)
            elif act == "archive":
                row.archived = row.archived or moment
            elif act == "restore":
                row.archived = None
            elif act == "rename":
                row.profile |= {"handle": f"{row.profile['handle']}_", "bio": dice.choice(BIOS)}
            elif act == "judge":
                row.facts["matchConfidence"] = dice.choice(("high", "medium"))
            elif act == "re-test" and self.readings["retest_dates"] == "fresh":
                row.discovered = moment
            elif act == "undo" and self.readings["unexports"]:
                row.exported = None

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
            row.exported = min(row.exported, self.clock()) if row.exported else None

    def of(self, lead: int) -> list[Row]:
        """Give every row of a lead."""
        return [row for row in self.rows if row.lead == lead]

    def new(self) -> set[int]:
        """Give the ids that have a row which is neither exported nor archived."""
        moment = self.clock()
        return {row.lead for row in self.rows if row.new(moment) and not row.hidden(moment)}
