"""A CTGO for many keys at once that remembers when each was polled, in a process of its own.

Keys `ctgo_lead_N` are given one lead from their third request on; nobody else ever gets any. What is asked of the black hole is
never answered.
"""

import asyncio
import json
import multiprocessing
import re
import socket
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

from tests.benchmarks.upstream import lead

Polls = dict[str, list[float]]
"""By key: monotonic seconds of each request for leads."""
BACKLOG = 1_000
LATER = 3


@dataclass(frozen=True)
class Polled:
    """`base`: of CTGO. `hole`: where a connection is taken and nothing is said."""

    base: str
    hole: str
    pipe: Connection

    def polls(self) -> Polls:
        """So far."""
        self.pipe.send(None)
        found: Polls = self.pipe.recv()
        return found


@contextmanager
def polled() -> Iterator[Polled]:
    """Serve."""
    ours, theirs = multiprocessing.Pipe()
    with closing(socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)) as listener:
        hole = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        with closing(hole):
            process = multiprocessing.get_context("fork").Process(
                target=_main, args=(listener, theirs), daemon=True
            )
            process.start()
            urls = [f"http://127.0.0.1:{each.getsockname()[1]}" for each in (listener, hole)]
            try:
                yield Polled(f"{urls[0]}/api/v2", urls[1], ours)
            finally:
                process.terminate()
                process.join()


def _main(listener: socket.socket, pipe: Connection) -> None:
    polls: Polls = defaultdict(list)

    def tell() -> None:
        pipe.recv()
        pipe.send(dict(polls))

    async def serve() -> None:
        asyncio.get_running_loop().add_reader(pipe.fileno(), tell)
        async with await asyncio.start_server(lambda r, w: _converse(r, w, polls), sock=listener) as server:
            await server.serve_forever()

    asyncio.run(serve())


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, polls: Polls) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            if length := re.search(r"(?i)\r\ncontent-length: *(\d+)", head):
                await reader.readexactly(int(length[1]))
            key = re.search(r"(?i)\r\nauthorization: *bearer (\S+)", head)
            writer.write(_answer(head, key[1] if key else "", polls))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def _answer(head: str, key: str, polls: Polls) -> bytes:
    rows: list[dict[str, object]] = []
    if "/leads?" in head.partition("\r\n")[0]:
        polls[key].append(time.monotonic())
        if key.startswith("ctgo_lead_") and len(polls[key]) >= LATER:
            rows = [lead(int(key.rpartition("_")[2]))]
    body = json.dumps({"leads": rows, "total": len(rows), "hasMore": False}).encode()
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
