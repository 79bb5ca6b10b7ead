"""The Attio connector keeps the contract of HTTP, and costs nothing until it is used."""

import subprocess
import sys
from collections.abc import Mapping

from connectors.attio.connector import AttioConnector
from syncd.testing import HttpContract


class TestAttioHttp(HttpContract):
    """With the token in a header."""

    connector = AttioConnector

    def options(self, url: str) -> Mapping[str, object]:
        return {"access_token": "t0ken", "base_url": url}

    def test_a_request_carries_the_token_in_its_header_and_nowhere_else(self) -> None:
        requests = self.answered("500 Oops").requests
        assert requests[0].startswith(b"POST /v2/objects/people/records/query HTTP/1.1\r\n")
        assert requests[0].count(b"t0ken") == 1
        assert b"authorization: Bearer t0ken\r\n" in requests[0]


def test_httpx_is_imported_when_a_connector_is_used_and_not_before() -> None:
    code = "import sys, connectors.attio; sys.exit('httpx' in sys.modules or 'httpcore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
