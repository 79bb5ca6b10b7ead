"""HubSpot's limits and the network: how long the connector waits, and that it blames nobody for what nobody explained."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.hubspot.connector import HubSpotConnector
from syncd.connector import Context, Delivered, Halt, Pause
from syncd.simulator.crms.hubspot import TOKEN
from syncd.testing import Journal, ManualClock
from tests.connectors.hubspot.hubspot_bench import ALWAYS, GUESSED, NONE, VERIFIED, Hub, hub, raised


@pytest.fixture
def it() -> Iterator[Hub]:
    with hub() as it:
        yield it


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
            it.deliver(it.lead(n, emailed=False))
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
        host = f"127.0.0.1:{closed.getsockname()[1]}"
        why = _pause(f"http://{host}")
    assert (why.code, why.unexplained) == ("hubspot_unreachable", False)
    assert why.detail == f"{host} refused the connection"


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
