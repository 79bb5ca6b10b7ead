"""Signals as orders. They are blocked everywhere and waited for in one thread, so none ever interrupts the holder of a lock."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

ENDING = frozenset({signal.SIGTERM, signal.SIGINT})


@contextmanager
def handling(
    acts: Mapping[signal.Signals, Callable[[], None]], leave: Callable[[int], None] = os._exit
) -> Iterator[None]:
    """Act on signals for as long as this lasts; a second one that ends the program ends it at once.

    Enter before any thread is started, for threads inherit what is blocked.
    """
    over = threading.Event()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, acts)

    def listen() -> None:
        ending = False
        while True:
            number = signal.Signals(signal.sigwait(acts))
            if over.is_set():
                return
            if number in ENDING and ending:
                leave(128 + number)
            ending = ending or number in ENDING
            acts[number]()

    thread = threading.Thread(target=listen, name="signals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        signal.pthread_kill(thread.ident or 0, next(iter(acts)))
        thread.join(1.0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
