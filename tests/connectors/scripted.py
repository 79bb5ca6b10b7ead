"""A server on loopback that answers as no app could: it plays a script with the bare socket, plain or over TLS."""

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Script = Callable[[socket.socket, threading.Event], None]


@contextmanager
def scripted(
    script: Script, tls: ssl.SSLContext | None = None
) -> Iterator[tuple[int, list[bytes], list[str]]]:
    """Plays `script` once a request is in. Yields its port, the requests, and who connected."""
    over, requests, connections = threading.Event(), list[bytes](), list[str]()
    last = set[tuple[str, int]]()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                raw, peer = listener.accept()
                if peer in last:
                    raw.close()
                    return
                connections.append(peer[0])
                with suppress(OSError), _wrapped(raw, tls) as connection:
                    while got := _request(connection):
                        requests.append(got)
                        script(connection, over)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], requests, connections
        finally:
            over.set()
            with socket.socket() as goodbye:  # behind whoever connected and was not met yet
                goodbye.bind(("127.0.0.1", 0))
                last.add(goodbye.getsockname())
                goodbye.connect(listener.getsockname())
                thread.join()


def _request(connection: socket.socket) -> bytes:
    """A whole request; empty when the connection is over."""
    got = b""
    while b"\r\n\r\n" not in got:
        piece = connection.recv(65536)
        if not piece:
            return b""
        got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    while length and len(body) < int(length[1]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def _wrapped(raw: socket.socket, tls: ssl.SSLContext | None) -> socket.socket:
    if tls is None:
        return raw
    with raw:
        return tls.wrap_socket(raw, server_side=True)


def answer(text: str, *, close: bool = True) -> Script:
    """Sends `text`, its line ends made those of HTTP."""

    def script(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(text.replace("\n", "\r\n").encode())
        if close:
            connection.shutdown(socket.SHUT_RDWR)

    return script


def drip(head: str, piece: bytes = b"x") -> Script:
    """Sends `head`, and then a piece now and then for ever."""

    def script(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(head.replace("\n", "\r\n").encode())
        while not over.wait(0.02):
            connection.sendall(piece)

    return script


def flood(head: str, piece: bytes) -> Script:
    """Sends `head`, and then pieces for ever, as fast as they are taken."""

    def script(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(head.replace("\n", "\r\n").encode())
        while not over.is_set():
            connection.sendall(piece)

    return script


def silence(_: socket.socket, over: threading.Event) -> None:
    """Says nothing for as long as the test lasts."""
    over.wait(30)
