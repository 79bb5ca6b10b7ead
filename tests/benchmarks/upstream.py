"""A CTGO that costs next to nothing: pages made once, served from memory by a bare socket loop in its own process."""

import json
import multiprocessing
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

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


def _pages(leads: int, *, contacts: bool) -> list[bytes]:
    pages = []
    for start in range(0, max(leads, 1), PAGE):
        rows = [lead(n, contacts=contacts) for n in range(start, min(start + PAGE, leads))]
        body = {"leads": rows, "total": leads, "hasMore": start + PAGE < leads}
        pages.append(_answer(json.dumps(body).encode()))
    return pages


def _answer(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _serve(listener: socket.socket, leads: int, *, contacts: bool) -> None:
    pages, done = _pages(leads, contacts=contacts), _answer(b'{"ok": true}')
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_converse, args=(connection, pages, done), daemon=True).start()


def _converse(connection: socket.socket, pages: list[bytes], done: bytes) -> None:
    pending = b""
    while True:
        while b"\r\n\r\n" not in pending:
            received = connection.recv(65536)
            if not received:
                connection.close()
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
        if method == b"POST":
            connection.sendall(done)
            continue
        asked = urlsplit(target.decode())
        if asked.path.rpartition("/")[2] in _NAMES:
            connection.sendall(_NAMES[asked.path.rpartition("/")[2]])
            continue
        query = parse_qs(asked.query)
        offset = int(query.get("offset", ["0"])[0])
        since = query.get("since")
        page = (
            pages[offset // PAGE]
            if not since and offset // PAGE < len(pages)
            else _answer(b'{"leads": [], "total": 0, "hasMore": false}')
        )
        connection.sendall(page)


_NAMES = {
    "streams": _answer(b'{"streams": [{"id": 14, "name": "Indie founders"}]}'),
    "segments": _answer(b'{"segments": [{"id": 6, "name": "Developer tools"}]}'),
    "accounts": _answer(b'{"active": [{"id": 3, "xHandle": "northwindlabs"}]}'),
}


@contextmanager
def served(leads: int, *, contacts: bool = False) -> Iterator[str]:
    """Serve so many leads; yields the base URL. With `since` the listing is empty: nothing is new."""
    listener = socket.create_server(("127.0.0.1", 0))
    context = multiprocessing.get_context("fork")
    process = context.Process(
        target=_serve, args=(listener, leads), kwargs={"contacts": contacts}, daemon=True
    )
    process.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/api/v2"
    finally:
        process.terminate()
        process.join()
        listener.close()
