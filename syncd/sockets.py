"""Bind a listening socket, or return the reason why that failed."""

import os
import socket


def listen(host: str, port: int) -> socket.socket | str:
    """Listen there; or why not: `Address already in use`. Never raises for an address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError, OverflowError) as error:
        code = getattr(error, "errno", None)
        return (
            os.strerror(code) if code and code > 0 else "the name cannot be resolved"
        )  # getaddrinfo's are negative


def refused(host: str, port: int) -> str:
    """Return the reason why listening there fails; empty if it does not."""
    found = listen(host, port)
    if isinstance(found, str):
        return found
    found.close()
    return ""
