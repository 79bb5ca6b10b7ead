"""The conformance suite that every connector passes: subclass it with one fixture.

    class TestMine(ConnectorContract):
        @pytest.fixture
        def bench(self) -> Bench:
            fake = MyFake()
            return Bench.open(MyConnector, {"token": "s3cret", "base_url": fake.url}, fake)

What the remote cannot be made to do is named in `cannot`, with the reason; those tests are skipped with it.
"""

from syncd.testing.declaration import Manners
from syncd.testing.failures import TroubleAhead
from syncd.testing.statuses import Hearing
from syncd.testing.writes import Sending


class ConnectorContract(Sending, TroubleAhead, Hearing, Manners):
    """Every claim of the contract. Override the fixture `bench`; with `setup`, also `bare`."""
