"""Words that confirm, and phrases that end everything."""

from __future__ import annotations

import pytest

from appliance.dialogue.yes_and_stop_words import phrases_for


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Yes."),
        ("en", "Yes, please"),
        ("de", "Ja, genau!"),
        ("de-CH", "Ja."),
        ("fr", "D\N{RIGHT SINGLE QUOTATION MARK}accord."),
        ("fr", "Okay"),
        ("pt", "yes"),
    ],
)
def test_a_reply_of_words_that_confirm_is_a_yes(language: str, said: str) -> None:
    assert phrases_for(language).means_yes(said)


@pytest.mark.parametrize(
    "said", ["", "yes and turn on everything else", "not correct", "Thank you for watching!"]
)
def test_anything_else_is_not_a_yes(said: str) -> None:
    assert not phrases_for("en").means_yes(said)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Stop!"),
        ("en", "Stop! Stop!"),
        ("en", "never mind"),
        ("fr", "Tais-toi."),
        ("it", "basta"),
    ],
)
def test_a_stop_phrase_is_known_in_its_language_also_said_twice(language: str, said: str) -> None:
    assert phrases_for(language).means_stop(said)


@pytest.mark.parametrize("said", ["stop machine three", "don't stop", ""])
def test_a_sentence_with_a_stop_word_in_it_is_not_a_stop_phrase(said: str) -> None:
    assert not phrases_for("en").means_stop(said)
