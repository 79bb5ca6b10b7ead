"""`check` says whether somebody would hear of trouble, and tries it when asked to; and whether health can be served."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from tests.alerts.receivers import Plain, Receiver
from tests.cli.conftest import Home, findings


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None: ...


@contextmanager
def served(receiver: Receiver) -> Iterator[str]:
    with make_server("127.0.0.1", 0, receiver, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/services/canary-hook"
        finally:
            server.shutdown()
            thread.join()


def alerts(home: Home, **settings: str) -> None:
    lines = "".join(f'{key} = "{value}"\n' for key, value in settings.items())
    home.connectors["sheet"] += f"\n[alerts]\n{lines}"
    home.configure()


def test_nobody_hears_unless_an_address_is_set(home: Home) -> None:
    code, found = findings(home)
    assert (code, found["warning", "alerts"]) == (
        0,
        ["No alert address is set: nobody gets a message when something needs a person. nobody_hears"],
    )


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("webhook_url", "gets a message when something is wrong"),
        ("heartbeat_url", "is pinged after each clean pull"),
    ],
)
def test_one_address_is_enough_and_is_not_told(home: Home, key: str, said: str) -> None:
    receiver = Plain()
    with served(receiver) as url:
        alerts(home, **{key: url})
        code, found = findings(home)
    assert (code, found["ok", "alerts"]) == (0, [f"127.0.0.1 {said}"])
    assert ("warning", "alerts") not in found
    assert receiver.methods == []


def test_a_test_message_is_sent_when_asked_for_and_the_heart_does_not_beat(home: Home) -> None:
    receiver = Plain()
    with served(receiver) as url:
        alerts(home, webhook_url=url, heartbeat_url=f"{url}/beat")
        code, found = findings(home, "--alerts")
    assert (code, found["ok", "alerts"][0]) == (0, "127.0.0.1 took a test message")
    assert receiver.methods == ["POST"]
    assert "a test message" in receiver.shown[0]


def test_a_webhook_that_does_not_take_it_is_an_error_without_its_address(home: Home) -> None:
    with served(Plain(status="404 no_service")) as url:
        alerts(home, webhook_url=url)
        code, found = findings(home, "--alerts")
    assert (code, found["error", "alerts"]) == (2, [f"{urlsplit(url).netloc} answered 404. alert_unsent"])
    assert "canary-hook" not in str(found)


def test_a_health_port_that_somebody_has_is_said(home: Home) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        home.connectors["sheet"] += f'\n[health]\nlisten = "{place}"'
        home.configure()
        code, found = findings(home)
        (said,) = found["warning", "health"]
    assert code == 0
    assert said.startswith(f"The daemon could not serve its health on {place}: Address already in use.")
    code, found = findings(home)
    assert ("warning", "health") not in found
