"""`python -m tests.proof.defects`: writes the table of defects into `build/proof/defects.md`."""

from tests.proof.defects.all import DEFECTS
from tests.proof.defects.table import table
from tests.proof.figures import FOLDER

if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "defects.md").write_text(f"# Planted defects\n\n{table(DEFECTS.values())}\n")
