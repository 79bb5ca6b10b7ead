"""`make soak`: the real daemon under load and faults for a while, then a verdict and the samples, which `plotting` draws.

    python -m tests.proof.soak [--seconds N] [--seed N] [--out FOLDER] [--port N]

Exits 1 when something did not hold. What is left of the run (ledger, CSV, log) is kept beside the verdict then.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from tests.proof.soak.run import soaked
from tests.proof.soak.verdict import flat

OUT = Path(__file__).parents[3] / "build" / "soak"


def main() -> int:
    """Run, and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=900.0, help="how long (default: 900)")
    parser.add_argument("--seed", type=int, default=1, help="what happens when (default: 1)")
    parser.add_argument("--out", type=Path, default=OUT, help="where the results go (default: build/soak)")
    parser.add_argument("--port", type=int, default=18377, help="of the health page (default: 18377)")
    order = parser.parse_args()
    shutil.rmtree(order.out, ignore_errors=True)
    order.out.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="syncd-soak-") as name:
        folder = Path(name)
        soak = soaked(order.seconds, folder, order.seed, order.port)
        claims = [*soak.kept(), *flat(soak.samples)]
        good = all(claim.holds for claim in claims)
        if not good:
            shutil.copytree(folder, order.out / "left")
    met = sum(soak.skies.met.values())
    lines = [
        (
            f"{soak.now:.0f} s, seed {order.seed}: {soak.found()} leads, {soak.skies.requests.total()} requests, "
            f"{met} of them met a trouble of {len({name.split()[1] for name in soak.skies.met})} kinds, "
            f"{len(soak.deaths)} deaths, {soak.resumed} halts lifted"
        ),
        "",
        *(f"{'ok' if c.holds else 'NO':3} {c.what:45} {c.seen:>24}  {c.bound}" for c in claims),
        "",
        *soak.oracle.objections[:20],
        *soak.skies.mistakes[:20],
        "",
        "everything held" if good else "something did not hold",
    ]
    text = "\n".join(lines)
    (order.out / "verdict.txt").write_text(text + "\n")
    seen = {
        "samples": [sample._asdict() for sample in soak.samples],
        "deaths": soak.deaths,
        "spells": soak.spells,
    }
    (order.out / "soak.json").write_text(json.dumps(seen))
    print(text)
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
