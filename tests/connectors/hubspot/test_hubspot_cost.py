"""What a lead costs: requests, and that the library is loaded only by those who use it."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from connectors.hubspot.options import HubSpotOptions
from syncd.connector import Delivered, Field
from tests.connectors.hubspot.hubspot_bench import ALWAYS, hub


@pytest.mark.parametrize(("fields", "most"), [(None, 0.022), (ALWAYS, 0.011)])
def test_requests_for_a_lead(fields: dict[str, str | Field] | None, most: float) -> None:
    with hub(fields) as it:
        batch = [it.lead(n, emailed=False) for n in range(1, 501)]
        for again in (False, True):
            it.fake.requests.clear()
            for begin in range(0, len(batch), 100):
                outcomes = it.send(*batch[begin : begin + 100])
                assert all(isinstance(each, Delivered) and each.created is not again for each in outcomes)
            assert len(it.fake.requests) / len(batch) <= most


def test_a_known_person_costs_no_more() -> None:
    with hub() as it:
        first = it.send(*(it.lead(n) for n in (1, 2, 4, 5)))
        known = [
            it.lead(n, remote_id=done.remote_id)
            for n, done in zip((1, 2, 4, 5), first, strict=True)
            if isinstance(done, Delivered)
        ]
        it.fake.requests.clear()
        it.send(*known)
        assert [name for name, _ in it.fake.requests] == ["read", "update"]


def test_the_library_is_not_loaded_by_looking_at_the_connector() -> None:
    code = "import sys, connectors.hubspot; sys.exit('hubspot' in sys.modules or 'urllib3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_option_that_cannot_be_is_refused() -> None:
    good = {"access_token": "pat-x"}
    HubSpotOptions.model_validate(good | {"base_url": "http://127.0.0.1:8080/"})
    for bad in (
        {"access_token": ""},
        {"access_token": "two words"},
        {"base_url": "http://api.hubapi.com"},
        {"base_url": "https://u:p@api.hubapi.com"},
        {"base_url": "https://"},
        {"requests_per_second": 0},
        {"adopt": ["phone"]},
        {"time_zone": "Mars/Olympus"},
        {"batch": 5},
    ):
        with pytest.raises(ValidationError) as why:
            HubSpotOptions.model_validate(good | bad)
        assert "two words" not in str(why.value.errors(include_input=False))


def test_the_token_is_not_shown() -> None:
    assert "pat-x" not in repr(HubSpotOptions.model_validate({"access_token": "pat-x"}))
