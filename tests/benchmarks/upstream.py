"""A CTGO that costs next to nothing: rows made once, served from memory by a bare socket loop in its own process."""

import json
import multiprocessing
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

PAGE = 500


def lead(n: int, *, contacts: bool = False) -> dict[str, object]:
    """Lead number n, as the listing has it; about 600 bytes.

    `contacts`: four in ten with a verified email, two with a guessed one, most with a LinkedIn URL.
    """
    handle, status = f"maker_{n}", _STATUSES[n * 7 % 10]
    contact = {
        "email": f"{handle}@{_LAST[n % 89].lower()}-{n % 1_000}.example.com" if status else None,
        "emailStatus": status,
        "linkedinUrl": f"https://www.linkedin.com/in/{handle}" if n % 3 else None,
    }
    return {
        "id": 100_000 + n, "streamId": 14, "trackedXAccountId": 3, "segmentId": 6, "matchConfidence": "high",
        "sourceType": "new_follower", "discoveredAt": f"2026-06-{1 + n % 28:02}T{n % 24:02}:15:00Z", "exportedAt": None,
        "profile": {
            "xUserId": str(2_290_000_000 + n), "handle": handle, "displayName": f"{_FIRST[n % 97]} {_LAST[n % 89]}",
            "profileImageUrl": f"https://pbs.twimg.com/profile_images/{n}/x.jpg", "followerCount": 100 + n % 50_000,
            "bio": "Shipping small dev tools, mostly for people who ship small dev tools. Opinions are my dog's. " * 2,
        },
        **(contact if contacts else {}),
    }  # fmt: skip


_STATUSES = ("verified",) * 4 + ("unverified",) * 2 + (None,) * 4
_FIRST = [
    f"{a}{b}"
    for a in ("Mar", "Jon", "Ti", "Sel", "Bru", "Kat", "Ed", "Li", "Ro", "No")
    for b in ("a", "as", "na", "ko", "ric", "el", "in", "ia", "os", "ra")
]
_LAST = [
    f"{a}{b}"
    for a in ("Od", "Ber", "Win", "Kal", "San", "Mor", "Tor", "Hal", "Gre")
    for b in ("uya", "lin", "ter", "ski", "ders", "gan", "res", "sey", "co", "na")
]


class _Upstream:
    """What is served, and what was asked for."""

    def __init__(self, leads: int, *, contacts: bool, honest: bool) -> None:
        self.rows = [lead(n, contacts=contacts) for n in range(leads)]
        self.texts = [json.dumps(row) for row in self.rows]
        self.honest = honest
        self.seen: Counter[str] = Counter()

    def answer(self, method: str, target: str) -> bytes:
        asked = urlsplit(target)
        last = asked.path.rpartition("/")[2]
        if last == "_seen":
            return _answer(json.dumps(self.seen).encode())
        self.seen[method] += 1
        if method == "POST":
            return _DONE
        if last in _NAMES:
            return _NAMES[last]
        query = parse_qs(asked.query)
        offset = int(query.get("offset", ["0"])[0])
        if since := query.get("since", [""])[0]:
            later = zip(self.rows, self.texts, strict=True) if self.honest else []
            return _page([text for row, text in later if str(row["discoveredAt"]) >= since], offset)
        return _page(self.texts, offset)


def _page(rows: list[str], start: int) -> bytes:
    """The page at any offset: syncd's pages overlap by a row. `rows`: as JSON, for a page must cost next to nothing."""
    page, more = ", ".join(rows[start : start + PAGE]), json.dumps(start + PAGE < len(rows))
    return _answer(f'{{"leads": [{page}], "total": {len(rows)}, "hasMore": {more}}}'.encode())


def _answer(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _serve(listener: socket.socket, leads: int, *, contacts: bool, honest: bool) -> None:
    upstream = _Upstream(leads, contacts=contacts, honest=honest)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_converse, args=(connection, upstream), daemon=True).start()


def _converse(connection: socket.socket, upstream: _Upstream) -> None:
    pending = b""
    try:
        while True:
            while b"\r\n\r\n" not in pending:
                received = connection.recv(65536)
                if not received:
                    return
                pending += received
            head, _, pending = pending.partition(b"\r\n\r\n")
            method, target = head.split(b" ", 2)[:2]
            length = next(
                (int(h[15:]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length:")), 0
            )
            while len(pending) < length:
                pending += connection.recv(65536)
            pending = pending[length:]
            connection.sendall(upstream.answer(method.decode(), target.decode()))
    except ConnectionError:  # who asked was killed
        return
    finally:
        connection.close()


_DONE = _answer(b'{"ok": true}')
_NAMES = {
    "streams": _answer(b'{"streams": [{"id": 14, "name": "Indie founders"}]}'),
    "segments": _answer(b'{"segments": [{"id": 6, "name": "Developer tools"}]}'),
    "accounts": _answer(b'{"active": [{"id": 3, "xHandle": "northwindlabs"}]}'),
}


@contextmanager
def served(leads: int, *, contacts: bool = False, honest: bool = False) -> Iterator[str]:
    """Serve so many leads; yields the base URL. With `since` the listing is empty, nothing is new, unless it is `honest`."""
    listener = socket.create_server(("127.0.0.1", 0))
    context = multiprocessing.get_context("fork")
    process = context.Process(
        target=_serve, args=(listener, leads), kwargs={"contacts": contacts, "honest": honest}, daemon=True
    )
    process.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/api/v2"
    finally:
        process.terminate()
        process.join()
        listener.close()


def seen(base: str) -> Counter[str]:
    """How many requests came in so far, by method."""
    with urlopen(f"{base}/_seen", timeout=10) as answer:  # noqa: S310 - our own, on loopback
        return Counter(json.loads(answer.read()))
