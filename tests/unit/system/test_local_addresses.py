"""Which addresses are local; the unit's rules must agree."""

from __future__ import annotations

import ipaddress

import pytest

from appliance.system.local_addresses import is_local, is_loopback, source_of


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.31.255.255",
        "192.168.1.10",
        "169.254.7.7",
        "::1",
        "fe80::1%eth0",
        "fd12::8",
        "::ffff:192.168.1.10",
    ],
)
def test_this_machine_and_the_local_network_are_local(address: str) -> None:
    assert is_local(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "172.32.0.1", "100.64.0.1", "0.0.0.0", "::", "2606:4700::1", "::ffff:8.8.8.8", ""],  # noqa: S104
)
def test_every_other_address_is_not_local(address: str) -> None:
    assert not is_local(address)


def test_an_address_of_the_internet_is_never_local() -> None:
    assert not any(is_local(str(ipaddress.ip_address(n * 2**24 + 1))) for n in range(11, 127))


def test_only_loopback_addresses_are_this_machine() -> None:
    local = ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "192.168.1.7")  # noqa: S104
    assert [is_loopback(address) for address in local] == [True] * 4 + [False] * 3


def test_all_addresses_of_an_ipv6_network_are_one_source_and_ipv4_ones_are_not() -> None:
    assert source_of("fd00::1") == source_of("fd00::2:3%eth0") != source_of("fd00:0:0:1::1")
    assert source_of("192.168.1.5") == source_of("::ffff:192.168.1.5") == "192.168.1.5"
    assert source_of("a socket") == "a socket"
