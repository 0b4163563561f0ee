"""The IP allow list that follows from the configured broker."""

from __future__ import annotations

import pytest

from appliance.system.systemd_ip_allowlist import DROP_IN, drop_in


def allowed(host: str, *clients: str) -> str:
    *_, reset, last = (drop_in(host, clients) or "").splitlines()
    assert reset == "IPAddressAllow="  # or systemd would add to what the unit allows
    return last.removeprefix("IPAddressAllow=")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.168.7.7", "192.168.7.7"),
        ("198.51.100.7", "198.51.100.7"),
        ("fd00::7", "fd00::7"),
        ("fe80::7%eth0", "fe80::7"),
        ("::ffff:192.168.7.7", "192.168.7.7"),
    ],
)
def test_only_the_broker_s_address_and_this_machine_are_allowed(host: str, address: str) -> None:
    assert allowed(host) == f"localhost {address}"


@pytest.mark.parametrize("host", ["", "localhost", "127.0.0.1", "::1"])
def test_with_a_broker_on_this_machine_only_localhost_is_allowed(host: str) -> None:
    assert allowed(host) == "localhost"


@pytest.mark.parametrize("host", ["", "127.0.0.1", "192.168.7.7"])
def test_clients_with_a_connection_of_their_own_are_allowed_too(host: str) -> None:
    addresses = allowed(host, "192.168.7.20", "10.1.0.0/16").split()
    assert addresses[0] == "localhost"
    assert addresses[-2:] == ["192.168.7.20", "10.1.0.0/16"]


@pytest.mark.parametrize("host", ["broker.lan", "homeassistant.local", "10.0.0", "a b\nc"])
def test_a_host_name_leaves_the_unit_s_rules_unchanged(host: str) -> None:
    assert drop_in(host) is None


def test_the_owner_s_own_drop_in_comes_after_it() -> None:
    assert DROP_IN.rpartition("/")[2] < "override.conf"
