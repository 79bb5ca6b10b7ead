"""Word to the service manager, over real sockets."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.daemon.service_manager import Notifier
from tests.support import Clock


class Manager:
    """Listens at an address as the environment names it."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(0.0)
        self.address = address

    def heard(self) -> list[str]:
        heard = []
        while True:
            try:
                heard.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return heard


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@syncd-{os.getpid()}-{tmp_path.name}"
    made = Manager(address)
    yield made
    made.socket.close()


def test_all_words_arrive_as_the_manager_wants_them(manager: Manager) -> None:
    notifier, clock = Notifier({"NOTIFY_SOCKET": manager.address}), Clock()
    clock.advance(0.25)
    notifier.ready()
    notifier.status("2 to deliver")
    notifier.reloading(clock)
    notifier.alive()
    notifier.stopping()
    assert manager.heard() == [
        "READY=1",
        "STATUS=2 to deliver",
        "RELOADING=1\nMONOTONIC_USEC=1000250000",
        "WATCHDOG=1",
        "STOPPING=1",
    ]


def test_a_status_is_told_when_it_changed(manager: Manager) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.address})
    for line in ("one", "one", "two", "one"):
        notifier.status(line)
    assert manager.heard() == ["STATUS=one", "STATUS=two", "STATUS=one"]


def test_a_status_stays_one_line(manager: Manager) -> None:
    Notifier({"NOTIFY_SOCKET": manager.address}).status("one\nSTOPPING=1")
    assert manager.heard() == ["STATUS=one STOPPING=1"]


@pytest.mark.parametrize("address", ["", "nowhere", "vsock:2:1234", "/no/such/socket"])
def test_nobody_there_changes_nothing(address: str) -> None:
    Notifier({"NOTIFY_SOCKET": address}).ready()
    Notifier({}).ready()


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_a_watchdog_is_believed_when_it_is_meant_for_this_process(
    environ: dict[str, str], seconds: float | None
) -> None:
    assert Notifier(environ).watchdog == seconds
