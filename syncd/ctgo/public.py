"""`Client`: CTGO's whole documented API for a program of your own. `docs/python-client.md` shows it."""

from types import TracebackType
from typing import Self

from pydantic import SecretStr

from syncd.clock import SystemClock
from syncd.ctgo.campaigns.api import Api
from syncd.ctgo.client import Upstream
from syncd.http.client import Transport

BASE_URL = "https://www.catchthegoodones.com/api/v2"


class Client(Api):
    """One API key, opened. Its members are those of `Api`: `streams`, `segments`, `accounts`, `runs`, `leads` and the rest.

    A method sends one request and tries once. It raises `Retry`, `Pause`, `Reject` or `Halt` of `syncd.core.failure`;
    `Pause.after` holds the seconds that CTGO asks for. A daemon on the same key shares CTGO's budget of 60 requests a minute.
    """

    def __init__(self, api_key: str, base_url: str = BASE_URL, *, transport: Transport | None = None) -> None:
        """Open nothing yet. Raises ValueError where the address or the key cannot be used."""
        self._upstream = Upstream(base_url, SecretStr(api_key), SystemClock(), transport=transport)
        super().__init__(self._upstream.ask)

    def close(self) -> None:
        """Close the connection. Calling it again does nothing."""
        self._upstream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
