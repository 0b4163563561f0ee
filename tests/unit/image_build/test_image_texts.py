"""Texts that the inside of the image writes for others: the firmware, wpa_supplicant, TOML."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from appliance_image import autoboot, network_items, toml_text
from appliance_image.errors import Refused
from appliance_image.slots import Slot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

values = st.recursive(
    st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text(min_size=1), st.dictionaries(st.text(), values, max_size=4)))
def test_tables_that_were_written_read_back_the_same(tables: dict[str, dict[str, Any]]) -> None:
    assert tomllib.loads(toml_text.write(tables)) == tables


def test_the_firmware_finds_both_slots_in_its_file() -> None:
    lines = autoboot.text_of(Slot.B).decode().split("\n")
    assert lines[:5] == [
        "[all]",
        "tryboot_a_b=1",
        "boot_partition=3",
        "[tryboot]",
        "boot_partition=2",
    ]


def test_the_firmware_s_file_has_the_same_size_for_each_slot() -> None:
    assert {len(autoboot.text_of(slot)) for slot in Slot} == {autoboot.SIZE}


def test_the_key_of_wpa2_is_that_of_the_standard() -> None:
    """IEEE 802.11i-2004, H.4.2."""
    lines = network_items.secret_lines("wifi.txt", "IEEE", "password")
    expected = "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"
    assert f"psk={expected}" in lines


@pytest.mark.parametrize("password", ['a"b\\c#d$e f', "  spaces  ", "%&/()=?`'"])
def test_no_sign_of_a_password_reaches_the_file_as_it_is(password: str) -> None:
    text = "\n".join(network_items.secret_lines("wifi.txt", "home", password))
    assert password not in text
    assert password.encode().hex(" ").replace(" ", "\\x") in text


@pytest.mark.parametrize("password", ["short", "x" * 64, "tabs\tinside", "Schlüssel1"])
def test_a_password_that_no_wifi_has_is_refused(password: str) -> None:
    with pytest.raises(Refused, match="8 to 63"):
        network_items.secret_lines("wifi.txt", "home", password)
