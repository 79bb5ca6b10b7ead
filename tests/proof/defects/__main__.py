"""`python -m tests.proof.defects`: writes the table of defects into `tests/README.md`."""

from pathlib import Path

from tests.proof.defects.all import DEFECTS
from tests.proof.defects.table import BEGIN, END, between, table

PAGE = Path(__file__).parents[2] / "README.md"

if __name__ == "__main__":
    PAGE.write_text(between(PAGE.read_text(), BEGIN, END, table(DEFECTS.values())))
