"""Which words were heard in place of others, and how clearly."""

from __future__ import annotations

import pytest

from appliance.decoding.search_types import HeardWord
from appliance.decoding.word_differences import differences


def heard(text: str, **scores: float) -> tuple[HeardWord, ...]:
    """Words that were heard for certain, but those with a score."""
    return tuple(HeardWord(word, scores.get(word, 0.0)) for word in text.split())


def test_equal_words_and_numbers_in_digits_do_not_differ() -> None:
    said = heard("a timer for twenty five minutes")
    assert differences(said, "a timer for 25 minutes", "en") == []


def test_a_stretch_that_differs_is_found_with_its_certainty() -> None:
    said = heard("turn on the bathroom light", bathroom=-0.5)
    [found] = differences(said, "turn on the bedroom light", "en")
    assert (found.heard, found.meant) == ("bathroom", "bedroom")
    assert found.certainty == pytest.approx(0.607, abs=0.001)


def test_another_word_differs_by_a_larger_share_than_one_that_sounds_alike() -> None:
    [other] = differences(heard("a double shot"), "a triple shot", "en")
    [alike] = differences(heard("a dark rose"), "a dark roast", "en")
    assert other.share > 0.4 > alike.share


def test_words_of_the_sentence_that_nobody_heard_are_a_difference() -> None:
    [found] = differences(heard("a lot of sugar"), "brew a lot of sugar", "en")
    assert (found.heard, found.meant, found.certainty) == ("", "brew", 1.0)


@pytest.mark.parametrize(
    ("free", "said"), [("i would like tea", "id like tea"), ("whats on", "what is on")]
)
def test_a_contraction_is_no_difference(free: str, said: str) -> None:
    assert differences(heard(free), said, "en") == []
