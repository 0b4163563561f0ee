"""What does not matter when two texts are compared, and what does."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from appliance.text.normalise import SPACES, normalise, words_of


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("  Turn on,\tthe LAMP! ", "turn on the lamp"),
        ("What's on? What\N{RIGHT SINGLE QUOTATION MARK}s on?", "whats on whats on"),
        ("well-known: wi-fi", "well known wi fi"),
        ("\u00bfQu\u00e9 hora es? \u00abStra\u00dfe\u00bb", "qu\u00e9 hora es strasse"),
        ("Offset -5.", "offset -5"),
        ("offset \N{MINUS SIGN}5", "offset -5"),
        ("21.5 degrees, please.", "21.5 degrees please"),
        ("heat to .5", "heat to .5"),
        ("at 7:30 p.m.", "at 7 30 pm"),
        ("to 62 %, to 21\u00b0", "to 62 % to 21\u00b0"),
        ("?!", ""),
    ],
)
def test_only_letters_and_numbers_count(text: str, spelled: str) -> None:
    assert normalise(text) == spelled
    assert normalise(spelled) == spelled


def test_letters_are_the_same_in_either_unicode_form() -> None:
    assert normalise(unicodedata.normalize("NFD", "K\u00fcche")) == normalise("k\u00fcche")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("What\N{RIGHT SINGLE QUOTATION MARK}s UP, doc?", ["whats", "up", "doc"]),
        ("Don't\N{EM DASH}stop, NOW!", ["dont", "stop", "now"]),
        ("wi-fi tais-toi", ["wi", "fi", "tais", "toi"]),
        ("to 62%, or 62 %", ["to", "62", "percent", "or", "62", "percent"]),
        ("1,500 or 12,500.5", ["1500", "or", "12500.5"]),
        ("1,50 and 1.500", ["1,50", "and", "1.500"]),
        ("-5 (12.5) .5 3d a12", ["-5", "12.5", ".5", "3d", "a12"]),
        ("21\u00b0 and/or <|im_start|>", ["21", "and", "or", "im", "start"]),
        ("\U0001f4a1 \x00", []),
    ],
)
def test_a_number_is_one_word_and_a_punctuation_mark_is_not_a_word(
    text: str, words: list[str]
) -> None:
    assert list(words_of(text)) == words


def test_every_space_of_unicode_is_known() -> None:
    every = {character for character in map(chr, range(sys.maxunicode + 1)) if character.isspace()}
    assert every == SPACES
