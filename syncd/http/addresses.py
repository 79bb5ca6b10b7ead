"""Addresses that may be connected to. Imports no HTTP library.

Whoever runs the zone of a name can make it mean anything at any moment: this machine, the metadata service of a cloud, a
database of the same network. So the address that is about to be connected to is judged, not the name, and each time
anew. The tables are our own, because those of Python's `ipaddress` change between its releases.
Source: the IANA special-purpose address registries.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

Kind = Literal["public", "private", "own", "never"]
"""`own` is this machine; `never`: a cloud's metadata, link-local, multicast, and what stands for no machine."""

Reach = Literal["anywhere", "public", "private"]
"""The permitted targets of a client: any address; public ones only; or public, private and this machine's own."""


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(map(ip_network, text.split()))


_OWN = _networks("127.0.0.0/8 ::1/128")
_METADATA = _networks("fd00:ec2::254/128 fd20:ce::254/128 100.100.100.200/32 168.63.129.16/32")
"""Of AWS, Google, Alibaba and Azure: beside the link-local ones, these lie in private and in public networks."""
_PRIVATE = _networks("10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 fc00::/7")
_NEVER = _networks(
    "0.0.0.0/8 169.254.0.0/16 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 "
    "224.0.0.0/3 2001::/23 2001:db8::/32 2002::/16 3fff::/20"
)
_UNICAST = ip_network("2000::/3")
"""All that is given out of IPv6; the rest is special, or nobody's."""
_TRANSLATED = ip_network("64:ff9b::/96")
"""NAT64: an IPv4 address in its last four bytes, as an IPv6-only network's resolver makes them."""


def kind(text: str) -> Kind:
    """Classify an IP address; `never` for a text that is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return "never"
    return _kind(_inner(address))


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _kind(address: IPv4Address | IPv6Address) -> Kind:
    if any(address in network for network in _OWN):
        return "own"
    if any(address in network for network in _METADATA):
        return "never"
    if any(address in network for network in _PRIVATE):
        return "private"
    if any(address in network for network in _NEVER):
        return "never"
    return "public" if address.version == 4 or address in _UNICAST else "never"  # noqa: PLR2004 - IPv4


def literal(host: str) -> bool:
    """True if a URL's host is an address rather than a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """True if a host name or address, without brackets, is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def names_this_machine(host: str) -> bool:
    """True if a URL itself names this machine. Narrower than `is_loopback`: in doubt a name is judged."""
    return host == "localhost" or kind(host) == "own"


def allowed(host: str, addresses: Iterable[str], reach: Reach) -> list[str]:
    """Return those of a host's addresses that may be connected to, in their order.

    A URL that names this machine leads to its own addresses only; no other leads there, unless `reach` is wider than `public`.
    """
    if reach == "anywhere":
        return list(addresses)
    named: set[Kind] = {"public", "private", "own"} if reach == "private" else {"public"}
    kinds = {"own"} if names_this_machine(host) else named
    return [address for address in addresses if kind(address) in kinds]


_PLAIN = re.compile(r"https?://([A-Za-z0-9-]+\.)*[A-Za-z][A-Za-z0-9-]*(:[0-9]{1,5})?([/?#][!-~]{0,2000})?")
"""URLs that httpx takes for sure, which are nearly all there are: to ask it costs a tenth of a second."""


def usable(url: str) -> bool:
    """True if httpx takes a URL. Its host may be no name by IDNA, or no address, for all that urllib knows."""
    if _PLAIN.fullmatch(url):
        return True
    from httpx import URL, InvalidURL  # noqa: PLC0415 - see above

    try:
        URL(url)
    except (InvalidURL, ValueError):
        return False
    return True
