"""Whether free speech says clearly what the sentence does not: an undeclared room, another number.

The mean over a long sentence hides one word that was said and is another.
"""

from __future__ import annotations

from appliance.grammar.numbers import digits_of_words
from appliance.grammar.text import plain

SURE = -0.4
"""Mean log probability per token from which free speech is sure of what it writes."""

WHOLE = 8.0
"""What free speech scores better in all, nats; three thousand times as likely."""

WHOLE_OF_TWO = 10.0
"""The same where two models were asked: each is compared with its own best text, and the mean of
two bests is better than any one text."""

SHORT = 0.78
"""The same per token, where few tokens do not come to so much."""

NUMBER = 3.0
"""The same in all, where the numbers are others: 90 is not 19."""


def contradicts(
    heard: str,
    said: str,
    language: str,
    *,
    surplus: float,
    deficit: float,
    free_fit: float,
    whole: float = WHOLE,
) -> bool:
    """Whether to believe free speech.

    Args:
        heard: what the model wrote without a grammar.
        said: the sentence.
        language: of the sentences.
        surplus: what free speech scores better in all, nats.
        deficit: the same per token of the declared words.
        free_fit: mean log probability per token of free speech.
        whole: a surplus from which it is believed.

    """
    if free_fit <= SURE:
        return False
    if surplus > whole or deficit > SHORT:
        return True
    numbers = _numbers(heard, language)
    return surplus > NUMBER and bool(numbers) and numbers != _numbers(said, language)


def _numbers(text: str, language: str) -> list[str]:
    digits = digits_of_words(language)
    words = (digits.get(word, word) for word in plain(text).split())
    return sorted(word.rstrip("%°") for word in words if any(map(str.isdigit, word)))
