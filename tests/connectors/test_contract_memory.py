"""The in-memory connector passes the contract."""

import pytest

from syncd.testing import Bench, ConnectorContract, MemoryConnector, MemoryFarEnd


class TestMemory(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Bench:
        far = MemoryFarEnd(token="memory-s3cret")
        return Bench.open(MemoryConnector, {"far_end": far, "token": "memory-s3cret"}, far)
