"""The in-memory connector passes the contract, with and without a `setup`."""

import pytest

from syncd.testing import Bench, ConnectorContract, MemoryConnector, MemoryFarEnd
from tests.connectors.columned import ColumnedConnector, ColumnedFarEnd


class TestMemory(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Bench:
        far = MemoryFarEnd(token="memory-s3cret")
        return Bench.open(MemoryConnector, {"far_end": far, "token": "memory-s3cret"}, far)


class TestMemoryWithSetup(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Bench:
        far = ColumnedFarEnd(tuple(ColumnedConnector.defaults))
        return Bench.open(ColumnedConnector, {"far_end": far, "token": "memory-s3cret"}, far)

    @pytest.fixture
    def bare(self) -> Bench:
        far = ColumnedFarEnd()
        return Bench.open(ColumnedConnector, {"far_end": far, "token": "memory-s3cret"}, far)
