"""The console on a real socket, and Debian's chromium in front of it."""

import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from syncd.console.access import Role
from syncd.simulator.wsgi import served
from tests.console.conftest import World

CHROMIUM = shutil.which("chromium") or ""
DESKTOP, PHONE, NARROW = (1280, 900), (390, 844), (320, 640)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("chromium is not here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Desk:
    """Somebody at a browser: pages of theirs, what the browser complained about, and every address that it asked."""

    def __init__(self, world: World, url: str, chromium: Browser) -> None:
        self.world, self.url = world, url
        self._chromium = chromium
        self.complaints: list[str] = []
        self.asked: set[str] = set()

    def open(
        self, path: str = "/", *, role: Role | None = "operator", size: tuple[int, int] = DESKTOP, **more: Any
    ) -> Page:
        """A page in a browser of its own, entered by the link's button."""
        context: BrowserContext = self._chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, **more
        )
        page = context.new_page()
        page.on(
            "console", lambda it: self.complaints.append(it.text) if it.type in {"error", "warning"} else None
        )
        page.on("pageerror", lambda it: self.complaints.append(str(it)))
        page.on("dialog", lambda it: self.complaints.append(f"dialog {it.message}"))
        page.on("request", lambda it: self.asked.add(urlsplit(it.url).netloc))
        if role is not None:
            page.goto(f"{self.url}/enter/{self.world.access.make_link('anna', role)}")
            page.get_by_role("button", name="Enter").click()
        page.goto(f"{self.url}{path}")
        return page


@pytest.fixture
def desk(world: World, chromium: Browser) -> Iterator[Desk]:
    with served(lambda *given: world.app(*given)) as url:  # noqa: PLW0108 - it is made anew below
        world.make(port=urlsplit(url).port or 0)
        found = Desk(world, url, chromium)
        yield found
        for context in chromium.contexts:
            context.close()
    assert found.asked <= {urlsplit(url).netloc}


@pytest.fixture
def empty_desk(bare: World, chromium: Browser) -> Iterator[Desk]:
    with served(lambda *given: bare.app(*given)) as url:  # noqa: PLW0108 - as above
        bare.make(port=urlsplit(url).port or 0)
        yield Desk(bare, url, chromium)
        for context in chromium.contexts:
            context.close()
