"""What is taken for an address when a configuration is read is one when a request leaves."""

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncd.http import address
from syncd.http.address import usable

HOSTS = st.text("aZ9-._:[]%\u00ad\u0301é中/", max_size=12)


@given(host=HOSTS, path=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=9))
@example(host="999.1.1.1", path="")
@example(host="h\u00ad.example", path="/")
def test_it_is_what_httpx_takes_and_asked_of_it_only_in_doubt(host: str, path: str) -> None:
    url = f"https://{host}/{path}"
    try:
        httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        assert not usable(url)
        assert not address._PLAIN.fullmatch(url)
    else:
        assert usable(url)


@pytest.mark.parametrize(
    "url", ["https://www.catchthegoodones.com/api/v2", "http://localhost:8378", "https://a.b/?q"]
)
def test_what_is_plain_costs_nothing(url: str) -> None:
    assert address._PLAIN.fullmatch(url)
