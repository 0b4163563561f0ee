"""Numbers in words, in every language that has rules and in those that have none."""

from __future__ import annotations

import pytest
from unicode_rbnf import RbnfEngine

from appliance.text.number_words import digits_of_words, in_one_way, in_words


def test_a_number_is_written_in_every_way_that_the_rules_know() -> None:
    assert {"eins", "ein", "eine"} <= set(in_words(1, "de"))


def test_hyphens_that_only_part_lines_are_left_out() -> None:
    assert "einundzwanzig" in in_words(21, "de")


@pytest.mark.parametrize("language", ["tlh", ""])
def test_a_language_without_rules_has_no_number_words(language: str) -> None:
    assert in_words(3, language) == ()
    assert in_one_way(3, language) is None
    assert digits_of_words(language) == {}


def test_bokmal_has_the_words_of_all_norwegian() -> None:
    assert in_one_way(20, "nb") == "tjue"
    assert digits_of_words("nb")["tjue"] == "20"


@pytest.mark.parametrize("language", RbnfEngine.get_supported_languages())
@pytest.mark.parametrize("number", [0, 21, -3, 2.5, 1_000_000])
def test_no_language_stumbles_over_a_number(language: str, number: float) -> None:
    assert all(isinstance(words, str) for words in in_words(number, language))


def test_the_words_of_a_number_are_spelled_as_in_sentences() -> None:
    words = digits_of_words("en")
    assert (words["zero"], words["eight"], words["ninety"]) == ("0", "8", "90")
    assert words["twenty five"] == "25"
    assert not any("-" in word for word in words)


def test_words_that_are_articles_too_are_not_numbers() -> None:
    assert "ein" not in digits_of_words("de")
    assert "un" not in digits_of_words("fr")
