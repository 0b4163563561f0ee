"""Finds the differences between heard words and a sentence, with the model's certainty."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from typing import TYPE_CHECKING

from appliance.grammar.nearest_sentence import spelling_distance
from appliance.text.language_number_rules import number_spelling
from appliance.text.number_words import digits_of_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.decoding.search_types import HeardWord


@dataclass(frozen=True, slots=True)
class Difference:
    """A stretch of words that was heard in place of another one; one of the two may be empty."""

    heard: str
    meant: str
    certainty: float
    """Probability that the model gives to what it heard, mean over the stretch, 0.0 to 1.0."""
    begins: bool = False
    """Whether it is the beginning of the sentence."""

    @property
    def cost(self) -> float:
        """Difference in sound and spelling, in letters."""
        return spelling_distance(self.heard, self.meant)

    @property
    def share(self) -> float:
        """Difference as a share of the letters: 0.0 if both are equal, 1.0 if all differ."""
        return self.cost / max(len(self.heard), len(self.meant), 1)


def differences(heard: Sequence[HeardWord], sentence: str, language: str) -> list[Difference]:
    """The stretches that differ; numbers in words and in digits are equal.

    Args:
        heard: the words of the free text.
        sentence: normalised.
        language: whose number words count.

    """
    words = [(one.text, one.score) for one in heard]
    said = digits_for_words(words, language)
    meant = [text for text, _ in digits_for_words([(w, 0.0) for w in sentence.split()], language)]
    whole = _certainty([score for _, score in words])
    found = []
    texts = [text for text, _ in said]
    for kind, first, last, begin, end in SequenceMatcher(
        None, texts, meant, autojunk=False
    ).get_opcodes():
        here, there = texts[first:last], meant[begin:end]
        if kind == "equal" or _is_contracted(here, there) or _is_contracted(there, here):
            continue
        scores = [score for _, score in said[first:last]]
        certainty = _certainty(scores) if scores else whole
        found.append(Difference(" ".join(here), " ".join(there), certainty, begin == 0))
    return found


def _is_contracted(words: Sequence[str], other: Sequence[str]) -> bool:
    """Whether the other is one word, contracted from two: "I would" as "I'd"."""
    if len(words) != 2 or len(other) != 1:  # noqa: PLR2004
        return False
    first, second = words
    tail = other[0].removeprefix(first)
    return other[0] == first + tail and bool(tail) and second.endswith(tail)


def _certainty(scores: Sequence[float]) -> float:
    return math.exp(sum(scores) / len(scores)) if scores else 0.0


def digits_for_words(words: Sequence[tuple[str, float]], language: str) -> list[tuple[str, float]]:
    """The words with their scores; number words as digits, "one and a half" as 1.5.

    A number has the lowest score of its words.
    """
    spelled, longest = _spelled_numbers(language)
    found: list[tuple[str, float]] = []
    at = 0
    while at < len(words):
        for end in range(min(len(words), at + longest), at, -1):
            digits = spelled.get(" ".join(text for text, _ in words[at:end]))
            if digits is not None:
                break
        else:
            digits, end = words[at][0], at + 1
        found.append((digits, min(score for _, score in words[at:end])))
        at = end
    return _with_halves(found, language)


@cache
def _spelled_numbers(language: str) -> tuple[dict[str, str], int]:
    """Number words and their digits, halves in one word too, and the most words of one."""
    spelled = dict(digits_of_words(language))
    for half in number_spelling(language).half:
        if half.startswith("{}") and " " not in half:
            spelled |= {half.format(words): f"{digits}.5" for words, digits in spelled.items()}
    return spelled, max((len(words.split()) for words in spelled), default=1)


def _with_halves(words: list[tuple[str, float]], language: str) -> list[tuple[str, float]]:
    """A whole number followed by the words for a half is one number.

    The surest word for the half counts: "2 and a half" is also written "2 and half".
    """
    tail = "".join(number_spelling(language).half[:1]).removeprefix("{}").split()
    size = len(tail)
    found: list[tuple[str, float]] = []
    at = 0
    while at < len(words):
        text, score = words[at]
        after = words[at + 1 : at + 1 + size]
        if size and text.isdecimal() and [one for one, _ in after] == tail:
            found.append((f"{text}.5", min(score, max(one for _, one in after))))
            at += 1 + size
        else:
            found.append((text, score))
            at += 1
    return found


_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")

_ORDINAL = re.compile(r"\d+(?!(?:h|am|pm|min|s|m)$)[^\W\d_]{1,3}")
"""A number with a short ending that is no unit: "1st", "1re"."""

_THOUSANDS = re.compile(r"(?<=\d)[.,](?=\d{3}$)")


def numbers_in(words: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """The numbers among words with digits, with their scores; units beside them left out.

    "1,500" is 1500; an ordinal is no number here, because it is as often written as a word.
    """
    return [
        (_THOUSANDS.sub("", number).replace(",", "."), score)
        for text, score in words
        if not _ORDINAL.fullmatch(text)
        for number in _NUMBER.findall(text)
    ]
