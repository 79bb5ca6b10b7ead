"""The console in this process on a real ledger, in virtual time; browsers are WSGI clients that keep cookies."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from syncd.console.access import Access, Role
from syncd.console.app import ROUTES, Bound, Route, Shared, make_app
from syncd.console.readings import Engine, Readings
from syncd.core.delivery import Change
from syncd.core.lane_state import LaneState
from syncd.ledger import Ledger
from syncd.ledger.admin.actions import pause_lanes
from syncd.ledger.lanes import save_lane
from syncd.settings import Console, ConsoleProxy, Settings, load
from tests.ledger.rows import admission, put, settle
from tests.support.virtual import START, Clock, Log

PORT = 8379
HERE = f"127.0.0.1:{PORT}"
PUBLIC = "https://ops.example.com"
CANARIES = ("h7001", "canary-handle", "mara@canary.example", "Mara Canary", "canary reason")
"""What is known of people, and what somebody or a remote wrote about them."""

CONFIG = """
[sources.main]
api_key = "ctgo_canary_key_77"
[connectors.crm]
type = "webhook"
url = "https://hooks.example.com/canary-address"
[connectors.sheet]
type = "csv"
path = "leads.csv"
[console]
"""


@dataclass
class Browser:
    """A browser: it keeps cookies, and says where a form comes from."""

    client: Client
    host: str = HERE
    scheme: str = "http"
    headers: dict[str, str] = field(default_factory=dict)

    def _send(self, method: str, path: str, headers: dict[str, str], **more: Any) -> TestResponse:
        base = f"{self.scheme}://{self.host}"
        return self.client.open(
            path, method=method, base_url=base, headers={**self.headers, **headers}, **more
        )

    def get(self, path: str = "/", **headers: str) -> TestResponse:
        return self._send("GET", path, {name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path: str, form: dict[str, str] | None = None, /, **headers: str) -> TestResponse:
        """Send a form as a page of ours does; `Origin` and the like may be given instead, empty: not at all."""
        sent = {"Origin": f"{self.scheme}://{self.host}", "Sec-Fetch-Site": "same-origin"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self._send("POST", path, {name: it for name, it in sent.items() if it}, data=form or {})

    def token(self, path: str = "/more") -> str:
        """A token of a form on a page."""
        found = re.search(r'name="token" value="([^"]+)"', self.get(path).text)
        assert found is not None
        return found[1]


@dataclass
class World:
    """A console, its ledger, and whoever looks."""

    folder: Path
    settings: Settings
    clock: Clock
    log: Log
    access: Access
    readings: Readings
    engine: list[int | None]
    app: Any = None
    routes: tuple[Route, ...] = tuple(ROUTES)

    @property
    def path(self) -> Path:
        return self.settings.state.path

    def make(self, console: Console | None = None, *, port: int = PORT, by_socket: bool = False) -> Any:
        shared = Shared(
            self.settings, console or Console(), self.access, self.readings, self.clock, self.log, "ledger-1"
        )
        self.app = make_app(shared, Bound(port, by_socket), routes=self.routes)
        return self.app

    def browser(self, **more: Any) -> Browser:
        return Browser(Client(self.app), **more)

    def entered(self, role: Role = "operator", name: str = "anna", **more: Any) -> Browser:
        """A browser that came by a link."""
        browser = self.browser(**more)
        assert browser.post(f"/enter/{self.access.make_link(name, role)}").status_code == 303
        return browser


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[World]:
    """A console beside which there is no ledger."""
    (tmp_path / "config.toml").write_text(CONFIG)
    settings = load(tmp_path / "config.toml", {}, docker_secrets=tmp_path)
    clock, log, engine = Clock(), Log(), [4121]
    found: list[int | None] = list(engine)
    access = Access(settings.state.path, clock)
    readings = Readings(settings, clock, Engine(lambda _: found[0], lambda _: START - 60))
    world = World(tmp_path, settings, clock, log, access, readings, found)
    world.make()
    yield world
    readings.close()
    access.close()


@pytest.fixture
def world(bare: World) -> World:
    """Three leads: one delivered, one refused, one on its way; a lane that halted, and a pause with a reason."""
    with Ledger.open(bare.path) as ledger:
        put(ledger, *(admission(n, "crm", "sheet") for n in (7001, 7002, 7003)), now=bare.clock.now() - 60)
        refused = Change(
            3, "rejected", 1, code="webhook_refused", detail="no canary-handle, mara@canary.example"
        )
        settle(ledger, Change(1, "delivered", 1, remote_id="1"))
        settle(ledger, refused)
        with ledger.write() as connection:
            pulled = "INSERT INTO source (name, listing, started, pulled_at) VALUES ('main', 'all', 1, ?)"
            connection.exec_driver_sql(pulled, (bare.clock.now(),))
            detail = "Mara Canary (mara@canary.example) may not"
            halted = LaneState(
                "deliver", "crm", "halted", "webhook_gone", detail, "syncd", bare.clock.now() - 1700
            )
            save_lane(connection, halted)
            pause_lanes(
                connection,
                [("deliver", "sheet")],
                bare.clock.now(),
                who="ben",
                until=None,
                reason="canary reason: h7001",
            )
    return bare


MakeProxy = Callable[..., Console]


def proxied(listen: str = f"127.0.0.1:{PORT}", secret: str = "") -> Console:
    """The settings of a console behind a proxy."""
    proxy = ConsoleProxy(operators=("anna@example.com",), **({"secret": secret} if secret else {}))
    return Console(listen=listen, public_url=PUBLIC, proxy=proxy)
