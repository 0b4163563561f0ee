"""Spells numbers as people say them and as Whisper writes them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from appliance.text.language_number_rules import number_spelling
from appliance.text.normalise import template_text
from appliance.text.number_words import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hassil.intents import RangeSlotList

MOST_IN_WORDS = 1_001
"""Numbers of a range, as 0 to 1000; a larger range has words for small and round ones only."""

SMALL = 120
"""Numbers of a large range have words up to this one."""

ROUND = 50
"""Multiples of this number have words in a large range, too."""

SIGNS = {
    "percent": "%",
    "per cent": "%",
    "prozent": "%",
    "pour cent": "%",
    "por ciento": "%",
    "percento": "%",
    "per cento": "%",
    "procent": "%",
    "degrees": "°",
    "degree": "°",
    "grad": "°",
    "degrés": "°",
    "degré": "°",
    "grados": "°",
    "gradi": "°",
    "graden": "°",
}
"""Words that Whisper writes as a sign after a number."""

HALF = 0.5


@cache
def below_zero(language: str) -> tuple[str, ...]:
    """The words that are said before a negative number."""
    rules = [
        below.removesuffix(above).strip()
        for below, above in zip(_by_rules(-2, language), _by_rules(2, language), strict=False)
        if below.endswith(above)
    ]
    return tuple(dict.fromkeys([*rules, *number_spelling(language).negative]))


@cache
def spoken(number: float, language: str) -> tuple[str, ...]:
    """Every way to say `number`; empty if there are no rules for the language."""
    if number < 0:
        ways = [
            (sign, above) for sign in below_zero(language) for above in spoken(-number, language)
        ]
        return tuple(f"{sign} {above}" for sign, above in ways)
    texts = _by_rules(number, language)
    halves = [
        half.format(one)
        for half in _half(number, language)
        for one in _by_rules(int(number), language)
    ]
    return (*texts, *halves)


@cache
def _by_rules(number: float, language: str) -> tuple[str, ...]:
    texts = dict.fromkeys(map(template_text, in_words(number, language)))
    for text in list(texts):
        texts |= dict.fromkeys(number_spelling(language).also(text))
    return tuple(texts)


def numbers_in_range(numbers: RangeSlotList, language: str) -> Iterator[tuple[str, float]]:
    """Every spelling of each number of the range, with its value.

    Values follow hassil: the number times the list's multiplier; whole numbers are int.
    """
    values = list(numbers.get_numbers())
    for number in values:
        value = number if numbers.multiplier is None else number * numbers.multiplier
        value = int(value) if float(value).is_integer() else value
        if numbers.digits:
            yield from ((text, value) for text in _digits(number, language))
        if numbers.words and (
            len(values) <= MOST_IN_WORDS or abs(number) <= SMALL or number % ROUND == 0
        ):
            for text in spoken(number, numbers.words_language or language):
                yield text, value


def _digits(number: float, language: str) -> list[str]:
    if number < 0:
        above = _digits(-number, language)
        before = ("-", *(f"{word} " for word in below_zero(language)))
        return [f"{sign}{text}" for sign in before for text in above]
    plain = f"{number:g}" if number < 100_000 else str(number)  # noqa: PLR2004
    forms = [plain, plain.replace(".", ",")] if "." in plain else [plain]
    if plain.startswith("0."):
        forms.append(plain[1:])
    if number >= 1_000 and "." not in plain:  # noqa: PLR2004
        forms.append(f"{int(number):,}")
    return [*forms, *(half.format(int(number)) for half in _half(number, language))]


def _half(number: float, language: str) -> tuple[str, ...]:
    """The ways to say this number and a half, with {} for it; none if it has no half."""
    return number_spelling(language).half if number > 1 and number % 1 == HALF else ()
