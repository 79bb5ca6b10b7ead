"""The CSV connector passes the contract, its remote being a folder of files."""

import csv
import errno
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from connectors.csv import file
from connectors.csv.connector import CsvConnector
from syncd.testing import Bench, ConnectorContract


class Folder:
    """The folder as another program sees it. What its server does to a call is planted in `csv_disk.append`."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._patch = patch
        self._append = file.append
        self._lose = False
        patch.setattr(file, "append", self._appending)

    def objects(self) -> Sequence[Mapping[str, object]]:
        found: list[Mapping[str, object]] = []
        for path in sorted(self.folder.rglob("*.csv*")):
            if path.is_file():
                with path.open(encoding="utf-8-sig", newline="") as text:
                    found += csv.DictReader(text, strict=True)
        return found

    def lose_next_answer(self) -> None:
        self._lose = True

    def revoke(self) -> None:
        """Something else takes the file's place: unlike permissions, that stops the superuser as well."""
        self.folder.mkdir(exist_ok=True)
        for path in self.folder.glob("*.csv"):
            path.rename(path.with_suffix(".csv.kept"))
        (self.folder / "leads.csv").mkdir()

    def fail_next(self) -> None:
        raise NotImplementedError

    def poison(self, person: str) -> None:
        raise NotImplementedError

    def slow_down(self, seconds: float) -> None:
        raise NotImplementedError

    def _appending(self, fd: int, data: bytes) -> file.Fingerprint:
        """A network file system may do what it was asked to and time out on the answer."""
        mark = self._append(fd, data)
        if self._lose:
            self._lose = False
            raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        return mark


class TestCsv(ConnectorContract):
    cannot: ClassVar = {
        "fail": "the system gives a reason for every error",
        "poison": "a file refuses no row",
        "slow_down": "a file asks nobody to wait",
    }

    @pytest.fixture
    def bench(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
        folder = tmp_path / "leads"
        return Bench.open(CsvConnector, {"path": folder / "leads.csv"}, Folder(folder, monkeypatch))


class TestCsvByDay(TestCsv):
    """One file a day: what is due together may go to several files."""

    cannot: ClassVar = {**TestCsv.cannot, "revoke": "there is no one file whose place could be taken"}

    @pytest.fixture
    def bench(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
        folder = tmp_path / "days"
        return Bench.open(CsvConnector, {"path": folder / "leads-{date}.csv"}, Folder(folder, monkeypatch))
