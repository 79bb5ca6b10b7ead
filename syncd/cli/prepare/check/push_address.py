"""Checks of push: CTGO must be able to reach the public address.

They judge by the address alone. They resolve nothing and send nothing, for CTGO may resolve a name differently.
"""

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from syncd.cli.engine_holder import engine_of
from syncd.cli.prepare.notes import Note
from syncd.core.failure import CODES
from syncd.http.addresses import is_loopback
from syncd.settings import Settings, Source
from syncd.sockets import refused

LOCAL = (
    "local", "localhost", "internal", "lan", "home", "corp", "intranet", "private", "test", "invalid", "example", "arpa",
)  # fmt: skip
"""Last parts of names that exist only in a local network."""


def push_notes(settings: Settings) -> Iterator[Note]:
    """Check that CTGO could reach each source's `public_url`, and that the daemon could bind its address."""
    taken = {}
    for name, source in settings.sources.items():
        if source.push is None:
            continue
        about = f"source {name}"
        if why := unreachable(source.push.public_url, source):
            yield Note("warning", about, why, "push_unreachable", CODES["push_unreachable"])
        else:
            yield Note("ok", about, f"CTGO will push to {urlsplit(source.push.public_url).netloc}")
        taken[source.push.listen] = about
    if engine_of(settings.state.path):
        return  # that engine has bound the address
    for listen, about in taken.items():
        if listen.port and (why := refused(listen.host, listen.port)):
            detail = f"The daemon could not receive pushes on {listen}: {why}. It would poll nevertheless."
            yield Note("warning", about, detail, "push_unserved", CODES["push_unserved"])


def unreachable(public_url: str, source: Source) -> str:
    """Return the reason why CTGO cannot reach an address, as far as the address tells; empty if there is none.

    The simulator is a CTGO on this machine, and reaches local addresses.
    """
    host = (urlsplit(public_url).hostname or "").rstrip(".").lower()
    at_home = is_loopback(urlsplit(source.base_url).hostname or "")
    if is_loopback(host):
        return "" if at_home else f"CTGO cannot reach {host}: it means this machine only."
    try:
        address = ip_address(host)
    except ValueError:
        if "." not in host or host.rpartition(".")[2] in LOCAL:
            return "" if at_home else f"CTGO cannot reach {host}: the internet does not know this name."
        return ""
    if not address.is_global and not at_home:
        return f"CTGO cannot reach {host}: it is an address of a private network."
    return ""
