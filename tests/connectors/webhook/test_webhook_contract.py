"""The webhook connector passes the contract, its remote being a verifying receiver behind a socket."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

import pytest

from syncd.testing import Bench, ConnectorContract
from syncd.testing.base import Trouble
from tests.connectors.webhook.webhook_bench import Table, table


class TestWebhook(ConnectorContract):
    """With every variable, signed and with a header."""

    cannot: ClassVar[Mapping[Trouble, str]] = {
        "tell_created": "a receiver does not say whether it had a lead already"
    }

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with table() as ready:
            yield ready

    def test_check_finds_revoked_credentials(self, bench: Bench) -> None:
        """It cannot: whatever is sent to try them would be taken for a lead. It sends nothing."""
        assert isinstance(bench, Table)
        bench.remote.revoke()
        assert [found.level for found in bench.connector.check()] == ["ok"]
        assert bench.fake.requests == 0


class TestWebhookUnsigned(TestWebhook):
    """With fields of its own, and nothing but the header."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        fields = {"id": "{{ id }}", "x_user_id": "{{ x_user_id }}", "text": "{{ display_name }}: {{ bio }}"}
        with table(signed=False, fields=fields) as ready:
            yield ready
