"""A lane's calls are kept where a console wants them: without secrets, without who was forgotten, and in nobody's way."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from syncd.connector import Context, Delivery, Outcome
from syncd.engine.call_journal import MOST, CallJournal, fit
from syncd.ledger.call_log import CallsFile, calls_of
from syncd.log import redact_values
from tests.support import Bench, rejects

SECRET = "s3cr3t-of-a-remote"
redact_values([SECRET])


@pytest.fixture
def bench(tmp_path: Any) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.stop()


def _with_journal(bench: Bench, which: Any = "all") -> CallsFile:
    """Let the lane of `crm` keep its calls, and its connector tell of one for each `deliver`."""
    file = CallsFile(bench.path, bench.log)
    journal = CallJournal("crm", file, bench.ledger, bench.clock, which)
    lane = bench.life.delivers["crm"]
    lane._config = replace(lane._config, calls=journal)
    connector: Any = lane._config.connector
    context: Context = connector.context
    connector.context = replace(context, called=journal.called)
    inner = connector.deliver

    def deliver(batch: Sequence[Delivery]) -> Sequence[Outcome]:
        headers = {"Authorization": SECRET, "X-RateLimit-Left": "7", "Set-Cookie": "a=b"}
        connector.context.called(
            "POST", f"/people/{SECRET}?email=a@b.c", 200, request={"token": "t0k", "ids": [d.id for d in batch]},
            response=f'{{"echo": "{SECRET}"}}'.encode(), headers=headers,
        )  # fmt: skip
        outcomes: Sequence[Outcome] = inner(batch)
        return outcomes

    connector.deliver = deliver
    return file


def test_what_was_sent_and_answered_is_kept_without_secrets(bench: Bench) -> None:
    bench.ctgo(leads=2)
    bench.place("crm")
    with closing(_with_journal(bench)) as file:
        bench.once()
        found = calls_of(bench.path, [1, 2])
        held = b"".join(path.read_bytes() for path in file.path.parent.glob("*.calls.db*"))
    assert found is not None
    assert {(it.connector, it.attempt.delivery_id, it.attempt.outcome) for it in found} == {
        ("crm", 1, "delivered"),
        ("crm", 2, "delivered"),
    }
    (call,) = found[0].calls
    assert (call.method, call.path, call.status) == ("POST", "/people/[redacted]", 200)
    assert call.headers == {"x-ratelimit-left": "7"}
    assert json.loads(call.request) == {"token": "[redacted]", "ids": [1, 2]}
    assert json.loads(call.response) == {"echo": "[redacted]"}
    assert SECRET.encode() not in held


def test_what_was_delivered_whole_is_not_kept_where_only_refusals_are_wanted(bench: Bench) -> None:
    world = bench.ctgo(leads=2)
    crm = bench.place("crm")
    with closing(_with_journal(bench, "refused")):
        bench.once()
        assert calls_of(bench.path, [1, 2]) is None
        crm.rule = rejects()
        world.add_leads(1)
        bench.once()
        found = calls_of(bench.path, [1, 2, 3])
    assert found is not None
    assert [(it.attempt.delivery_id, it.attempt.outcome) for it in found] == [(3, "rejected")]


def test_who_is_forgotten_while_the_call_is_under_way_is_not_kept(bench: Bench) -> None:
    bench.ctgo(leads=2)
    bench.place("crm")
    with closing(_with_journal(bench)):
        connector: Any = bench.life.delivers["crm"]._config.connector
        inner = connector.deliver

        def deliver(batch: Sequence[Delivery]) -> Sequence[Outcome]:
            with bench.ledger.write() as connection:
                connection.exec_driver_sql("UPDATE lead SET state = 'forgotten' WHERE seq = 1")
                connection.exec_driver_sql(
                    "UPDATE tally SET n = n - 1 WHERE kind = 'lead' AND state = 'delivering'"
                )
                connection.exec_driver_sql("INSERT INTO tally VALUES ('lead', 'main', 'forgotten', 1)")
            connector.deliver = inner
            outcomes: Sequence[Outcome] = inner(batch)
            return outcomes

        connector.deliver = deliver
        bench.once()
        found = calls_of(bench.path, [1, 2])
    assert found is not None
    assert [(it.attempt.delivery_id, len(it.calls)) for it in found] == [(2, 0)]


@pytest.mark.parametrize("trouble", ["a folder", "damaged", "locked away"])
def test_no_trouble_with_the_file_stops_a_delivery(bench: Bench, trouble: str) -> None:
    bench.ctgo(leads=3)
    bench.place("crm")
    with closing(_with_journal(bench)) as file:
        if trouble == "damaged":
            file.path.write_bytes(b"\x01" * 5000)
        elif trouble == "a folder":
            file.path.mkdir()
        else:
            file.path = file.path.parent / "no such folder" / "x.db"
        bench.once()
    assert bench.leads() == {"exported": 3}


def test_whatever_a_connector_tells_is_its_own_affair(bench: Bench) -> None:
    bench.ctgo(leads=1)
    bench.place("crm")
    with closing(_with_journal(bench)):
        called: Any = bench.life.delivers["crm"]._config.calls
        called.called(None, object(), "no status", request={1, 2}, response=3, headers=None)
        for n in range(500):
            called.called("GET", "/", n)
        assert len(called._calls) == 64


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (None, ""),
        (b"\xff{", "�{"),
        ("[" * 3000, "[" * 3000),
        ({"a": [1, None]}, '{"a": [1, null]}'),
        (f"name={SECRET}&x=1", "name=[redacted]&x=1"),
        ("x" * (MOST - 3) + SECRET + "y" * 20_000, "x" * (MOST - 3) + "[re"),
    ],
)
def test_bodies_are_made_fit(body: object, kept: str) -> None:
    assert fit(body) == kept
