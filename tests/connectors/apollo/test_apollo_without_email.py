"""Leads without an email: unwanted by default; else alone, and looked for: once at first, twice before they go again."""

import pytest

from connectors.apollo.connector import ApolloConnector
from connectors.apollo.identity import Shape, is_same
from connectors.apollo.options import CODES, ApolloOptions
from syncd.connector import Delivered, Delivery, Halt, Pause, Reject, Retry
from syncd.testing import LaneHarness
from tests.connectors.apollo.apollo_bench import Table, one, raised, sent, table


def nobody(bench: Table, n: int = 1, *, maybe_sent: bool = False, attempt: int = 1) -> Delivery:
    return bench.delivery(n, emailed=False, maybe_sent=maybe_sent, attempt=attempt)


def test_by_default_they_are_refused_with_what_to_do() -> None:
    with table() as bench:
        found = one(bench, nobody(bench))
        assert isinstance(found, Reject)
        assert found.code == "apollo_no_email"
        assert 'without_email = "create"' in CODES[found.code]
        assert bench.seen() == 0


def test_a_text_that_is_no_address_is_no_email() -> None:
    with table() as bench:
        odd = bench.delivery(1, in_place_of={"maker1@studio1.example.com": "maker1 at studio1"})
        assert isinstance(one(bench, odd), Reject)


def test_each_goes_alone_and_is_marked_before() -> None:
    with table(without_email="create") as bench:
        routes = [bench.connector.route(nobody(bench, n)) for n in (1, 2)]
        assert routes[0].group != routes[1].group
        assert not any(route.resend_safe for route in routes)
        assert bench.connector.route(bench.delivery(1)).resend_safe


def test_it_is_written_with_the_key_the_list_and_apollos_form_of_the_urls() -> None:
    with table(without_email="create") as bench:
        found = one(bench, nobody(bench))
        assert isinstance(found, Delivered)
        assert found.created
        (contact,) = bench.remote.objects()
        assert contact["ctgo_x_user_id"] == nobody(bench).person
        assert contact["label_ids"] == [bench.fake.book.labels["ctgo"]]
        assert contact["twitter_url"] == "https://x.com/maker_1"


def restarted(bench: Table) -> None:
    """The connector again, as after a lost ledger or a new name: nothing is remembered."""
    bench.connector.close()
    assert bench.again
    bench.connector = bench.again()


def test_one_that_nothing_knows_of_is_looked_for_with_one_request_by_its_name() -> None:
    with table(without_email="create") as bench:
        one(bench, nobody(bench))
        (asked,) = bench.fake.requests("contacts/search")
        assert asked["q_keywords"] == "José Álvarez-Núñez"
        assert "contact_label_ids" not in asked
        assert bench.fake.counted()["labels/index"] == 0


def test_after_the_ledger_is_lost_a_person_has_the_contact_of_before() -> None:
    with table(without_email="create") as bench:
        before = one(bench, nobody(bench))
        assert isinstance(before, Delivered)
        restarted(bench)
        assert one(bench, nobody(bench)) == Delivered(before.remote_id, created=False)
        assert bench.seen() == 1
        assert bench.fake.counted()["contacts/search"] == 2


def test_one_without_a_name_is_looked_for_on_the_list() -> None:
    with table(without_email="create", fields={"ctgo_bio": "{{ bio }}"}) as bench:
        one(bench, nobody(bench))
        restarted(bench)
        assert isinstance(one(bench, nobody(bench)), Delivered)
        assert bench.seen() == 1
        asked = bench.fake.requests("contacts/search")
        assert all(each["contact_label_ids"] == [bench.fake.book.labels["ctgo"]] for each in asked)


def test_a_namesake_does_not_stand_in_for_one_that_nothing_knows_of() -> None:
    with table(without_email="create") as bench:
        bench.fake.book.create([{"first_name": "José", "last_name": "Álvarez-Núñez"}], ["ctgo"], dedupe=False)
        found = one(bench, nobody(bench))
        assert isinstance(found, Delivered)
        assert found.created


def test_a_search_that_ignored_its_filter_stops_none_that_nothing_knows_of() -> None:
    with table(without_email="create") as bench:
        others = [{"first_name": f"Somebody {n}"} for n in range(250)]
        bench.fake.book.create(others, [], dedupe=False)
        bench.fake.book.drops_filters = True
        found = one(bench, nobody(bench))
        assert isinstance(found, Delivered)
        assert found.created


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [(429, Pause, "apollo_rate_limited"), (500, Pause, "apollo_unavailable"), (403, Halt, "apollo_plan")],
)
def test_while_it_cannot_be_looked_for_nothing_is_written(
    status: int, kind: type[Pause | Halt], code: str
) -> None:
    with table(without_email="create") as bench:
        said = {"message": "only available to Apollo users on paid plans"} if status == 403 else {}
        bench.fake.answer_next(status, said, at="contacts/search", retry_after="5")
        failure = raised(bench, nobody(bench))
        assert isinstance(failure, kind)
        assert failure.code == code
        assert bench.fake.counted()["contacts/bulk_create"] == 0


def test_a_contact_that_is_deleted_but_still_found_keeps_nobody_from_a_new_one() -> None:
    with table(without_email="create", recreate_gone=True) as bench:
        gone = one(bench, nobody(bench))
        assert isinstance(gone, Delivered)
        bench.fake.book.deleted.add(str(gone.remote_id))  # search does not know yet
        found = one(bench, bench.delivery(1, emailed=False, remote_id=gone.remote_id))
        assert isinstance(found, Delivered)
        assert (found.created, bench.seen()) == (True, 2)


def test_without_a_field_for_the_key_nothing_is_written() -> None:
    with table(without_email="create", ready=False) as bench:
        failure = raised(bench, nobody(bench))
        assert isinstance(failure, Halt)
        assert failure.code == "apollo_no_key_field"
        assert bench.seen() == 0


def test_a_key_field_that_is_deleted_meanwhile_halts_the_lane_after_one_contact() -> None:
    with table(without_email="create") as bench:
        assert isinstance(one(bench, nobody(bench, 1)), Delivered)
        book = bench.fake.book
        book.drops_unknown = True
        (key,) = [id_ for id_, field in book.fields.items() if field["label"] == "ctgo_x_user_id"]
        del book.fields[key]
        bench.clock.advance(61.0)
        assert isinstance(one(bench, nobody(bench, 2)), Delivered)
        failure = raised(bench, nobody(bench, 3))
        assert isinstance(failure, Halt)
        assert failure.code == "apollo_no_key_field"
        assert len(bench.fake.book.contacts) == 2


@pytest.mark.parametrize("how", ["lost", "failed"])
def test_after_an_unknown_outcome_a_minute_passes_and_it_is_found(how: str) -> None:
    with table(without_email="create") as bench:
        bench.fake.lose_next_answer() if how == "lost" else bench.fake.fail_after_next()
        failure = raised(bench, nobody(bench))
        assert isinstance(failure, Pause)
        assert (failure.after, failure.unexplained) == (60.0, True)
        bench.clock.advance(60.0)
        found = one(bench, nobody(bench, maybe_sent=True))
        assert found == Delivered(next(iter(bench.fake.book.contacts)), created=False)
        assert bench.seen() == 1


def test_what_search_shows_late_is_not_written_twice() -> None:
    with table(without_email="create") as bench:
        bench.fake.book.lag = 290.0
        bench.fake.lose_next_answer()
        harness = LaneHarness(bench, nobody(bench)).settle()
        assert (harness.ids("delivered"), bench.seen()) == ([1], 1)
        codes = [failure.code for call in harness.calls for failure in call.failures]
        assert codes == ["apollo_unavailable", "apollo_not_found_yet"]


def test_a_contact_that_lost_its_key_with_the_deleted_field_is_not_written_twice() -> None:
    with table(without_email="create") as bench:
        bench.fake.lose_next_answer()
        raised(bench, nobody(bench))
        book = bench.fake.book
        (key,) = [id_ for id_, field in book.fields.items() if field["label"] == "ctgo_x_user_id"]
        del book.fields[key]
        (contact,) = book.contacts.values()
        del contact["typed_custom_fields"][key]
        book.field("ctgo_x_user_id", "string")  # made again by the operator, with another id
        bench.clock.advance(3601.0)
        found = one(bench, nobody(bench, maybe_sent=True, attempt=2))
        assert isinstance(found, Delivered), found
        assert (found.remote_id, found.created) == (contact["id"], False)
        assert len(book.contacts) == 1


@pytest.mark.parametrize(
    "url", ["https://twitter.com/Maker_1", "x.com/maker_1/", "https://x.com/maker_1?s=20"]
)
def test_a_profile_on_x_is_known_in_each_of_its_forms(url: str) -> None:
    form = Shape({}, None, ())
    assert is_same({"twitter_url": url}, {"twitter_url": "https://x.com/maker_1"}, form)
    assert not is_same({"twitter_url": url}, {"twitter_url": "https://x.com/maker_12"}, form)


def test_blank_profiles_make_nobody_the_same() -> None:
    form = Shape({}, None, ())
    assert not is_same(
        {"linkedin_url": "", "twitter_url": " "}, {"linkedin_url": "", "twitter_url": " "}, form
    )


def test_not_found_twice_some_minutes_apart_it_is_written() -> None:
    with table(without_email="create") as bench:
        first = one(bench, nobody(bench, maybe_sent=True))
        assert isinstance(first, Retry)
        assert first.after == 240.0
        bench.clock.advance(239.0)
        again = one(bench, nobody(bench, maybe_sent=True, attempt=2))
        assert isinstance(again, Retry)
        assert again.after == pytest.approx(1.0)
        assert bench.seen() == 0
        bench.clock.advance(1.0)
        assert isinstance(one(bench, nobody(bench, maybe_sent=True, attempt=3)), Delivered)
        assert bench.seen() == 1


def test_a_restart_begins_the_two_look_ups_anew() -> None:
    with table(without_email="create") as bench:
        one(bench, nobody(bench, maybe_sent=True))
        bench.clock.advance(3600.0)
        bench.connector.close()
        assert bench.again
        bench.connector = bench.again()
        assert isinstance(one(bench, nobody(bench, maybe_sent=True, attempt=5)), Retry)
        assert bench.seen() == 0


def test_each_time_it_was_sent_it_is_looked_for_twice_again() -> None:
    with table(without_email="create") as bench:
        one(bench, nobody(bench, maybe_sent=True))
        bench.clock.advance(240.0)
        bench.fake.book.lag = 100.0
        bench.fake.lose_next_answer()
        assert isinstance(raised(bench, nobody(bench, maybe_sent=True, attempt=2)), Pause)
        bench.clock.advance(60.0)
        assert isinstance(one(bench, nobody(bench, maybe_sent=True, attempt=2)), Retry)
        assert bench.seen() == 1


def test_what_was_looked_for_stays_known_when_nothing_could_be_sent() -> None:
    with table(without_email="create") as bench:
        one(bench, nobody(bench, maybe_sent=True))
        bench.clock.advance(240.0)
        bench.fake.answer_next(429, at="contacts/bulk_create", retry_after="5")
        assert isinstance(raised(bench, nobody(bench, maybe_sent=True, attempt=2)), Pause)
        assert isinstance(one(bench, nobody(bench, maybe_sent=True, attempt=2)), Delivered)


def test_somebody_else_of_the_same_name_is_not_taken_for_it() -> None:
    with table(without_email="create") as bench:
        bench.fake.book.create([{"first_name": "José", "last_name": "Álvarez-Núñez"}], ["ctgo"], dedupe=False)
        assert isinstance(one(bench, nobody(bench, maybe_sent=True)), Retry)


def test_a_filter_that_apollo_drops_is_noticed_and_nothing_told_from_it() -> None:
    with table(without_email="create") as bench:
        others = [{"first_name": f"Somebody {n}"} for n in range(250)]
        bench.fake.book.create(others, [], dedupe=False)
        bench.fake.book.drops_filters = True
        found = []
        for attempt in (1, 2, 3):
            found.append(one(bench, nobody(bench, maybe_sent=True, attempt=attempt)))
            bench.clock.advance(300.0)
        assert [isinstance(each, Retry) and each.code for each in found] == ["apollo_look_up_unclear"] * 3
        assert bench.seen() == 250


def test_an_unfiltered_page_that_holds_it_is_enough() -> None:
    with table(without_email="create") as bench:
        one(bench, nobody(bench))
        bench.fake.book.drops_filters = True
        found = one(bench, bench.delivery(1, emailed=False, maybe_sent=True, x_user_id=nobody(bench).person))
        assert isinstance(found, Delivered)
        assert bench.seen() == 1


def test_a_name_that_search_cannot_find_is_found_among_the_newest() -> None:
    with table(without_email="create") as bench:
        one(bench, bench.delivery(7, emailed=False))  # whose name is an emoji and a slogan
        bench.connector.close()
        for contact in bench.fake.book.contacts.values():
            contact["first_name"] = "renamed by a salesperson"
        found = one(bench, bench.delivery(7, emailed=False, maybe_sent=True))
        assert isinstance(found, Delivered)
        assert not found.created


def test_a_plan_without_search_stops_the_lane_before_anything_is_written_twice() -> None:
    with table(without_email="create") as bench:
        bench.fake.not_in_plan.add("contacts/search")
        failure = raised(bench, nobody(bench, maybe_sent=True))
        assert isinstance(failure, Halt)
        assert failure.code == "apollo_plan"


def test_an_answer_that_forgets_it_is_followed_by_a_look() -> None:
    with table(without_email="create") as bench:
        bench.fake.forgets.add(nobody(bench).person)
        found = one(bench, nobody(bench))
        assert isinstance(found, Retry)
        assert found.after == 60.0
        assert isinstance(one(bench, nobody(bench, maybe_sent=True, attempt=2)), Delivered)
        assert bench.seen() == 1


def test_a_second_lead_in_the_same_pass_meets_the_first_ones_contact() -> None:
    with table(without_email="create") as bench:
        sent(bench, nobody(bench))
        second = bench.delivery(2, emailed=False, x_user_id=nobody(bench).person)
        assert second.remote_id is None
        found = one(bench, second)
        assert isinstance(found, Delivered)
        assert not found.created
        assert bench.seen() == 1


def test_two_connectors_of_one_team_may_not_both_make_people_without_an_address() -> None:
    """Each would look for the person, find nobody, and make a contact."""

    def options(key: str, without_email: str) -> ApolloOptions:
        return ApolloOptions.model_validate({"api_key": key, "without_email": without_email})

    mine = {"a": options("one", "create"), "b": options("one", "skip"), "c": options("two", "create")}
    assert list(ApolloConnector.clashes(mine)) == []
    (found,) = ApolloConnector.clashes({**mine, "d": options("one", "create")})
    assert found[:2] == ("d", "without_email")
    assert "connectors.a" in found[2]
