"""The conformance suite that every connector passes: subclass it with one fixture.

    class TestMine(ConnectorContract):
        @pytest.fixture
        def bench(self) -> Bench:
            fake = MyFake()
            return Bench.open(MyConnector, {"token": "s3cret", "base_url": fake.url}, fake)

What the remote cannot be made to do is named in `cannot`, with the reason; those tests are skipped with it.
"""

from syncd.testing.declaration import DeclarationClaims
from syncd.testing.failures import FailureClaims
from syncd.testing.statuses import StatusClaims
from syncd.testing.writes import SendingClaims


class ConnectorContract(SendingClaims, FailureClaims, StatusClaims, DeclarationClaims):
    """Every claim of the contract. Override the fixture `bench`; with `setup`, also `bare`."""
