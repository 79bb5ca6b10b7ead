"""Several requests in one call to the pretended Salesforce, as its vendor documents them, through the real library."""

from typing import Any
from urllib.parse import quote

import pytest
from simple_salesforce.exceptions import SalesforceMalformedRequest

from syncd.simulator.crms.salesforce import SalesforceFake
from tests.connectors.salesforce.salesforce_bench import library, served

ASKED = ("SELECT Id FROM Contact WHERE Email = 'A@b.example'", "SELECT Nothing FROM Lead")


def test_queries_that_share_a_call_are_answered_each_for_itself_and_count_once() -> None:
    fake = SalesforceFake()
    contact = fake.org.add_contact(Email="a@b.example")
    requests = [
        {"method": "GET", "url": f"/services/data/v66.0/query/?q={quote(soql)}", "referenceId": f"ref{n}"}
        for n, soql in enumerate(ASKED)
    ]
    with served(fake), library(fake) as client:
        answer: Any = client.restful("composite", method="POST", json={"compositeRequest": requests})
        good, bad = answer["compositeResponse"]
        assert (good["httpStatusCode"], good["body"]["records"][0]["Id"]) == (200, contact)
        assert (bad["referenceId"], bad["httpStatusCode"]) == ("ref1", 400)
        assert bad["body"][0]["errorCode"] == "INVALID_FIELD"
        assert fake.used == 1
        for wrong in ([requests[0]] * 2, [], [{**requests[0], "referenceId": f"r{n}"} for n in range(6)]):
            with pytest.raises(SalesforceMalformedRequest):
                client.restful("composite", method="POST", json={"compositeRequest": wrong})
