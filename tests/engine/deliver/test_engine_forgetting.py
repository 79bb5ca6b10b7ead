"""A person who is forgotten while the engine works: nothing of theirs comes back through what is under way."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection

from syncd.core.delivery import Delivery, Outcome
from syncd.ledger.admin import forgotten
from syncd.ledger.admin.forgotten import PersonQuery
from tests.engine.enrich.test_engine_enriching import FIELDS, asks, ctgo, lost, on_enrich
from tests.support import Bench, Remote
from tests.support.growing import LINEAR, growth


def forget(bench: Bench, **sought: int) -> forgotten.Farewell:
    with bench.ledger.read() as connection:
        found = forgotten.find(connection, PersonQuery(**sought))  # type: ignore[arg-type]
    with bench.ledger.write() as connection:
        return forgotten.forget(connection, found, bench.clock.now(), who="me")


@pytest.mark.parametrize("piece", ["a", "a@", "@", "a.", "a@b.", '"a@b.co ', "https://www", "linkedin.com/"])
def test_a_persons_long_bio_is_searched_in_a_time_that_grows_as_it_does(piece: str) -> None:
    """A bio of 128,000 letters took two minutes, and 256 KiB are taken in."""
    assert growth(forgotten.addresses, piece) < LINEAR


def test_addresses_are_found_wherever_they_stand() -> None:
    text = '{"a": "x@y.co", "b": "mail x.y+z@mail.example.co now https://www.linkedin.com/in/x?y"}'
    assert forgotten.addresses(text) == {
        "x@y.co", "x.y+z@mail.example.co", "https://www.linkedin.com/in/x?y",
    }  # fmt: skip


@pytest.mark.parametrize("objects", ["people", "leads"])
def test_a_delivery_under_way_is_told_and_leaves_nothing_in_the_ledger(bench: Bench, objects: str) -> None:
    world = bench.ctgo(leads=4)
    far = bench.place(people=objects == "people")

    def forgotten_meanwhile(far: Remote, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        outcomes = far.accept(batch)
        forget(bench, lead_id=batch[0].lead.id)
        return outcomes

    far.script.append(forgotten_meanwhile)
    bench.once()
    first = far.calls[0][0]
    assert bench.leads() == {"exported": 3, "forgotten": 1}
    assert bench.deliveries() == {"delivered": 3, "dropped": 1}
    assert first.lead.id not in world.exported
    assert bench.rows("SELECT count(*) FROM person WHERE person = ?", first.person) == [(0,)]
    assert bench.log.named("delivered_though_forgotten") == [{"connector": "crm", "remote_ids": ["r1"]}]
    bench.objections.clear()
    bench.once()
    assert bench.leads() == {"exported": 3, "forgotten": 1}
    bench.check()


def test_an_export_that_is_owed_is_never_sent(bench: Bench) -> None:
    world = bench.ctgo(leads=3)
    bench.place()
    pull, deliver = bench.life.pulls["main"], bench.life.delivers["crm"]
    pull.ask_live()
    while pull.step().wait == 0:
        pass
    while deliver.step().wait == 0:
        pass
    assert bench.exports() == {"pending": 3}
    number = bench.rows("SELECT lead_id FROM lead WHERE seq = 1")[0][0]
    farewell = forget(bench, lead_id=number)
    assert farewell.unexported == [("main", number)]
    bench.run()
    assert bench.exports() == {"delivered": 2, "dropped": 1}
    assert sorted(world.exported) == sorted(
        row[0] for row in bench.rows("SELECT lead_id FROM lead WHERE lead_id > 0")
    )
    bench.check()


def test_all_rows_of_a_person_go_across_campaigns_and_sources(bench: Bench) -> None:
    world = bench.ctgo(leads=3, takers=["crm"])
    other = bench.ctgo("second", key="ctgo_second", leads=0, takers=["crm"])
    bench.place()
    bench.once()
    person = {"profile": {"xUserId": "777", "handle": "gemini"}}
    for account in (world, world, other):
        account.amend_lead(account.add_leads(1)[0], person)
    bench.once()
    farewell = forget(bench, lead_id=bench.rows("SELECT max(lead_id) FROM lead WHERE person = '777'")[0][0])
    assert farewell.people == 1
    assert len(farewell.leads) == 3
    assert bench.rows("SELECT count(*) FROM lead WHERE person = '777'") == [(0,)]
    bench.check()


def test_nobody_else_loses_an_id_that_is_theirs_elsewhere(bench: Bench) -> None:
    """Numbers of objects are unique at one place at the most, and a number of an object may be somebody's on X."""
    bench.ctgo(leads=3)
    bench.place("crm", people=True, upsert=False)
    bench.place("context", people=True, upsert=False, where="id != 90213")
    bench.once()
    ids = "SELECT connector, person, remote_id FROM person UNION SELECT connector, lead_seq, remote_id FROM delivery"
    number, person = bench.rows("SELECT lead_id, person FROM lead WHERE seq = 1")[0]
    theirs = {row[2] for row in bench.rows(ids) if row[1] in {person, 1}}
    bench.sql("UPDATE lead SET person = ? WHERE seq = 2", theirs.pop())
    before = {row for row in bench.rows(ids) if row[1] not in {person, 1}}
    people = bench.rows("SELECT seq, person FROM lead WHERE seq > 1 ORDER BY seq")
    forget(bench, lead_id=number)
    assert {row for row in bench.rows(ids) if row[1] not in {person, 1}} == before
    assert bench.rows("SELECT seq, person FROM lead WHERE seq > 1 ORDER BY seq") == people


def test_nobody_is_asked_about_once_they_are_forgotten(bench: Bench) -> None:
    """Between the look at who waits and the ask, another process may forget the one it is about."""
    world = ctgo(bench, sim={"leads": 1, "contact_rate": 1.0})
    bench.place(fields=FIELDS)
    number = world.listed()[0].id
    enrich = next(lane for lane in bench.life.others if lane.kind == "enrich")
    look = bench.ledger.read

    @contextmanager
    def forgotten_after() -> Iterator[Connection]:
        with look() as connection:
            yield connection
        bench.ledger.read = look  # type: ignore[method-assign]
        forget(bench, lead_id=number)

    bench.life.pulls["main"].ask_live()
    bench.life.pulls["main"].step()
    enrich.step()  # the balance
    bench.ledger.read = forgotten_after  # type: ignore[method-assign]
    on_enrich(bench, lost)
    enrich.step()
    assert asks(bench) == []
    assert bench.rows("SELECT * FROM ask") == []
    bench.run()
    assert bench.leads() == {"forgotten": 1}
