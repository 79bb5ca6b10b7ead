"""The second author's remotes: a CTGO and CRMs, written from the vendors' documents alone."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.opponent.ctgo import Ctgo as TheirCtgo
from tests.proof.simulation.outside.remote import LeadId, Row, lead_id
from tests.proof.simulation.outside.second_crm import PROGRAMS, SecondCrm, made
from tests.proof.simulation.outside.theirs import Theirs, Wall, clock_of

PACE = 0.01
"""Chance of a finished run in each minute: theirs would fill a world with thousands of leads.

A listing that shows its first page alone is out too: no client can reach row 21, and the vendor documents `offset`. So
is a listing of a campaign without `hasMore`, which the vendor's sample shows.
"""


class SecondCtgo(Theirs):
    """An account of the second author's CTGO. Its rows are read off the wire."""

    _program: TheirCtgo

    def __init__(self, program: TheirCtgo) -> None:
        super().__init__(program)
        self._rows: dict[LeadId, Row] = {}

    def _serve(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer = b"".join(super()._serve(environ, start_response))
        if environ["REQUEST_METHOD"] == "GET" and environ["PATH_INFO"].endswith("/leads"):
            self._rows.update(_rows_in(answer))
        return [answer]

    def add(self, count: int) -> list[int]:
        self.live()
        return self._program.add(count)

    def people_of(self, ids: Sequence[int]) -> list[str]:
        found = {row.lead: row for row in self._program.world.rows}
        return ["" if found[id_].gaps else str(found[id_].profile["xUserId"]) for id_ in ids]

    def rows(self) -> Iterator[Row]:
        return iter(list(self._rows.values()))

    def new(self) -> set[int]:
        self.live()
        return self._program.new()


def _rows_in(answer: bytes) -> Iterator[tuple[LeadId, Row]]:
    try:
        body = json.loads(answer)
    except ValueError:
        return
    rows = body.get("leads") if isinstance(body, dict) else None
    for row in rows or ():
        if isinstance(row, dict) and (key := lead_id(row)):
            yield key, row


def wrote(far: str) -> bool:
    """Tell if the second author has a program for this remote."""
    return far in {"ctgo", "two", *PROGRAMS}


def ctgo(far: str, seed: int, wall: Wall, key: str) -> SecondCtgo:
    """Make an account. Ids are CTGO's, so the accounts of one world have none in common."""

    seed += far == "two"

    def account(**fixed: object) -> TheirCtgo:
        own = TheirCtgo(seed, clock_of(wall), keys=(key,)).readings
        reachable = {"paging": "offset"} if own["paging"] == "first page only" else {}
        if own["has_more"] in {"absent", "null"}:
            reachable["has_more"] = "exact"
        return TheirCtgo(seed, clock_of(wall), keys=(key,), fixed={"pace": PACE, **reachable, **fixed})

    if far == "two":
        return SecondCtgo(account(ids="down", history=0))
    mended = {"ids": "random"} if account().readings["ids"] in {"down", "blocks"} else {}
    return SecondCtgo(account(**mended))


def crm(far: str, seed: int, wall: Wall) -> SecondCrm:
    """Make one of the CRMs."""
    return made(far, seed, wall)
