"""Apollo's connector keeps the contract of HTTP, and costs nothing until it is used."""

import subprocess
import sys
from collections.abc import Mapping

from connectors.apollo.connector import ApolloConnector
from syncd.testing import HttpContract


class TestApolloHttp(HttpContract):
    """With the key in a header."""

    connector = ApolloConnector
    unauthorized = "Invalid API key. See https://docs"

    def options(self, url: str) -> Mapping[str, object]:
        return {"api_key": "k3y", "base_url": f"{url}/api/v1"}

    def test_a_request_carries_the_key_in_its_header_and_nowhere_else(self) -> None:
        requests = self.answered("500 Oops").requests
        assert requests[0].startswith(b"GET /api/v1/fields?source=custom HTTP/1.1\r\n")
        assert requests[0].count(b"k3y") == 1
        assert b"x-api-key: k3y\r\n" in requests[0]

    def test_what_was_compressed_unasked_is_not_read(self) -> None:
        met = self.answered("200 OK", headers="Content-Encoding: gzip\n", body="{}")
        assert met.blind
        assert b"accept-encoding: identity" in met.requests[0].lower()


def test_httpx_is_imported_when_a_connector_is_used_and_not_before() -> None:
    code = "import sys, connectors.apollo; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
