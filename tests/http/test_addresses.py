"""Addresses that may be connected to, one by one, in every disguise; and URLs that the HTTP library takes."""

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncd.http import addresses
from syncd.http.addresses import Reach, allowed, kind, names_this_machine, usable

PUBLIC = "8.8.8.8 1.1.1.1 172.32.0.1 100.128.0.1 2606:4700::1111 2a00:1450::1 ::ffff:8.8.8.8 64:ff9b::808:808"
PRIVATE = "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 fc00::1 fd00:ec2::253 100.100.100.201 ::ffff:10.0.0.1 64:ff9b::a00:1"
OWN = "127.0.0.1 127.9.9.9 ::1 ::ffff:127.0.0.1 64:ff9b::7f00:1"
NEVER = (
    "fd00:ec2::254 fd20:ce::254 100.100.100.200 ::ffff:100.100.100.200 168.63.129.16 "
    "0.0.0.0 0.1.2.3 169.254.169.254 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 192.0.0.8 192.0.2.1 192.88.99.1 "
    "198.18.0.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 :: ::a00:1 fe80::1 fe80::1%eth0 fec0::1 ff02::1 "
    "64:ff9b:1::a00:1 2001:0:a00:1::1 2001:db8::1 2002:a00:1::1 3fff::1 5f00::1 100::1 2130706433 0x7f.1 example.com"
)


def test_every_address_is_of_its_kind_in_every_disguise() -> None:
    kinds = {"public": PUBLIC, "private": PRIVATE, "own": OWN, "never": NEVER}
    wrong = {
        address: (kind(address), wanted)
        for wanted, texts in kinds.items()
        for address in texts.split()
        if kind(address) != wanted
    }
    assert wrong == {}


MIXED = ["10.0.0.1", "8.8.8.8", "127.0.0.1", "169.254.169.254", "2606:4700::1111"]


def test_a_name_leads_to_its_public_addresses_only() -> None:
    assert allowed("hooks.example.com", MIXED, "public") == ["8.8.8.8", "2606:4700::1111"]


def test_private_ones_when_they_are_meant_and_a_clouds_metadata_never() -> None:
    assert allowed("hooks.example.com", MIXED, "private") == [a for a in MIXED if a[:3] != "169"]


@pytest.mark.parametrize("reach", ["public", "private"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_url_that_names_this_machine_leads_nowhere_else(host: str, reach: Reach) -> None:
    assert allowed(host, MIXED, reach) == ["127.0.0.1"]


@pytest.mark.parametrize(
    "host", ["localhost.example.com", "127.0.0.1.example.com", "2130706433", "localhost."]
)
def test_what_only_looks_like_this_machine_is_a_name(host: str) -> None:
    assert not names_this_machine(host)
    assert allowed(host, ["127.0.0.1"], "public") == []


HOSTS = st.text("aZ9-._:[]%\u00ad\u0301é中/", max_size=12)


@given(host=HOSTS, path=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=9))
@example(host="999.1.1.1", path="")
@example(host="h\u00ad.example", path="/")
def test_it_is_what_httpx_takes_and_asked_of_it_only_in_doubt(host: str, path: str) -> None:
    url = f"https://{host}/{path}"
    try:
        httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        assert not usable(url)
        assert not addresses._PLAIN.fullmatch(url)
    else:
        assert usable(url)


@pytest.mark.parametrize(
    "url", ["https://www.catchthegoodones.com/api/v2", "http://localhost:8378", "https://a.b/?q"]
)
def test_what_is_plain_costs_nothing(url: str) -> None:
    assert addresses._PLAIN.fullmatch(url)
