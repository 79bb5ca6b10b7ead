"""What goes wrong with HubSpot, through its own library: who is blamed, who waits, and that nothing is believed too soon."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.hubspot import HubSpotConnector
from syncd.connector import Context, Field
from syncd.delivery import Delivered
from syncd.failure import Failure, Halt, Pause, Refused, Reject, Retry
from syncd.testing import Courier, Journal, ManualClock
from tests.connectors.hubspot_bench import ALWAYS, GUESSED, NONE, VERIFIED, Hub, hub
from tests.fakes.hubspot import TOKEN
from tests.fakes.hubspot_portal import definition


@pytest.fixture
def it() -> Iterator[Hub]:
    with hub() as it:
        yield it


def raised(it: Hub, *numbers: int) -> Failure:
    with pytest.raises(Failure) as why:
        it.send(*(it.lead(n) for n in numbers or (GUESSED, NONE)))
    assert why.value.fix
    return why.value


def test_a_revoked_token_halts(it: Hub) -> None:
    it.fake.revoke()
    assert (type(raised(it)), raised(it).code) == (Halt, "hubspot_token_refused")


@pytest.mark.parametrize("scope", ["crm.objects.contacts.write", "crm.objects.contacts.read"])
def test_a_missing_scope_halts_and_is_named(it: Hub, scope: str) -> None:
    it.fake.scopes.discard(scope)
    why = raised(it)
    assert (type(why), why.code, why.detail) == (
        Halt,
        "hubspot_scopes_missing",
        f"the token lacks scopes: {scope}",
    )


def test_a_plan_without_api_access_halts(it: Hub) -> None:
    it.fake.plan_has_api = False
    assert (type(raised(it)), raised(it).code) == (Halt, "hubspot_forbidden")


@pytest.mark.parametrize("multi_status", [True, False])
def test_a_renamed_property_halts_and_writes_nothing(it: Hub, *, multi_status: bool) -> None:
    it.fake.batches.multi_status = multi_status
    it.fake.portal.definitions["ctgo_biography"] = it.fake.portal.definitions.pop("ctgo_bio")
    why = raised(it)
    assert (type(why), why.code, why.detail) == (
        Halt,
        "hubspot_property_missing",
        "contacts have no property ctgo_bio",
    )
    assert it.size == 0


@pytest.mark.parametrize("multi_status", [True, False])
def test_a_portal_without_twitterhandle_goes_without_it(it: Hub, *, multi_status: bool) -> None:
    it.fake.batches.multi_status = multi_status
    del it.fake.portal.definitions["twitterhandle"]
    assert [type(each) for each in it.send(it.lead(GUESSED), it.lead(NONE))] == [Delivered] * 2
    writes = len(it.fake.calls("upsert"))
    it.deliver(it.lead(4))
    assert len(it.fake.calls("upsert")) == writes + 1


@pytest.mark.parametrize("unique", [False, None])
def test_a_key_property_that_is_not_unique_or_not_there_halts(it: Hub, *, unique: bool | None) -> None:
    del it.fake.portal.definitions["ctgo_x_user_id"]
    if unique is not None:
        it.fake.portal.definitions["ctgo_x_user_id"] = definition("ctgo_x_user_id", hasUniqueValue=unique)
    assert (type(raised(it)), raised(it).code) == (Halt, "hubspot_key_not_unique")


def test_a_fixed_option_that_does_not_exist_halts() -> None:
    with hub({**ALWAYS, "lifecyclestage": "Lead!"}) as it:
        for outcome in it.send(it.lead(GUESSED), it.lead(NONE)):
            assert isinstance(outcome, Halt)
            assert outcome.code == "hubspot_constant_refused"
        it.fake.batches.multi_status = False
        assert (type(raised(it)), raised(it).code) == (Halt, "hubspot_constant_refused")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("lifecyclestage", "{{ handle }}", "hubspot_option_missing"),
        ("email", "{{ handle }}@no dot", "hubspot_email_invalid"),
        ("ctgo_follower_count", "{{ handle }}", "hubspot_value_refused"),
    ],
)
@pytest.mark.parametrize("multi_status", [True, False])
def test_a_bad_value_is_rejected_alone(field: str, value: str, code: str, *, multi_status: bool) -> None:
    with hub(dict(ALWAYS) | {field: value}) as it:
        it.fake.batches.multi_status = multi_status
        courier = Courier(it.bench, it.lead(NONE)).settle()
        assert courier.settled[NONE].state == "rejected"
        assert courier.settled[NONE].code == code
        assert it.size == 0


def test_an_over_long_value_is_rejected_and_its_neighbours_are_not(it: Hub) -> None:
    batch = [it.lead(GUESSED), it.lead(NONE, in_place_of={"Workshop": "w" * 66_000}), it.lead(4)]
    outcomes = it.send(*batch)
    assert [type(each) for each in outcomes] == [Delivered, Reject, Delivered]
    assert isinstance(outcomes[1], Reject)
    assert outcomes[1].code == "hubspot_value_too_long"


def test_one_bad_row_of_a_hundred_costs_one_call(it: Hub) -> None:
    batch = it.bench.deliveries(100)
    it.fake.poison(batch[40].person)
    keyed = [each for each in batch if it.connector.route(each).group == "key"]
    guilty = keyed.index(batch[40]) if batch[40] in keyed else -1
    assert guilty >= 0
    outcomes = it.send(*keyed)
    assert [n for n, each in enumerate(outcomes) if not isinstance(each, Delivered)] == [guilty]
    assert len(it.fake.calls("upsert")) == 1


def test_a_batch_that_is_refused_whole_is_halved(it: Hub) -> None:
    it.fake.batches.multi_status = False
    it.fake.poison(it.lead(NONE).person)
    with pytest.raises(Refused):
        it.send(it.lead(GUESSED), it.lead(NONE))
    assert it.size == 0
    assert it.deliver(it.lead(GUESSED)).created
    assert isinstance(it.failure(it.lead(NONE)), Reject)


# Answers that say too little


@pytest.mark.parametrize("fields", [None, ALWAYS])
def test_a_row_that_the_answer_forgets_is_not_done(fields: dict[str, str | Field] | None) -> None:
    with hub(fields) as it:
        batch = [it.lead(GUESSED), it.lead(NONE), it.lead(4)]
        known = [it.lead(each.id, remote_id=it.deliver(each).remote_id) for each in batch]
        it.fake.batches.forget = 1
        if fields is None:
            assert [type(each) for each in it.send(*known)] == [Delivered] * 3  # it was the read: asked again
            original = it.fake.batches.run

            def forgetful(operation: str, body: Any) -> tuple[int, dict[str, Any]]:
                it.fake.batches.forget = int(operation == "update")
                return original(operation, body)

            it.fake.batches.run = forgetful  # type: ignore[method-assign]  # only the write forgets
        outcomes = it.send(*known)
        assert [type(each) for each in outcomes] == [Delivered, Delivered, Retry]
        assert isinstance(outcomes[2], Retry)
        assert outcomes[2].code == "hubspot_row_forgotten"


def test_errors_that_name_no_row_have_the_unsaid_rows_sent_alone(it: Hub) -> None:
    it.fake.batches.error_traces = False
    it.fake.poison(it.lead(NONE).person)
    outcomes = it.send(it.lead(GUESSED), it.lead(NONE), it.lead(4))
    assert [type(each) for each in outcomes] == [Delivered, Reject, Delivered]
    assert len(it.fake.calls("upsert")) == 2


def test_a_success_that_is_no_json_pauses_and_halts_the_third_time(it: Hub) -> None:
    for _ in range(3):
        it.fake.answer_next(200, "<html>Log in</html>", {"Content-Type": "text/html; charset=klingon"})
    kinds = [type(raised(it)) for _ in range(3)]
    assert kinds == [Pause, Pause, Halt]
    assert it.size == 0


@pytest.mark.parametrize(
    "body", [[], {"results": None}, {"results": [None, 3, {}]}, {"errors": [{}], "results": []}]
)
def test_an_odd_success_delivers_nothing(body: Any) -> None:
    with hub(ALWAYS) as it:
        it.fake.answer_next(200, body)
        outcome: object
        try:
            outcome = it.send(it.lead(NONE))[0]
        except Failure as why:
            outcome = why
        assert isinstance(outcome, Failure)


def test_another_contact_in_the_answer_is_not_taken_for_ours() -> None:
    with hub(ALWAYS) as it:
        stranger = {"id": "999", "new": True, "properties": {"ctgo_x_user_id": "5"}}
        it.fake.answer_next(200, {"results": [stranger, stranger]})
        outcomes = it.send(it.lead(GUESSED), it.lead(NONE))
        assert all(isinstance(each, Delivered) and each.remote_id != "999" for each in outcomes)
        assert it.size == 2


# Limits


def test_the_daily_quota_pauses_until_the_portals_midnight(it: Hub) -> None:
    it.connector.check()
    it.fake.daily = it.fake.used
    why = raised(it)
    assert isinstance(why, Pause)
    assert (why.code, why.after) == ("hubspot_daily_quota", 16 * 3600 + 5)
    it.bench.clock.advance(why.after or 0)
    assert it.deliver(it.lead(NONE)).created


def test_the_quota_that_an_answer_shows_as_used_up_is_not_tried(it: Hub) -> None:
    it.connector.check()
    it.fake.daily = it.fake.used + 2
    it.fake.refused = 0
    it.deliver(it.lead(NONE))
    assert raised(it).code == "hubspot_daily_quota"
    assert it.fake.refused == 0
    assert raised(it).code == "hubspot_daily_quota"  # the probe
    assert it.fake.refused == 1


def test_the_zone_is_asked_for_while_there_still_are_calls(it: Hub) -> None:
    it.fake.daily = 1000
    it.deliver(it.lead(NONE))
    assert it.fake.calls("account") == []
    it.fake.used = 985
    it.deliver(it.lead(4))
    it.deliver(it.lead(5))
    assert len(it.fake.calls("account")) == 1


def test_the_zone_of_the_options_is_believed() -> None:
    with hub(time_zone="Europe/Paris") as it:
        it.fake.daily = 0
        assert raised(it).after == 10 * 3600 + 5


def test_the_burst_limit_of_a_portal_is_never_hit() -> None:
    with hub(ALWAYS, requests_per_second=50) as it:
        it.fake.burst = 20
        began = it.bench.clock.monotonic()
        for n in range(1, 101):
            it.deliver(it.lead(n))
        assert it.fake.refused == 0
        assert it.bench.clock.monotonic() - began <= 60


def test_the_options_limit_is_kept_in_any_second() -> None:
    with hub(ALWAYS, requests_per_second=4) as it:
        sent = []
        for n in range(1, 21):
            it.deliver(it.lead(n))
            sent.append(it.bench.clock.monotonic())
        assert all(later - first >= 1 for first, later in zip(sent, sent[4:], strict=False))
        assert sent[-1] - sent[0] < 5.01


def test_waiting_for_its_turn_ends_when_syncd_stops() -> None:
    with hub(ALWAYS, requests_per_second=1) as it:
        it.deliver(it.lead(1))
        it.bench.clock.stop()
        why = raised(it)
        assert (type(why), why.code, why.after) == (Pause, "hubspot_stopping", 0.0)


# The network


def test_a_lost_answer_is_unexplained_and_sent_again_without_a_double(it: Hub) -> None:
    it.fake.lose_next_answer()
    why = raised(it)
    assert isinstance(why, Pause)
    assert why.unexplained
    assert it.size == 2
    assert [
        each.created for each in it.send(it.lead(GUESSED), it.lead(NONE)) if isinstance(each, Delivered)
    ] == [False] * 2
    assert it.size == 2


def test_trouble_after_a_part_was_written_stands_for_the_rest_only(it: Hub) -> None:
    first = it.deliver(it.lead(VERIFIED, emailed=False)).remote_id
    original = it.fake.batches.run

    def then_too_many(operation: str, body: Any) -> tuple[int, dict[str, Any]]:
        if operation == "upsert":
            it.fake.slow_down(30)
        return original(operation, body)

    it.fake.batches.run = then_too_many  # type: ignore[method-assign]  # the call after the upsert is refused
    outcomes = it.send(it.lead(6), it.lead(VERIFIED), it.lead(9))
    assert [type(each) for each in outcomes] == [Delivered, Pause, Delivered]
    assert isinstance(outcomes[1], Pause)
    assert outcomes[1].after == 30
    assert first is not None


def test_nobody_there_is_explained_and_makes_no_suspects() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        why = _pause(f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert (why.code, why.unexplained) == ("hubspot_unreachable", False)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\n\xff\xfe",
        b"HTTP/1.1 200 OK\r\nContent-Length: 17000000\r\n\r\n" + b" " * 17_000_000,
    ],
    ids=["closed", "no http", "cut off", "bad chunks", "bad gzip", "not utf-8", "endless"],
)
def test_whatever_comes_back_is_a_pause_that_blames_nobody(answer: bytes) -> None:
    with _socket_server(answer) as port:
        assert _pause(f"http://127.0.0.1:{port}").unexplained


def test_a_redirect_is_not_followed_with_the_token(it: Hub) -> None:
    with _socket_server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as port:
        it.fake.answer_next(307, "", {"Location": f"http://127.0.0.1:{port}/"})
        why = raised(it)
        assert (type(why), why.code) == (Halt, "hubspot_wrong_address")


def test_broken_tls_is_a_pause() -> None:
    with _socket_server(b"HTTP/1.1 400 not TLS\r\n\r\n") as port:
        assert _pause(f"https://127.0.0.1:{port}").code == "hubspot_unreachable"


def test_an_answer_that_drips_for_minutes_is_given_up() -> None:
    class Hasty(ManualClock):
        def monotonic(self) -> float:
            self.advance(40)
            return super().monotonic()

    body = b"{" + b" " * 1_000_000 + b"}"
    with _socket_server(b"HTTP/1.1 200 OK\r\nContent-Length: 1000002\r\n\r\n" + body) as port:
        why = _pause(f"http://127.0.0.1:{port}", Hasty())
    assert why.unexplained
    assert "2 minutes" in why.detail


def test_one_connection_serves_many_calls(it: Hub) -> None:
    for n in range(1, 6):
        it.deliver(it.lead(n))
    pools = it.connector._api._wire._pool.pools
    assert [pools[key].num_connections for key in pools.keys()] == [1]  # noqa: SIM118 - it is no dict


def _pause(url: str, clock: ManualClock | None = None) -> Pause:
    """What a delivery to that address comes to."""
    options: Any = HubSpotConnector.Options.model_validate({"access_token": TOKEN, "base_url": url})
    connector = HubSpotConnector(options, Context("crm", clock or ManualClock(), Journal()))
    with hub() as it, contextlib.closing(connector), pytest.raises(Pause) as why:
        connector.deliver([it.lead(NONE)])
    return why.value


@contextlib.contextmanager
def _socket_server(answer: bytes) -> Iterator[int]:
    """Answers one connection with these bytes and closes it."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                connection.recv(65536)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)
