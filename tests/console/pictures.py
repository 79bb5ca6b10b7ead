"""Pictures of the console for its page in the docs, on a made-up ledger: `python -m tests.console.pictures docs/console`."""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, sync_playwright

from syncd.console.access import Access
from syncd.console.app import Bound, Shared, make_app
from syncd.console.readings import Engine, Readings
from syncd.core.delivery import Change
from syncd.core.lane_state import LaneState
from syncd.ledger import Ledger
from syncd.ledger.admin.actions import pause_lanes
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.history import log_action
from syncd.ledger.lanes import save_lane
from syncd.settings import load
from syncd.simulator.wsgi import served
from tests.ledger.rows import admission, put, settle
from tests.support.virtual import Clock, Log

SIZES = {"now": (1280, 900), "now-phone": (390, 844)}
CONFIG = """
[sources.main]
api_key = "ctgo_x"
[connectors.crm]
type = "hubspot"
[connectors.org]
type = "salesforce"
[connectors.sheet]
type = "csv"
path = "leads.csv"
[connectors.automation]
type = "webhook"
url = "https://hooks.example.com/x"
[console]
"""


def _ids(ledger: Ledger, connector: str) -> list[int]:
    with ledger.read() as connection:
        query = "SELECT id FROM delivery WHERE connector = ? ORDER BY id"
        return [id_ for (id_,) in connection.exec_driver_sql(query, (connector,))]


def fill(path: Path, now: float) -> None:
    """Leads on every kind of way: delivered, waiting, refused, held; a halt, a pause and acts."""
    crm, org, sheet, automation = "crm", "org", "sheet", "automation"
    with Ledger.open(path) as ledger:
        put(ledger, *(admission(n, crm, org, sheet) for n in range(1, 401)), now=now - 1700)
        rows = [(4, "salesforce_duplicate"), (9, "salesforce_validation"), (2, "salesforce_picklist")]
        ids = {name: _ids(ledger, name) for name in (crm, org, sheet)}
        codes = [code for n, code in rows for _ in range(n * 3)]
        refused = [Change(it, "rejected", 1, code=code) for it, code in zip(ids[org], codes, strict=False)]
        settle(ledger, *refused, connector=org)
        for name, some in ((org, ids[org][len(codes) :]), (sheet, ids[sheet]), (crm, ids[crm][:290])):
            settle(ledger, *(Change(it, "delivered", 1, remote_id=f"{it}") for it in some), connector=name)
        put(ledger, *(admission(n, automation) for n in range(1000, 2840)), now=now - 540)
        with ledger.write() as connection:
            pulled = "INSERT INTO source (name, listing, started, pulled_at) VALUES ('main', 'all', 1, ?)"
            connection.exec_driver_sql(pulled, (now - 12,))
            why = "HubSpot does not accept the access token (401, EXPIRED_AUTHENTICATION)."
            save_lane(
                connection,
                LaneState("deliver", crm, "halted", "hubspot_token_refused", why, "syncd", now - 1680),
            )
            flood_gate.know(connection, automation, 200)
            flood_gate.hold(connection, automation)
            flood_gate.close(connection, automation, now - 540)
            pause_lanes(
                connection,
                [("deliver", sheet)],
                now - 900,
                who="ben",
                until=now + 5 * 3600,
                reason="We move the folder.",
            )
            log_action(
                connection, now - 400, who="anna", verb="retry", name=org, detail="12, salesforce_validation"
            )


def shoot(browser: Browser, url: str, access: Access, folder: Path) -> None:
    """Take each picture, in the light scheme, and Now in the dark one."""
    for scheme in ("light", "dark"):
        for name, (width, height) in SIZES.items():
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            page.goto(f"{url}/enter/{access.make_link('anna', 'operator')}")
            page.get_by_role("button", name="Enter").click()
            page.wait_for_selector("#live, .live:visible")
            end = "" if scheme == "light" else "-dark"
            tall = int(page.evaluate("document.documentElement.scrollHeight"))
            page.set_viewport_size(
                {"width": width, "height": max(height, tall)}
            )  # the bar of a phone is at its end
            page.screenshot(path=folder / f"{name}{end}.png")
            if scheme == "light" and name == "now":
                page.goto(f"{url}/activity")
                page.screenshot(path=folder / "activity.png", full_page=True)
                page.goto(f"{url}/more")
                page.screenshot(path=folder / "more.png", full_page=True)


def main(folder: Path) -> None:
    """Write the pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        (Path(home) / "config.toml").write_text(CONFIG)
        settings = load(Path(home) / "config.toml", {}, docker_secrets=Path(home), keyless=True)
        clock = Clock(1_796_008_542.0)
        fill(settings.state.path, clock.now())
        access = Access(settings.state.path, clock)
        readings = Readings(settings, clock, Engine(lambda _: 4121, lambda _: clock.now() - 1_051_200))
        assert settings.console is not None
        shared = Shared(settings, settings.console, access, readings, clock, Log(), "ledger-1")
        apps: list[Any] = []
        with served(lambda *given: apps[0](*given)) as url:  # noqa: PLW0108 - it is made below
            apps.append(make_app(shared, Bound(urlsplit(url).port or 0)))
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            shoot(browser, url, access, folder)
            browser.close()
        readings.close()
        access.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
