"""Writes docs/reference and the manual page. A test compares the files with what this module makes, so that none goes stale."""

import sys
from pathlib import Path

from tests.docs.reference import manual
from tests.docs.reference.pages import pages

FOLDER = Path(__file__).parents[3] / "docs" / "reference"


def main() -> int:
    """Write every page, and remove the pages that are no more; return how the process exits."""
    made = pages()
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text)
    manual.FILE.write_text(manual.page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
