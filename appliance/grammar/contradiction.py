"""Whether free speech says clearly what the sentence does not: an undeclared room, another number.

The mean over a long sentence hides one word that was said and is another.
"""

from __future__ import annotations

from appliance.grammar.numbers import digits_of_words
from appliance.grammar.text import plain

SURE = -0.4
"""Mean log probability per token from which free speech is sure of what it writes."""

WHOLE = 8.0
"""What free speech scores better in all, nats; two thousand times as likely."""

SHORT = 0.78
"""The same per token, where few tokens do not come to so much."""

NUMBER = 3.0
"""The same in all, where the numbers are others: 90 is not 19."""


def contradicts(
    heard: str, said: str, language: str, *, surplus: float, deficit: float, free_fit: float
) -> bool:
    """Whether to believe free speech.

    Args:
        heard: what the model wrote without a grammar.
        said: the sentence.
        language: of the sentences.
        surplus: what free speech scores better in all, nats.
        deficit: the same per token of the declared words.
        free_fit: mean log probability per token of free speech.

    """
    if free_fit <= SURE:
        return False
    if surplus > WHOLE or deficit > SHORT:
        return True
    numbers = _numbers(heard, language)
    return surplus > NUMBER and bool(numbers) and numbers != _numbers(said, language)


def _numbers(text: str, language: str) -> list[str]:
    digits = digits_of_words(language)
    words = (digits.get(word, word) for word in plain(text).split())
    return sorted(word.rstrip("%°") for word in words if any(map(str.isdigit, word)))
