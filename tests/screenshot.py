"""Makes the README's picture: runs the demo on a recording console and saves what it shows as SVG.

Usage: python -m tests.screenshot docs/demo.svg
"""

import contextlib
import io
import os
import re
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from syncd.cli.run.demo import show_demo


def main(target: Path) -> int:
    """Run the demo and save its picture; the demo's exit code."""
    console = Console(record=True, color_system="truecolor", width=92, highlight=False, file=io.StringIO())
    # As somebody sees it who installed syncd
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        code = show_demo(console, Path("demo"))
    target.parent.mkdir(parents=True, exist_ok=True)
    # A picture asks no other machine for its letters
    picture = console.export_svg(title="syncd demo")
    target.write_text(re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL))
    return int(code)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
