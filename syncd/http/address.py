"""Addresses that the HTTP library takes: known when a configuration is read, not when the first request leaves."""

import re

_PLAIN = re.compile(r"https?://([A-Za-z0-9-]+\.)*[A-Za-z][A-Za-z0-9-]*(:[0-9]{1,5})?([/?#][!-~]{0,2000})?")
"""What it takes for sure, which is nearly all there is: to ask it costs a tenth of a second."""


def usable(url: str) -> bool:
    """Whether httpx takes a URL. Its host may be no name by IDNA, or no address, for all that urllib knows."""
    if _PLAIN.fullmatch(url):
        return True
    from syncd.http.deadline import takes  # noqa: PLC0415 - see above

    return takes(url)
