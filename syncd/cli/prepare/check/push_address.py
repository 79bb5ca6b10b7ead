"""Whether CTGO could reach the address that it is to push to: the part of `check` about push.

By what can be seen from here alone: nothing is resolved and nobody is asked, for what answers here need not answer there.
"""

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from syncd.cli.engine_holder import engine_of
from syncd.cli.prepare.check.note import Note
from syncd.core.failure import CODES
from syncd.http.addresses import is_loopback
from syncd.settings import Settings, Source
from syncd.sockets import refused

LOCAL = (
    "local",
    "localhost",
    "internal",
    "lan",
    "home",
    "corp",
    "intranet",
    "private",
    "test",
    "invalid",
    "example",
    "arpa",
)
"""Last parts of names that the internet does not know."""


def push_notes(settings: Settings) -> Iterator[Note]:
    """Whether CTGO could reach each source's `public_url`, and whether the daemon could listen where it shall."""
    taken = {}
    for name, source in settings.sources.items():
        if source.push is None:
            continue
        about = f"source {name}"
        if why := unreachable(source.push.public_url, source):
            yield Note("warning", about, why, "push_unreachable", CODES["push_unreachable"])
        else:
            yield Note("ok", about, f"CTGO is to push to {urlsplit(source.push.public_url).netloc}")
        taken[source.push.listen] = about
    if engine_of(settings.state.path):
        return  # it is that engine which listens there
    for listen, about in taken.items():
        if listen.port and (why := refused(listen.host, listen.port)):
            detail = f"The daemon could not receive pushes on {listen}: {why}. It would poll all the same."
            yield Note("warning", about, detail, "push_unserved", CODES["push_unserved"])


def unreachable(public_url: str, source: Source) -> str:
    """Why CTGO cannot reach an address, as far as that can be told from it; empty if it looks well.

    A CTGO on this machine, which is the simulator, reaches this machine.
    """
    host = (urlsplit(public_url).hostname or "").rstrip(".").lower()
    at_home = is_loopback(urlsplit(source.base_url).hostname or "")
    if is_loopback(host):
        return "" if at_home else f"CTGO cannot reach {host}: that is this machine to itself only."
    try:
        address = ip_address(host)
    except ValueError:
        if "." not in host or host.rpartition(".")[2] in LOCAL:
            return "" if at_home else f"CTGO cannot reach {host}: no such name is known on the internet."
        return ""
    if not address.is_global and not at_home:
        return f"CTGO cannot reach {host}: it is an address of a private network."
    return ""
