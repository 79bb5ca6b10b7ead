"""The in-memory connector passes the contract, with and without a `setup`, and telling what became of people."""

import pytest

from syncd.testing import Bench, ConnectorContract, MemoryConnector, MemoryRemote
from tests.connectors.columned import ColumnedConnector, ColumnedRemote
from tests.connectors.telling import WATCHED, TellingConnector, TellingRemote


class TestMemory(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Bench:
        far = MemoryRemote(token="memory-s3cret")
        return Bench.open(MemoryConnector, {"remote": far, "token": "memory-s3cret"}, far)


class TestMemoryWithSetup(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Bench:
        far = ColumnedRemote(tuple(ColumnedConnector.defaults))
        return Bench.open(ColumnedConnector, {"remote": far, "token": "memory-s3cret"}, far)

    @pytest.fixture
    def bare(self) -> Bench:
        far = ColumnedRemote()
        return Bench.open(ColumnedConnector, {"remote": far, "token": "memory-s3cret"}, far)


class TestMemoryThatTells(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Bench:
        far = TellingRemote()
        options = {"remote": far, "token": far.token}
        return Bench.open(TellingConnector, options, far, clock=far.clock, watched=WATCHED)
