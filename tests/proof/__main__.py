"""`python -m tests.proof SECONDS`: the layers of the proof, deeper the more time there is, then whole worlds until it is up.

The result is in `build/proof/README.md` afterwards, whether it went well or not.
"""

import os
import subprocess
import sys
import time

from tests.proof.figures import FOLDER, read, record
from tests.proof.layers import LAYERS
from tests.proof.page import render
from tests.proof.telling import TREE, WHOLE

FIRST_SEED = 100_000
"""Of the worlds that fill the time: none of those that the simulation's own tests run."""


def main(seconds: float) -> int:
    """The exit code: pytest's, or 1 when a world of those that filled the time ended badly."""
    begun = time.monotonic()
    until = time.time() + seconds
    cores = os.cpu_count() or 1
    folders = dict.fromkeys(layer.where.rpartition("/")[0] for layer in LAYERS)
    there = [folder for folder in folders if (TREE / folder).is_dir()]
    environment = {**os.environ, "PROOF_SECONDS": f"{seconds:g}", WHOLE: "1"}
    pytest = [sys.executable, "-m", "pytest", "-n", "auto", "--dist", "worksteal", *there]
    code = subprocess.run(pytest, cwd=TREE, env=environment, check=False).returncode
    if not (FOLDER / "run.json").exists():
        return code or 1
    print(f"{max(0.0, until - time.time()):.0f} s are left, for worlds of new seeds", flush=True)  # noqa: T201
    worlds = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.proof.longer", str(FIRST_SEED + n), str(cores), str(until)],
            cwd=TREE,
        )
        for n in range(cores)
    ]
    codes = [world.wait() for world in worlds]
    record("run", {"seconds": time.monotonic() - begun - float(read()["run"]["seconds"])})
    page = render(read())
    (FOLDER / "README.md").write_text(f"{page}\n")
    print(page, flush=True)  # noqa: T201
    return code or int(any(codes))


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
