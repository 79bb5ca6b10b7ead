"""Builds the site of `make docs`: gathers the pages, lets Zensical make them, and looks for requests to elsewhere.

Usage: python -m tests.docs.site. It imports nothing of syncd: it runs in the environment that has Zensical.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"
PAGES = BUILD / "pages"
SITE = BUILD / "docs"
CONFIG = ROOT / "docs" / "zensical.toml"

FETCHED = {
    "audio": "src", "embed": "src", "iframe": "src", "img": "src", "link": "href", "object": "data",
    "script": "src", "source": "src", "video": "src",
}  # fmt: skip
"""The attribute by which each element makes a browser fetch something."""
IDLE = {"canonical", "prev", "next", "alternate"}
"""Values of a link's `rel` for which nothing is fetched."""

_LINK = re.compile(r"\[([^\]\[]*)\]\(([^)\s]+)\)")
_IN_STYLE = re.compile(r"(?:url\(\s*|@import\s+)[\"']?(?:https?:)?//[^)\"';]+")


def gather(source: Path, target: Path) -> list[str]:
    """Copy a repository's README, and all that it leads to, with the same names; return their paths."""
    shutil.rmtree(target, ignore_errors=True)
    waiting, done = ["README.md"], set[str]()
    while waiting:
        name = waiting.pop()
        if name in done:
            continue
        done.add(name)
        page = source / name
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if page.suffix == ".md":
            waiting += links_of(page, source)
            copy.write_text(_without_folders(page))
        else:
            shutil.copyfile(page, copy)
    return sorted(done)


def links_of(page: Path, root: Path) -> list[str]:
    """Return the files below `root` that a page leads to, by their paths from there."""
    paths = [
        (page.parent / link.partition("#")[0]).resolve()
        for _, link in _LINK.findall(page.read_text())
        if "://" not in link and not link.startswith("#")
    ]
    return [str(path.relative_to(root)) for path in paths if path.is_file()]


def _without_folders(page: Path) -> str:
    """Return a page's text in which a link to a folder is plain: a site shows no folders."""

    def plain(link: re.Match[str]) -> str:
        words, path = link.groups()
        return words if "://" not in path and (page.parent / path).is_dir() else link[0]

    return _LINK.sub(plain, page.read_text())


class _Requests(HTMLParser):
    """Collects the addresses that a browser would fetch from another machine."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        address = given.get(FETCHED.get(tag, ""), "")
        if re.match("(https?:)?//", address) and not IDLE & set(given.get("rel", "").split()):
            self.found.append(address)
        self.found += _IN_STYLE.findall(given.get("style", ""))


def requests_elsewhere(site: Path) -> Iterator[str]:
    """Yield `file: address` for each thing that a built site would fetch from another machine."""
    for page in sorted(site.rglob("*.html")):
        parser = _Requests()
        text = page.read_text()
        parser.feed(text)
        styles = "".join(re.findall(r"<style.*?</style>", text, re.DOTALL))
        yield from (f"{page.relative_to(site)}: {it}" for it in [*parser.found, *_IN_STYLE.findall(styles)])
    for sheet in sorted(site.rglob("*.css")):
        yield from (f"{sheet.relative_to(site)}: {it}" for it in _IN_STYLE.findall(sheet.read_text()))


def main() -> int:
    """Build the site; return how the process exits."""
    gather(ROOT, PAGES)
    # Zensical writes nothing outside the folder of its configuration
    config = str(shutil.copy(CONFIG, BUILD))
    shutil.rmtree(SITE, ignore_errors=True)
    zensical = [sys.executable, "-m", "zensical", "build", "--clean", "--strict", "-f", config]
    if code := subprocess.run(zensical, cwd=ROOT, check=False).returncode:
        return code
    found = [f"asks another machine: {it}\n" for it in requests_elsewhere(SITE)]
    sys.stdout.write(
        "".join(found)
        or f"The site is in {SITE.relative_to(ROOT)}. To read it: python3 -m http.server -d build/docs\n"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
