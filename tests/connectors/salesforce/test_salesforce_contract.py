"""The Salesforce connector passes the contract, its remote being the fake behind a socket."""

from collections.abc import Iterator

import pytest

from syncd.testing import Bench, ConnectorContract
from tests.connectors.salesforce.salesforce_bench import PLAIN, table


class TestSalesforce(ConnectorContract):
    """With the default mapping, which looks before it writes."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with table() as ready:
            yield ready

    @pytest.fixture
    def bare(self) -> Iterator[Bench]:
        with table(ready=False) as new:
            yield new


class TestSalesforceWritingOnly(ConnectorContract):
    """With a mapping that never looks."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with table(fields=PLAIN) as ready:
            yield ready

    @pytest.fixture
    def bare(self) -> Iterator[Bench]:
        with table(fields=PLAIN, ready=False) as new:
            yield new


class TestSalesforceLinking(TestSalesforce):
    """And with people found in the org linked."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with table(duplicates="link", batch=4) as ready:
            yield ready
