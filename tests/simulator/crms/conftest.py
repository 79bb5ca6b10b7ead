"""What the tests of the pretended Salesforce share."""

from collections.abc import Iterator

import pytest
from simple_salesforce.api import Salesforce

from syncd.simulator.crms.salesforce import SalesforceFake
from tests.connectors.salesforce.salesforce_bench import library


@pytest.fixture
def client(fake: SalesforceFake) -> Iterator[Salesforce]:
    """The real library, which talks to the module's `fake`."""
    with library(fake) as ready:
        yield ready
