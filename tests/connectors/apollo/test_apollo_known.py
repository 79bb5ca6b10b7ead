"""Persons whose contact is known: changed by its id, as far as it is syncd's to change."""

from typing import Any

import pytest

from syncd.connector import Delivered, Delivery, Halt, Outcome, Pause, Reject
from tests.connectors.apollo.apollo_bench import Table, one, raised, sent, table

LATER = "2026-06-12T08:00:00Z"


def made(bench: Table, n: int = 1, *, emailed: bool = True) -> str:
    outcome = one(bench, bench.delivery(n, emailed=emailed))
    assert isinstance(outcome, Delivered)
    assert outcome.remote_id
    return outcome.remote_id


def later(bench: Table, id_: str, n: int = 1, **changes: Any) -> Delivery:
    return bench.delivery(n, remote_id=id_, discovered_at=LATER, **changes)


def shown(bench: Table, id_: str) -> dict[str, Any]:
    return dict(next(each for each in bench.remote.objects() if each["id"] == id_))


def test_a_later_lead_changes_what_is_syncds() -> None:
    with table() as bench:
        id_ = made(bench)
        bench.fake.book.contacts[id_]["first_name"] = "Corrected"
        assert one(bench, later(bench, id_, bio="New bio")) == Delivered(id_, created=False)
        now = shown(bench, id_)
        assert (now["ctgo_bio"], now["first_name"]) == ("New bio", "Corrected")
        assert "label_names" not in repr(bench.fake.requests("contacts/update"))


def test_nothing_new_writes_nothing() -> None:
    with table() as bench:
        id_ = made(bench)
        one(bench, bench.delivery(1, remote_id=id_))
        assert bench.fake.counted()["contacts/update"] == 0


def test_an_email_that_turns_up_later_is_added() -> None:
    with table(without_email="create") as bench:
        id_ = made(bench, emailed=False)
        one(bench, later(bench, id_))
        assert shown(bench, id_)["email"] == "maker1@studio1.example.com"
        assert bench.seen() == 1


def test_a_contact_of_somebody_else_is_left_alone_or_filled() -> None:
    for option, expected in (("never", None), ("if_empty", "https://x.com/maker_1")):
        with table(update_existing=option) as bench:
            (theirs,), _ = bench.fake.book.create([{"first_name": "Theirs"}], [], dedupe=False)
            assert isinstance(one(bench, later(bench, theirs["id"])), Delivered)
            assert (theirs["first_name"], theirs["twitter_url"], theirs["email"]) == (
                "Theirs",
                expected,
                None,
            )


@pytest.mark.parametrize("emailed", [True, False])
def test_a_contact_that_a_person_deleted_is_not_made_again_unless_so_configured(*, emailed: bool) -> None:
    for recreate in (False, True):
        with table(recreate_gone=recreate, without_email="create") as bench:
            id_ = made(bench, emailed=emailed)
            bench.fake.book.delete(id_)
            found = one(bench, later(bench, id_, emailed=emailed))
            assert bench.seen() == recreate
            if recreate:
                assert isinstance(found, Delivered)
                assert (found.created, found.remote_id != id_) == (True, True)
            else:
                assert isinstance(found, Reject)
                assert (found.code, id_ in found.detail) == ("apollo_contact_deleted", True)


def test_a_deleted_contact_that_apollo_finds_again_by_its_address_has_no_lead() -> None:
    with table(recreate_gone=True) as bench:
        id_ = made(bench)
        contact = bench.fake.book.contacts[id_]
        bench.fake.book.delete(id_)
        bench.fake.answer_next(
            200, {"created_contacts": [], "existing_contacts": [contact]}, at="contacts/bulk_create"
        )
        found = one(bench, later(bench, id_))
        assert isinstance(found, Reject)
        assert found.code == "apollo_contact_deleted"


def vanished(bench: Table, n: int = 1, *, emailed: bool = True) -> str:
    id_ = made(bench, n, emailed=emailed)
    del bench.fake.book.contacts[id_]
    return id_


def test_a_contact_that_is_not_there_is_for_a_person_to_decide() -> None:
    with table() as bench:
        found = one(bench, later(bench, vanished(bench)))
        assert isinstance(found, Reject)
        assert found.code == "apollo_contact_gone"
        assert bench.seen() == 0


def test_contacts_that_are_gone_or_hidden_halt_nobody() -> None:
    with table() as bench:
        ids = {n: made(bench, n) for n in (1, 3, 4, 6)}
        bench.fake.book.delete(ids[1])
        del bench.fake.book.contacts[ids[3]]
        bench.fake.book.hidden.add(ids[4])
        found = [one(bench, later(bench, id_, n, bio="New")) for n, id_ in ids.items()]
        codes = [each.code if isinstance(each, Reject) else type(each).__name__ for each in found]
        assert codes == [
            "apollo_contact_deleted",
            "apollo_contact_gone",
            "apollo_contact_hidden",
            "Delivered",
        ]


@pytest.mark.parametrize("status", [403, 422])
def test_a_firewall_that_refuses_is_not_apollos_word_however_often(status: int) -> None:
    with table() as bench:
        sent(bench, bench.delivery(3))
        for _ in range(4):
            bench.fake.answer_next(status, b"<html>Request blocked</html>")
            failure = raised(bench, bench.delivery(1))
            assert isinstance(failure, Pause)
            assert (failure.code, failure.unexplained) == ("apollo_unexpected_answer", True)


def test_a_contact_that_is_not_there_is_made_again_when_so_configured() -> None:
    with table(recreate_gone=True) as bench:
        gone = vanished(bench)
        found = one(bench, later(bench, gone))
        assert isinstance(found, Delivered)
        assert (found.created, found.remote_id != gone, bench.seen()) == (True, True, 1)


def test_making_it_again_without_an_email_is_looked_for_first() -> None:
    with table(recreate_gone=True, without_email="create") as bench:
        gone = vanished(bench, emailed=False)
        lead = later(bench, gone, emailed=False)
        assert not bench.connector.route(lead).resend_safe
        bench.fake.answer_next(404, at="contacts/update")
        bench.fake.fail_after_next()
        failure = raised(bench, lead)
        assert isinstance(failure, Pause)
        assert failure.after == 60.0
        again = later(bench, gone, emailed=False, maybe_sent=True)
        assert isinstance(one(bench, again), Delivered)
        assert bench.seen() == 1


def test_known_contacts_go_alone() -> None:
    with table() as bench:
        groups = {bench.connector.route(bench.delivery(n, remote_id=f"c{n}")).group for n in (1, 3)}
        assert len(groups) == 2


def test_a_value_that_is_refused_rejects_this_lead() -> None:
    with table() as bench:
        id_ = made(bench)
        bench.fake.book.poisoned.add("New bio")
        found: Outcome = one(bench, later(bench, id_, bio="New bio"))
        assert isinstance(found, Reject)
        assert found.code == "apollo_invalid"


def test_an_answer_about_another_contact_confirms_nothing() -> None:
    with table() as bench:
        id_ = made(bench)
        bench.fake.answer_next(200, {"contact": {"id": "somebody"}})
        failure = raised(bench, later(bench, id_))
        assert isinstance(failure, Pause)
        assert failure.code == "apollo_unexpected_answer"


def test_a_lost_answer_to_a_change_is_simply_repeated() -> None:
    with table() as bench:
        id_ = made(bench)
        bench.fake.lose_next_answer()
        assert isinstance(raised(bench, later(bench, id_, bio="New bio")), Pause)
        assert isinstance(one(bench, later(bench, id_, bio="New bio")), Delivered)
        assert shown(bench, id_)["ctgo_bio"] == "New bio"


def test_a_scope_that_is_missing_is_named() -> None:
    with table(scopes={"fields/index", "contacts/bulk_create"}) as bench:
        id_ = made(bench)
        failure = raised(bench, later(bench, id_))
        assert isinstance(failure, Halt)
        assert "contacts/show" in failure.detail


@pytest.mark.parametrize("ignored", [{"twitter_url"}, {"twitter_url", "linkedin_url"}])
def test_what_a_change_ignores_is_sent_once_and_said_once(ignored: set[str]) -> None:
    with table(
        update_existing="if_empty", fields={"email": "{{ email }}", "twitter_url": "{{ x_url }}"}
    ) as bench:
        bench.fake.book.ignored |= ignored
        (one_, other), _ = bench.fake.book.create(
            [{"first_name": "A"}, {"first_name": "B"}], [], dedupe=False
        )
        for _ in range(3):
            assert isinstance(one(bench, later(bench, one_["id"])), Delivered)
            assert isinstance(one(bench, later(bench, other["id"], 3)), Delivered)
        assert bench.fake.requests("contacts/update") == [{"twitter_url": "https://x.com/maker_1"}]
        assert bench.journal.events == [
            (
                "apollo_field_ignored",
                {"connector": "contract", "call": "contacts/update", "field": "twitter_url"},
            )
        ]


def test_what_a_change_takes_is_sent_for_each() -> None:
    with table(
        update_existing="if_empty", fields={"email": "{{ email }}", "twitter_url": "{{ x_url }}"}
    ) as bench:
        (one_, other), _ = bench.fake.book.create(
            [{"first_name": "A"}, {"first_name": "B"}], [], dedupe=False
        )
        for id_, n in ((one_["id"], 1), (other["id"], 3)):
            assert isinstance(one(bench, later(bench, id_, n)), Delivered)
            assert shown(bench, id_)["twitter_url"] == f"https://x.com/maker_{n}"
