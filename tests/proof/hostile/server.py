"""A server of plain sockets on loopback that knows the good answer to every request and gives another one.

What is good is asked of a WSGI app (CTGO's simulator, a CRM's fake), so that a conversation goes as far as it should before
the answer that is spoiled, and so that what is spoiled is a real answer.
"""

import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import unquote
from wsgiref.types import WSGIApplication

from tests.support.patience import patience

LINGER = struct.pack("ii", 1, 0)


class Good(NamedTuple):
    """What an honest server would have answered."""

    status: int = 200
    body: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)

    def raw(self, **changed: str) -> bytes:
        """On the wire, with headers that are changed or come besides (`_` stands for `-`)."""
        besides = {name.replace("_", "-").lower(): value for name, value in changed.items()}
        kept = [(n, v) for n, v in self.headers if n.lower() not in {"content-length", *besides}]
        length = [] if "transfer-encoding" in besides else [("content-length", str(len(self.body)))]
        lines = [f"{n}: {v}" for n, v in [*kept, *({**dict(length), **besides}).items()]]
        return "\r\n".join([f"HTTP/1.1 {self.status} Whatever", *lines, "", ""]).encode("latin-1") + self.body


class Line:
    """A connection in the hands of a script."""

    def __init__(self, connection: socket.socket, over: threading.Event, thief: str) -> None:
        """`thief`: the address of another host, where nobody of ours may ever go."""
        self._connection, self.over, self.thief = connection, over, thief
        self.kept = False
        """Whether the connection lives on after the script."""

    def send(self, sent: bytes) -> None:
        """All of it. Raises OSError: the other side is gone."""
        self._connection.sendall(sent)

    def pour(self, piece: bytes, head: bytes = b"") -> None:
        """Without end, as fast as it is taken."""
        self.send(head)
        while not self.over.is_set():
            self.send(piece)

    def drip(self, piece: bytes, head: bytes = b"") -> None:
        """Without end, in packets of their own."""
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send(head)
        while not self.over.wait(0.002):
            self.send(piece)

    def reset(self) -> None:
        """Not by a farewell but by a cut."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        self._connection.close()

    def hang(self) -> None:
        """Say nothing until the other side leaves."""
        while not self.over.is_set() and self._connection.recv(4096):
            pass


Script = Callable[[Line, Good], None]


class Hostile:
    """Answers well until `script` is set. `which`: says for each request (its number, from 0) whether it is spoiled."""

    def __init__(self, app: WSGIApplication | None) -> None:
        self.app = app
        self.script: Script | None = None
        self.which: Callable[[int], bool] = lambda _: True
        self.requests: list[str] = []
        """`METHOD /path` of each, since the last `expect`."""
        self.heads: list[bytes] = []
        self.connections = 0
        self.thief = "http://127.0.0.1:1/"
        self.url = ""
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._live: dict[socket.socket, threading.Thread] = {}

    def expect(self, script: Script | None, which: Callable[[int], bool] = lambda _: True) -> None:
        """From now on, and count requests anew."""
        self.script, self.which = script, which
        self.requests, self.heads = [], []

    def serve(self, listening: socket.socket) -> None:
        """Until it is closed."""
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._meet, args=(connection,), daemon=True)
            with self._lock:
                self._live[connection] = thread
            thread.start()

    def close(self) -> None:
        """Hang up on everybody."""
        self._over.set()
        with self._lock:
            live = dict(self._live)
        for connection in live:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in live.values():
            thread.join(patience(10))

    def _meet(self, connection: socket.socket) -> None:
        try:
            with connection, suppress(OSError):
                while self._answer(connection):
                    pass
        finally:
            with self._lock:
                del self._live[connection]

    def _answer(self, connection: socket.socket) -> bool:
        """One request; whether the connection lives on."""
        request = _request(connection)
        if request is None:
            return False
        head, body = request
        with self._lock:
            n = len(self.requests)
            self.heads.append(head)
            self.requests.append(" ".join(head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")[:2]))
            script = self.script if self.which(n) else None
            good = self._good(head, body)
        if script is None:
            connection.sendall(good.raw(connection="keep-alive"))
            return True
        line = Line(connection, self._over, self.thief)
        script(line, good)
        return line.kept

    def _good(self, head: bytes, body: bytes) -> Good:
        if self.app is None:
            return Good()
        status, headers, answer = 0, tuple[tuple[str, str], ...](), b""

        def start(line: str, told: list[tuple[str, str]], *_: Any) -> Callable[[bytes], None]:
            nonlocal status, headers
            status, headers = int(line.split(maxsplit=1)[0]), tuple(told)
            return lambda _: None

        try:
            answer = b"".join(self.app(environ_of(head, body), start))
        except Exception:  # noqa: BLE001 - a fake that loses an answer on purpose
            return Good(500, b"")
        return Good(status, answer, headers)


def _request(connection: socket.socket) -> tuple[bytes, bytes] | None:
    """Head and body of the next request; None: there is none."""
    read = b""
    while b"\r\n\r\n" not in read:
        piece = connection.recv(65536)
        if not piece:
            return None
        read += piece
    head, _, body = read.partition(b"\r\n\r\n")
    length = _headers(head).get("content-length", "0")
    while len(body) < int(length):
        piece = connection.recv(65536)
        if not piece:
            return None
        body += piece
    return head, body


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.strip().lower(): value.strip() for name, _, value in (it.partition(":") for it in lines)}


def environ_of(head: bytes, body: bytes) -> dict[str, Any]:
    """A request as a WSGI app is told of it."""
    method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
    path, _, query = target.partition("?")
    headers: Mapping[str, str] = _headers(head)
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(path, "latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "wsgi.errors": BytesIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **{f"HTTP_{n.upper().replace('-', '_')}": v for n, v in headers.items()},
    }


@contextmanager
def hostile(app: WSGIApplication | None = None) -> Iterator[Hostile]:
    """A server and, at `thief`, another one, which nobody may be led to: who was is an error."""
    with _served(Hostile(None)) as thief, _served(Hostile(app)) as server:
        server.thief = thief.url
        yield server
        assert thief.connections == 0, f"{thief.requests}: somebody was led to another host"


@contextmanager
def _served(server: Hostile) -> Iterator[Hostile]:
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:
        server.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        acceptor = threading.Thread(target=server.serve, args=(listening,), daemon=True)
        acceptor.start()
        try:
            yield server
        finally:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            acceptor.join(patience(10))
            server.close()
