"""Signing in, sessions that expire, headers that must not get lost, and the org's daily calls."""

import pytest

from connectors.salesforce.rate_limit import DAY, HOUR, Budget
from syncd.connector import Delivered, Halt, Pause
from syncd.simulator.crms.salesforce import CLIENT_SECRET
from syncd.testing import ManualClock
from tests.connectors.salesforce.salesforce_bench import PLAIN, Table, one, raised, sent, table


def test_an_expired_session_is_renewed_once_and_nothing_is_lost() -> None:
    with table() as bench:
        one(bench, bench.delivery(1))
        bench.fake.expire()
        assert isinstance(one(bench, bench.delivery(2)), Delivered)
        assert bench.fake.sign_ins == 2


@pytest.mark.parametrize("duplicates", ["reject", "save"])
def test_a_repeated_call_carries_the_same_headers(duplicates: str) -> None:
    with table(fields=PLAIN, duplicates=duplicates) as bench:
        one(bench, bench.delivery(1))
        bench.fake.expire()
        one(bench, bench.delivery(2))
        one(bench, bench.delivery(2, remote_id="00Q000000000002AAA"))
        new, repeated, _, known = bench.fake.calls[-4:]
        assert (new.assign, new.duplicates) == (repeated.assign, repeated.duplicates)
        assert (repeated.assign, known.assign) == ("TRUE", "FALSE")
        assert repeated.duplicates == f"allowSave={'true' if duplicates == 'save' else 'false'}"


def test_a_session_refused_as_soon_as_it_is_given_halts_after_two_calls() -> None:
    with table() as bench:
        bench.fake.stillborn = True
        why = raised(bench, bench.delivery(1))
        assert isinstance(why, Halt)
        assert why.code == "salesforce_session"
        assert (bench.fake.sign_ins, len(bench.fake.calls)) == (2, 2)


def test_a_401_without_salesforces_word_is_renewed_once_too() -> None:
    with table(fields=PLAIN) as bench:
        one(bench, bench.delivery(1))
        bench.fake.answer_next(401, b"<html>Unauthorized</html>")
        assert isinstance(one(bench, bench.delivery(2)), Delivered)


def test_a_session_from_elsewhere_is_used_and_halts_when_it_expires() -> None:
    with table() as first:
        token = first.fake.session()
        with table(session_id=token) as bench:
            bench.fake._sessions.add(token)
            assert isinstance(one(bench, bench.delivery(1)), Delivered)
            bench.fake.expire()
            why = raised(bench, bench.delivery(2))
            assert isinstance(why, Halt)
            assert why.code == "salesforce_session"
            assert bench.fake.sign_ins == 0


def test_a_wrong_client_secret_halts_and_is_not_repeated() -> None:
    with table(client_secret="wr0ng-canary") as bench:
        why = raised(bench, bench.delivery(1))
        assert isinstance(why, Halt)
        assert (why.code, "invalid_client" in why.detail) == ("salesforce_credentials", True)
        assert "canary" not in str(why)
        assert not bench.fake.calls


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, {"error": "invalid_client_id"}, Halt, "salesforce_credentials"),
        (400, {"error": "invalid_grant", "error_description": "no client credentials user enabled"}, Halt, "salesforce_credentials"),
        (401, {"error": "inactive_user"}, Halt, "salesforce_credentials"),
        (403, {"error": "inactive_org"}, Halt, "salesforce_credentials"),
        (400, {"error": "rate_limit_exceeded"}, Pause, "salesforce_unavailable"),
        (429, {}, Pause, "salesforce_unavailable"),
        (500, {"error": "invalid_grant"}, Pause, "salesforce_unavailable"),
        (503, b"<html>Maintenance</html>", Pause, "salesforce_unavailable"),
        (302, b"", Pause, "salesforce_redirected"),
        (400, b"<html>Proxy</html>", Pause, "salesforce_unexpected_answer"),
        (200, b"<html>Log in</html>", Pause, "salesforce_unexpected_answer"),
        (200, {"access_token": ""}, Pause, "salesforce_unexpected_answer"),
        (200, {"access_token": "two\nlines"}, Pause, "salesforce_unexpected_answer"),
        (200, ["token"], Pause, "salesforce_unexpected_answer"),
    ],
)  # fmt: skip
def test_what_the_token_endpoint_says_is_about_no_lead(
    status: int, body: object, kind: type, code: str
) -> None:
    with table() as bench:
        bench.fake.token_error = (status, body)
        why = raised(bench, bench.delivery(1))
        assert (type(why), why.code) == (kind, code)
        assert not (isinstance(why, Pause) and why.unexplained)


def test_a_token_that_sends_us_elsewhere_in_the_clear_is_not_followed() -> None:
    with table() as bench:
        home = bench.salesforce._wire._options.model_copy(update={"instance_url": "", "domain": "acme.my"})
        bench.salesforce._wire._options = _At(home, bench.fake.url)  # type: ignore[assignment]
        bench.fake.url = "http://salesforce.example.com"
        why = raised(bench, bench.delivery(1))
        assert isinstance(why, Pause)
        assert why.code == "salesforce_unexpected_answer"
        assert not bench.fake.calls


class _At:
    """Options of a My Domain that is found at the fake."""

    def __init__(self, options: object, home: str) -> None:
        self._options, self.home = options, home

    def __getattr__(self, name: str) -> object:
        return getattr(self._options, name)


def test_no_secret_is_in_any_address_and_the_token_is_fetched_by_one_post() -> None:
    with table() as bench:
        one(bench, bench.delivery(1))
        assert bench.fake.sign_ins == 1
        assert all(CLIENT_SECRET not in call.path + call.query for call in bench.fake.calls)


# The org's calls


def test_an_org_without_calls_left_is_asked_again_later_and_later() -> None:
    with table(fields=PLAIN) as bench:
        one(bench, bench.delivery(1))
        bench.fake.used = bench.fake.limit
        waits = []
        for _ in range(6):
            why = raised(bench, bench.delivery(2))
            assert isinstance(why, Pause)
            assert why.code == "salesforce_limit"
            waits.append(why.after)
        assert waits == [900, 1800, 3600, 7200, 14_400, 14_400]
        bench.fake.used = 0
        assert isinstance(one(bench, bench.delivery(2)), Delivered)
        bench.fake.used = bench.fake.limit
        why = raised(bench, bench.delivery(3))
        assert isinstance(why, Pause)
        assert why.after == 900


def _drained(bench: Table) -> tuple[int, Pause]:
    """How many leads go through one by one until the lane pauses, and the pause."""
    for n in range(1, 200):
        try:
            sent(bench, bench.delivery(n))
        except Pause as why:
            return n - 1, why
    raise AssertionError("it never pauses")


def test_no_more_than_our_share_of_the_orgs_calls_is_used_and_they_come_back() -> None:
    with table(fields=PLAIN, daily_share=0.1) as bench:
        bench.fake.limit = 200
        gone, why = _drained(bench)
        assert gone == 19  # and one call to read the fields
        assert why.code == "salesforce_daily_share"
        assert why.after is not None
        assert 60 <= why.after <= HOUR
        assert bench.fake.used == 20
        bench.clock.advance(DAY - 2 * HOUR)
        assert isinstance(raised(bench, bench.delivery(300)), Pause)
        bench.clock.advance(3 * HOUR)
        assert isinstance(one(bench, bench.delivery(300)), Delivered)


def test_salesforces_own_count_of_ours_wins_where_it_is_higher() -> None:
    with table(fields=PLAIN, daily_share=0.1) as bench:
        bench.fake.limit, bench.fake.per_app = 200, (20, 250)
        one(bench, bench.delivery(1))
        why = raised(bench, bench.delivery(2))
        assert isinstance(why, Pause)
        assert why.code == "salesforce_daily_share"
        bench.fake.per_app = (3, 250)
        assert isinstance(one(bench, bench.delivery(2)), Delivered)


def test_the_last_twentieth_is_left_to_the_people_whoever_used_the_rest() -> None:
    with table(fields=PLAIN) as bench:
        bench.fake.used = 14_300
        one(bench, bench.delivery(1))
        why = raised(bench, bench.delivery(2))
        assert isinstance(why, Pause)
        assert why.code == "salesforce_limit"
        bench.fake.used = 100
        assert isinstance(one(bench, bench.delivery(2)), Delivered)


def test_calls_of_the_last_24_hours_are_counted_never_too_few() -> None:
    clock = ManualClock()
    budget = Budget(0.5, clock)
    made: list[float] = []
    for step in range(300):
        clock.advance(HOUR / 7 + step)
        budget.spend()
        made.append(clock.monotonic())
        lately = sum(1 for at in made if at > clock.monotonic() - DAY)
        assert lately <= budget.own <= lately + 8
