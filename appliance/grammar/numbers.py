"""Numbers as people say them and as Whisper writes them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from hassil.numbers import get_rbnf_engine

from appliance.grammar.text import template_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hassil.intents import RangeSlotList

MANY = 1_001
"""As many as from 0 to 1000; a range with more numbers has words for its round numbers only."""

SMALL = 120
ROUND = 50

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
"""Words that Whisper writes as a sign behind a number."""


@cache
def spoken(number: float, language: str) -> tuple[str, ...]:
    """Every way in which `number` is said; nothing where the language has no rules."""
    if number < 0 and number % 1:
        return ()  # the rules say the whole part alone
    try:
        engine = get_rbnf_engine(language)
    except ValueError:
        return ()
    forms = engine.format_number(number).text_by_ruleset.values()
    texts = dict.fromkeys(template_text(form.replace("\u00ad", "")) for form in forms)
    if language.split("-", maxsplit=1)[0] == "en" and abs(number) > 100:  # noqa: PLR2004
        for text in list(texts):
            texts[text.replace("hundred ", "hundred and ")] = None
    return tuple(texts)


@cache
def digits_of_words(language: str) -> dict[str, str]:
    """Single number words up to one hundred, and their digits: {"eight": "8"}."""
    found: dict[str, str] = {}
    lowest = (
        0 if language.split("-", maxsplit=1)[0] == "en" else 2
    )  # "un", "ein", "uno" are articles too
    for number in range(lowest, 101):
        for text in spoken(number, language):
            if " " not in text:
                found.setdefault(text, str(number))
    return found


def written(numbers: RangeSlotList, language: str) -> Iterator[tuple[str, float]]:
    """Each text that stands for a number of the range, and its value.

    Values follow hassil: the number times the list's multiplier; whole numbers are int.
    """
    values = list(numbers.get_numbers())
    for number in values:
        value = number if numbers.multiplier is None else number * numbers.multiplier
        value = int(value) if float(value).is_integer() else value
        if numbers.digits:
            yield from ((text, value) for text in _digits(number))
        if numbers.words and (len(values) <= MANY or abs(number) <= SMALL or number % ROUND == 0):
            for text in spoken(number, numbers.words_language or language):
                yield text, value


def _digits(number: float) -> list[str]:
    plain = f"{number:g}" if abs(number) < 100_000 else str(number)  # noqa: PLR2004
    signs = [plain, plain.replace(".", ",")] if "." in plain else [plain]
    if number >= 1_000 and "." not in plain:  # noqa: PLR2004
        signs.append(f"{int(number):,}")
    return [text.replace("-", " ") if number < 0 else text for text in signs]
