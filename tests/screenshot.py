"""Makes the README's picture: runs the demo on a recording console and saves what it shows as SVG.

Usage: python -m tests.screenshot docs/demo.svg
"""

import io
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from syncd.cli.run.demo import show_demo


def main(target: Path) -> int:
    """Run the demo and save its picture; the demo's exit code."""
    console = Console(record=True, color_system="truecolor", width=92, highlight=False, file=io.StringIO())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "demo"
        code = show_demo(console, folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    console.save_svg(str(target), title="syncd demo")
    target.write_text(target.read_text().replace(scratch + "/", ""))
    return int(code)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
