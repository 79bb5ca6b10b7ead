"""`make release`: the files of a release in `build/release`, from the last commit, and checked.

The wheel, the source, the context of the container's build, and a list of the packages that the program needs (SBOM,
CycloneDX). The time in each file is that of the commit, so who builds the same commit with the same Python gets the same
bytes. Nothing is uploaded.
"""

import gzip
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUT = ROOT / "build" / "release"
CONTEXT = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "config.example.toml",
    "connectors",
    "syncd",
    "deploy/docker",
)
"""The parts of a clone that the build of the container sees."""
LOCK = "deploy/docker/requirements.lock"


def main() -> int:
    """Build everything, and check it; return the exit code."""
    if said("git", "status", "--porcelain"):
        print("Not everything is committed: these are the files of the last commit.", file=sys.stderr)
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        with tarfile.open(fileobj=BytesIO(archive())) as files:
            files.extractall(source, filter="data")
        packages = build(source, OUT)
        version = packages[0].name.split("-")[1]
        tool(source, "twine", "check", "--strict", *map(str, packages))
        tool(source, "check_wheel_contents", str(packages[0]))
        sbom(source, OUT / f"syncd-{version}.cdx.json", version)
    (OUT / f"syncd-{version}-container.tar.gz").write_bytes(gzip.compress(archive(*CONTEXT), mtime=0))
    (OUT / "SHA256SUMS").write_text(sums(OUT))
    print("\n".join(sorted(str(path.relative_to(ROOT)) for path in OUT.iterdir())))
    return 0


def build(source: Path, out: Path) -> list[Path]:
    """Build the wheel and the source package; return both in this order."""
    tool(source, "hatchling", "build", "--directory", str(out))
    return [*out.glob("*.whl"), *out.glob("*.tar.gz")]


def sbom(source: Path, file: Path, version: str) -> None:
    """List the pinned packages that the program needs, with their hashes."""
    tool(
        source, "cyclonedx_py", "requirements", "--output-reproducible", "--pyproject", "pyproject.toml",
        "--output-file", str(file), LOCK,
    )  # fmt: skip
    found = json.loads(file.read_text())
    found["metadata"]["component"]["version"] = version  # pyproject.toml does not hold it
    file.write_text(json.dumps(found, indent=2) + "\n")


def sums(folder: Path) -> str:
    """Return the SHA-256 of each file, as `sha256sum --check` reads them."""
    files = sorted(folder.iterdir())
    return "".join(f"{hashlib.sha256(it.read_bytes()).hexdigest()}  {it.name}\n" for it in files)


def tool(folder: Path, module: str, *arguments: str) -> None:
    """Run a tool of this Python's environment in a folder; the last commit's time is the time in what it makes."""
    moment = {"SOURCE_DATE_EPOCH": said("git", "log", "-1", "--format=%ct")}
    command = [sys.executable, "-m", module, *arguments]
    ran = subprocess.run(
        command, cwd=folder, env={**os.environ, **moment}, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        sys.exit(f"{module} failed:\n{ran.stdout}{ran.stderr}")


def archive(*paths: str) -> bytes:
    """Return the last commit as a tar archive, or these parts of it."""
    command = ["git", "archive", "--format=tar", "HEAD", *paths]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout


def said(*command: str) -> str:
    """Return what a command prints."""
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
