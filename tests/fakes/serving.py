"""A WSGI program on loopback, by waitress, for the length of a `with`."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.types import WSGIApplication

from waitress import create_server, wasyncore


@contextmanager
def served(app: WSGIApplication, *, port: int = 0, threads: int = 4) -> Iterator[str]:
    """Serves from a thread; yields the base URL. Port 0 is any that is free. Raises OSError: the port is taken."""
    server: Any = create_server(app, host="127.0.0.1", port=port, threads=threads, ident="")
    thread = threading.Thread(target=server.run, name=f"fake-{server.effective_port}", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        sockets: dict[int, Any] = {}

        def leave() -> None:
            sockets.update(server._map)
            server._map.clear()

        # First the workers, who still wake the loop. The loop ends when it has no socket left, and only then are they
        # closed: whoever wakes it writes into a pipe, whose number would be another file's by now.
        server.task_dispatcher.shutdown()
        server.trigger.pull_trigger(leave)
        thread.join()
        wasyncore.close_all(sockets, ignore_all=True)
