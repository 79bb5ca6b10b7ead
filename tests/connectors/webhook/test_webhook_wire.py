"""The webhook keeps the contract of HTTP; what only it does on the wire stands beside that."""

import subprocess
import sys
from collections.abc import Mapping

import pytest

from connectors.webhook.connector import LARGEST_BODY, WebhookConnector
from syncd.connector import Delivered, Pause
from syncd.testing import Bench, HttpContract, ManualClock
from syncd.testing.wire import answer, drip, flood, scripted
from tests.connectors.webhook.webhook_bench import table

OK = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"


class TestWebhookHttp(HttpContract):
    """A receiver promises a status and nothing else."""

    connector = WebhookConnector
    reads_answers = False

    def options(self, url: str) -> Mapping[str, object]:
        return {"url": f"{url}/hooks?a=b", "headers": {"Authorization": "Bearer k3y"}}

    def test_a_request_is_one_post_with_its_headers_and_its_body(self) -> None:
        met = self.meet(answer(OK))
        assert isinstance(met.outcome, Delivered)
        head, _, body = met.requests[0].partition(b"\r\n\r\n")
        assert head.startswith(b"POST /hooks?a=b HTTP/1.1\r\n")
        lines = head.lower().split(b"\r\n")
        assert b"authorization: bearer k3y" in lines
        assert f"content-length: {len(body)}".encode() in lines
        assert b"accept-encoding: identity" in lines
        assert sum(line.startswith(b"host: 127.0.0.1:") for line in lines) == 1

    @pytest.mark.parametrize(
        "text",
        [
            "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nab",
            "HTTP/1.1 200 OK\nContent-Length: x\n\n",
            "HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 2\n\nab",
            "HTTP/1.1 9999 What\n\n",
            "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade\n\n",
            "\x16\x03\x01",
        ],
    )
    def test_what_is_no_answer_is_no_delivery(self, text: str) -> None:
        assert self.meet(answer(text)).blind

    def test_headers_without_end_are_cut(self) -> None:
        assert self.meet(flood("HTTP/1.1 200 OK\n", b"X-Many: " + b"y" * 1000 + b"\r\n")).blind

    def test_interim_answers_without_end_end_at_the_deadline(self, hurried: ManualClock) -> None:
        head = "HTTP/1.1 100 Continue\n\n"
        assert self.meet(drip(head, head.replace("\n", "\r\n").encode()), hurried).blind

    def test_an_answer_before_the_request_is_read_is_an_answer(self) -> None:
        outcome = self.answered("413 Too Large", headers="Connection: close\n").outcome
        assert getattr(outcome, "code", "") == "webhook_refused"


@pytest.mark.parametrize(("size", "connections"), [(2, 1), (4 * LARGEST_BODY, 3)])
def test_leads_share_a_connection_until_an_answer_is_too_long(size: int, connections: int) -> None:
    text = f"HTTP/1.1 200 OK\nContent-Length: {size}\n\n" + "x" * size
    with (
        scripted(answer(text, close=False)) as (port, requests, met),
        table(url=f"http://127.0.0.1:{port}") as bench,
    ):
        for n in range(1, 4):
            assert isinstance(sent(bench, n), Delivered)
        bench.connector.close()
    assert (len(requests), len(met)) == (3, connections)


def sent(bench: Bench, n: int) -> object:
    (outcome,) = bench.connector.deliver([bench.delivery(n)])
    return outcome


def test_a_check_sends_nothing() -> None:
    with scripted(answer(OK)) as (port, requests, met), table(url=f"http://127.0.0.1:{port}") as bench:
        assert [found.level for found in bench.connector.check()] == ["ok"]
        bench.connector.close()
    assert (requests, len(met)) == ([], 1)


def test_a_bare_503_is_unexplained() -> None:
    with table() as bench:
        bench.fake.answer_next(503)
        with pytest.raises(Pause) as caught:
            sent(bench, 1)
    assert caught.value.unexplained


def test_httpx_is_imported_when_a_lead_is_sent_and_not_before() -> None:
    code = "import sys, connectors.webhook; sys.exit('httpx' in sys.modules or 'httpcore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
