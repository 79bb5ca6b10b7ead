"""The site of `make docs` has every page, and asks no other machine for anything."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.site import CONFIG, ROOT, gather, requests_elsewhere

PROJECT: dict[str, Any] = tomllib.loads(CONFIG.read_text())["project"]


def pages_in(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for part in nav if isinstance(nav, list) else nav.values() if isinstance(nav, dict) else ():
        yield from pages_in(part)


def test_the_menu_has_every_page_once() -> None:
    pages = [str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md")]
    wanted = {page for page in pages if "decisions/" not in page} | {"docs/decisions/README.md"}
    listed = list(pages_in(PROJECT["nav"]))
    assert wanted - set(listed) == set()
    assert len(listed) == len(set(listed))
    assert [page for page in listed if not (ROOT / page).is_file()] == []


def test_the_site_gathers_every_page_of_the_menu(tmp_path: Path) -> None:
    assert set(pages_in(PROJECT["nav"])) - set(gather(ROOT, tmp_path / "pages")) == set()


def test_a_link_to_a_folder_is_plain_in_the_site(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "things").mkdir(parents=True)
    (source / "README.md").write_text("[all](things), [one](one.md#part), [it](https://x.test/a)")
    (source / "one.md").write_text("# Part")
    assert gather(source, tmp_path / "to") == ["README.md", "one.md"]
    assert (tmp_path / "to" / "README.md").read_text() == "all, [one](one.md#part), [it](https://x.test/a)"


def test_letters_come_from_the_readers_machine() -> None:
    assert PROJECT["theme"]["font"] is False


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.test/a.js"></script>',
        '<link rel="stylesheet" href="//fonts.test/a.css">',
        '<link rel="preconnect" href="https://fonts.test">',
        "<style>@import 'https://fonts.test/a.css'</style>",
        '<p style="background: url(https://cdn.test/a.png)">',
    ],
)
def test_a_request_to_another_machine_is_noticed(tmp_path: Path, html: str) -> None:
    """Negative control."""
    (tmp_path / "index.html").write_text(html)
    assert len(list(requests_elsewhere(tmp_path))) == 1


def test_links_and_own_files_are_no_requests(tmp_path: Path) -> None:
    own = '<a href="https://x.test">x</a><link rel="canonical" href="https://x.test/a"><script src="a.js"></script>'
    (tmp_path / "index.html").write_text(own)
    (tmp_path / "a.css").write_text("p { background: url(a.png) }")
    assert list(requests_elsewhere(tmp_path)) == []


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
@pytest.mark.parametrize("target", ["test", "demo"])
def test_neither_tests_nor_demo_install_the_tools_of_the_site(target: str) -> None:
    command = ["make", "--dry-run", "--always-make", target]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not re.search(r"zensical|venv-docs|--group docs", told)
    assert "zensical" not in (ROOT / "requirements.lock").read_text()


def test_the_builder_imports_nothing_of_syncd() -> None:
    code = (
        "import sys; import tests.docs.site; sys.exit(any(m.split('.')[0] == 'syncd' for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
