"""The Attio connector passes the contract, its remote being the fake behind a socket."""

from collections.abc import Iterator

import pytest

from syncd.testing import Bench, ConnectorContract
from tests.connectors.attio.bench import table


class TestAttio(ConnectorContract):
    """With the default mapping."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with table() as ready:
            yield ready

    @pytest.fixture
    def bare(self) -> Iterator[Bench]:
        with table(ready=False) as new:
            yield new


class TestAttioWithAKeyOfTheUsers(TestAttio):
    """With another key, and a few fields."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        fields = {"name": "{{ display_name }}", "email_addresses": "{{ email }}"}
        with table(key_attribute="x_id", fields=fields) as ready:
            ready.fake.attribute("x_id", unique=True)
            yield ready
