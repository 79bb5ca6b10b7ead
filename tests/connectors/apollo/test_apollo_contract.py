"""The Apollo connector passes the contract, its remote being the fake behind a socket."""

from collections.abc import Iterator

import pytest

from syncd.testing import Bench, ConnectorContract
from tests.connectors.apollo.apollo_bench import table


class TestApollo(ConnectorContract):
    """With leads that have no email, which is the harder half."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with table(without_email="create") as ready:
            yield ready

    @pytest.fixture
    def bare(self) -> Iterator[Bench]:
        with table(without_email="create", ready=False) as new:
            yield new


class TestApolloFilling(TestApollo):
    """And with contacts of others filled where they are empty."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with table(without_email="create", update_existing="if_empty", recreate_gone=True) as ready:
            yield ready
