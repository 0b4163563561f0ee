"""Parsing of the service's rules as systemd shows them."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from appliance.system.local_addresses import LOCAL
from appliance.system.systemd_queries import read

UNIT = Path(__file__).parents[3] / "systemd/appliance.service"

SHOWN = {
    "IPAddressDeny": "::/0 0.0.0.0/0",
    "IPAddressAllow": "127.0.0.0/8 ::1/128 192.168.0.0/16",
    "RestrictAddressFamilies": "AF_UNIX AF_INET",
    "IPEgressBytes": "4711",
    "IPIngressBytes": "815",
}


@pytest.mark.parametrize(
    ("address", "passes"),
    [
        ("127.0.0.1", True),
        ("192.168.7.7", True),
        ("::1", True),
        ("fe80::1%eth0", False),
        ("::ffff:192.168.7.7", True),
        ("10.0.0.1", False),
        ("198.51.100.7", False),
        ("2001:db8::1", False),
        ("no address", False),
    ],
)
def test_only_allowed_addresses_pass(address: str, *, passes: bool) -> None:
    rules = read(SHOWN)
    assert rules.deny_the_rest
    assert rules.allow(address) is passes


def test_traffic_and_address_families_are_parsed() -> None:
    rules = read(SHOWN)
    assert (rules.sent_bytes, rules.received_bytes) == (4711, 815)
    assert rules.families == ("AF_INET", "AF_UNIX")


@pytest.mark.parametrize("shown", ["18446744073709551615", "[no data]", "[not set]", ""])
def test_traffic_without_accounting_is_unknown_and_not_0(shown: str) -> None:
    assert read({**SHOWN, "IPEgressBytes": shown}).sent_bytes is None


@pytest.mark.parametrize("denied", ["", "0.0.0.0/0", "::/0", "10.0.0.0/8 fc00::/7"])
def test_a_unit_that_denies_less_than_everything_denies_nothing_that_counts(denied: str) -> None:
    assert not read({**SHOWN, "IPAddressDeny": denied}).deny_the_rest


def test_if_nothing_is_denied_everything_passes() -> None:
    assert read({}).allow("198.51.100.7")


def test_the_unit_allows_exactly_the_local_networks() -> None:
    reader = configparser.RawConfigParser(strict=False, interpolation=None)
    reader.optionxform = str  # type: ignore[assignment,method-assign]
    reader.read(UNIT)
    words = reader["Service"]["IPAddressAllow"].replace("localhost", "127.0.0.0/8 ::1/128")
    assert set(words.split()) == {str(network) for network in LOCAL}
