"""The small types of `[console]`: an address or a socket, a public address, a zone, a size, a header."""

import re
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, PlainValidator

from syncd.settings.values import Listen, web_address

UNIX = "unix:"
_LONGEST_SOCKET = 100
"""Bytes of a socket's path; the kernel takes 107."""


class ConsoleListen(Listen):
    """An address as `host:port`, or a Unix socket as `unix:/path`."""

    __slots__ = ()

    @property
    def socket(self) -> str:
        """The path of the Unix socket; empty for an address."""
        return self.removeprefix(UNIX) if self.startswith(UNIX) else ""


def _listen(value: object) -> ConsoleListen:
    text = value if isinstance(value, str) else ""
    if re.fullmatch(rf"{UNIX}/[\x21-\x7e]{{1,{_LONGEST_SOCKET}}}", text):
        return ConsoleListen(text)
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})", text)
    if match is None or int(match[2]) > 65535:  # noqa: PLR2004 - the largest port
        raise ValueError(
            "must be host:port such as 127.0.0.1:8379, or unix: and a path such as unix:/run/syncd/console.sock"
        )
    return ConsoleListen(text)


ConsoleListenAt = Annotated[ConsoleListen, PlainValidator(_listen)]


def _origin(url: str) -> str:
    """Return a web address without a path, or an empty text. Raises ValueError: what is accepted."""
    if not url:
        return url
    parts = urlsplit(web_address(url))
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must end after the host: the console has no path of its own")
    return f"{parts.scheme}://{parts.netloc}".lower()


Origin = Annotated[str, AfterValidator(_origin)]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, LookupError, ValueError):  # unknown, a folder of zones, a path
        raise ValueError("must be a time zone that is known here, such as UTC or Europe/Paris") from None
    return name


Zone = Annotated[str, AfterValidator(_zone)]

_SIZE = re.compile(r"([1-9][0-9]{0,8})(KiB|MiB|GiB)")
_UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def _size(value: object) -> int:
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be a size such as "512KiB", "64MiB" or "1GiB"')
    return int(match[1]) * _UNITS[match[2]]


def size_text(size: int) -> str:
    """Write a size as the configuration has it: in its largest whole unit."""
    unit = next((it for it in ("GiB", "MiB") if size % _UNITS[it] == 0), "KiB")
    return f"{size // _UNITS[unit]}{unit}"


Size = Annotated[int, BeforeValidator(_size)]
"""Bytes; written as text."""


def _header(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,63}", name):
        raise ValueError("must be the name of a header, such as Remote-User")
    return name


Header = Annotated[str, AfterValidator(_header)]
