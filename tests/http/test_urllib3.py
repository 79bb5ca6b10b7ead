"""Why a call by a vendor's library came to no answer, in words: those that CTGO's own client has."""

import socket
import ssl

import pytest
import requests
from urllib3 import HTTPConnectionPool, exceptions

from syncd.http.urllib3 import reason, unsent

POOL = HTTPConnectionPool("crm.example")


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def wrapped(error: Exception) -> Exception:
    """As requests hands on an error of urllib3."""
    return requests.ConnectionError(exceptions.MaxRetryError(POOL, "/", error))


def new(cause: Exception) -> Exception:
    return caused(exceptions.NewConnectionError(POOL, "it failed"), cause)  # type: ignore[arg-type]  # a pool will do


@pytest.mark.parametrize(
    ("error", "said", "nothing_left"),
    [
        (new(ConnectionRefusedError()), "{} refused the connection", True),
        (new(OSError()), "no connection to {} could be made", True),
        (caused(exceptions.NameResolutionError("crm.example", POOL, socket.gaierror()), socket.gaierror()), "the name of {} could not be resolved", True),  # type: ignore[arg-type]
        (exceptions.ConnectTimeoutError(), "a connection to {} was not made in time", True),
        (exceptions.ProxyError("it failed", new(ConnectionRefusedError())), "the proxy did not let a connection to {} through", True),
        (exceptions.SSLError(ssl.SSLCertVerificationError()), "the TLS certificate of {} could not be verified", True),
        (exceptions.SSLError(ssl.SSLError()), "a TLS connection to {} could not be made", True),
        (exceptions.ReadTimeoutError(POOL, "/", "it failed"), "{} did not finish its answer in time", False),
        (exceptions.ProtocolError("it failed", ConnectionResetError()), "the connection to {} broke", False),
    ],
)  # fmt: skip
def test_it_names_the_host_and_says_if_it_refused(error: Exception, said: str, *, nothing_left: bool) -> None:
    for each in (error, wrapped(error)):
        assert reason(each, "https://user:s3cret@crm.example:8401/path?key=s3cret") == said.format(
            "crm.example:8401"
        )
        assert unsent(each) is nothing_left
