"""`make release`: the same commit gives the same bytes, and each file holds what it is for."""

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import release
from tests.deploy.dockerfile import pins

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def unpacked(to: Path) -> Path:
    """The last commit in a folder, with today's `pyproject.toml`, and its files as young as the folder."""
    try:
        packed = release.archive()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no clone")
    with tarfile.open(fileobj=io.BytesIO(packed)) as files:
        files.extractall(to, filter="data")
    shutil.copy(ROOT / "pyproject.toml", to)
    for path in to.rglob("*"):
        os.utime(path, (time.time(), time.time()))
    return to


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The wheel and the source package."""
    return release.build(unpacked(tmp_path_factory.mktemp("source")), tmp_path_factory.mktemp("built"))


@pytest.fixture
def open_umask() -> Iterator[None]:
    old = os.umask(0)
    yield
    os.umask(old)


@pytest.mark.usefixtures("open_umask")
def test_two_builds_give_the_same_bytes(built: list[Path], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    again = release.build(unpacked(tmp_path / "elsewhere"), tmp_path / "out")
    assert [path.name for path in again] == [path.name for path in built]
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in built]


def test_the_wheel_is_also_what_the_source_package_builds(built: list[Path], tmp_path: Path) -> None:
    wheel, source = built
    with tarfile.open(source) as files:
        files.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    (tmp_path / "out").mkdir()
    release.tool(folder, "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path / "out"))
    assert (tmp_path / "out" / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_wheel_and_the_source_package_hold_the_manual_page(built: list[Path]) -> None:
    wheel, source = built
    with zipfile.ZipFile(wheel) as packed, tarfile.open(source) as files:
        pages = [packed.read(it) for it in packed.namelist() if it.endswith("/share/man/man1/syncd.1")]
        [written] = (it for it in files if it.name.endswith("/syncd/man/syncd.1"))
        told = files.extractfile(written)
        assert told
        assert pages == [told.read()]


def test_the_context_holds_all_that_the_build_of_the_container_copies() -> None:
    try:
        packed = release.archive(*release.CONTEXT)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no clone")
    with tarfile.open(fileobj=io.BytesIO(packed)) as files:
        names = set(files.getnames())
    dockerfile = (ROOT / "deploy" / "docker" / "Dockerfile").read_text()
    copied = [
        name
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE)
        for name in line.split()
    ]
    assert copied
    assert set(copied) - names == set()
    assert "deploy/docker/Dockerfile" in names
    assert not [name for name in names if name.startswith("tests")]


def test_the_sums_are_those_that_sha256sum_reads(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).write_text(name)
    lines = release.sums(tmp_path)
    assert [line[-1] for line in lines.splitlines()] == ["a", "b"]
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict"], input=lines, cwd=tmp_path, capture_output=True, text=True, check=False  # noqa: S607
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr


def test_a_tool_that_fails_ends_it_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"hatchling failed:\n(.|\n)*Missing `project`"):
        release.tool(tmp_path, "hatchling", "build")


def test_its_tools_are_pinned_and_build_with_the_hatchling_of_the_lock() -> None:
    group = PROJECT["dependency-groups"]["release"]
    assert all(re.fullmatch(r"[a-z-]+==[\d.]+", it) for it in group)
    assert f"hatchling=={pins(ROOT / 'requirements.lock')['hatchling'][0]}" in group


def test_the_metadata_names_what_is_true() -> None:
    about = PROJECT["project"]
    assert about["authors"] == [{"name": "syncd contributors"}]
    assert about["license"] == "Apache-2.0"
    versions = {it.rpartition(" ")[2] for it in about["classifiers"] if re.search(r":: 3\.\d+$", it)}
    assert versions >= {"3.11", f"3.{sys.version_info.minor}"}
