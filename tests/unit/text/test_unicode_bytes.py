"""Texts with single bytes of characters in them."""

from __future__ import annotations

from appliance.text.unicode_bytes import decoded, encodings, is_byte, joined, without_bytes


def test_a_character_is_whole_again_after_its_bytes_are_joined() -> None:
    first, second = decoded("ђ".encode()[:1]), decoded("ђ".encode()[1:])
    assert is_byte(first)
    assert is_byte(second)
    assert joined(f"a{first}{second}b") == "aђb"
    assert joined("lamp") == "lamp"


def test_a_byte_alone_stays_until_it_is_dropped() -> None:
    begun = f"a{decoded('ђ'.encode()[:1])}"
    assert joined(begun) == begun
    assert without_bytes(begun) == "a"
    assert without_bytes("é") == "é"


def test_a_letter_has_the_bytes_of_its_capital_too() -> None:
    assert encodings("ђ") == ("ђ".encode(), "Ђ".encode())
    assert encodings("ß") == ("ß".encode(),)
