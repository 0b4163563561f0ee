"""Whether free speech says clearly what the sentence does not: an undeclared room, another number.

The mean over a long sentence hides one word that was said and is another.
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.grammar.numbers import digits_of_words
from appliance.text.normalise import normalise

SURE = -0.4
"""Mean log probability per token from which free speech is sure of what it writes."""

WHOLE = 10.0
"""What free speech scores better in all, nats. With 8 (and 0.78 per token) 9 of 123 undeclared
values were taken for others, with 10 there were 16, but one to three orders in a hundred fewer are
refused from 15 dB of noise on."""

SHORT = 1.0
"""The same per token, where few tokens do not come to so much."""

NUMBER = 3.0
"""The same in all, where the numbers are others: 90 is not 19."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How well free speech fits the sound, and how much better than the sentence."""

    surplus: float
    """What it scores better in all, nats."""
    deficit: float
    """The same per token of the declared words."""
    fit: float
    """Its own mean log probability per token."""


def contradicts(heard: str, said: str, language: str, evidence: Evidence) -> bool:
    """Whether to believe what was `heard`, free speech, against the sentence that is `said`."""
    if evidence.fit <= SURE:
        return False
    if evidence.surplus > WHOLE or evidence.deficit > SHORT:
        return True
    numbers = _numbers(heard, language)
    return evidence.surplus > NUMBER and bool(numbers) and numbers != _numbers(said, language)


def _numbers(text: str, language: str) -> list[str]:
    digits = digits_of_words(language)
    words = (digits.get(word, word) for word in normalise(text).split())
    return sorted(word.rstrip("%°") for word in words if any(map(str.isdigit, word)))
