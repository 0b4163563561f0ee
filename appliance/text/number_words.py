"""Numbers in words, by the rules of a language."""

from __future__ import annotations

import itertools
import re
from functools import cache
from typing import TYPE_CHECKING

from hassil.numbers import get_rbnf_engine
from unicode_rbnf.engine import NoRuleForNumberError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from unicode_rbnf.engine import FormatResult

HIGHEST = 100
"""Of those that are read as one word."""

MOST = 4
"""Numbers of a text that may be written otherwise; each doubles the ways to write the text."""

RULES_OF = {"nb": "no"}
"""Languages whose rules lie under another code: Bokmål under that of all Norwegian."""


@cache
def in_words(number: float, language: str) -> tuple[str, ...]:
    """Every way in which the rules write `number`; nothing where the language has none."""
    written = _written(number, language)
    forms = written.text_by_ruleset.values() if written else ()
    return tuple(dict.fromkeys(form.replace("\u00ad", "") for form in forms))


def in_one_way(number: float, language: str) -> str | None:
    """The commonest of them; None where the language has none."""
    written = _written(number, language)
    return written.text.replace("\u00ad", "") if written else None


def _written(number: float, language: str) -> FormatResult | None:
    try:
        return get_rbnf_engine(RULES_OF.get(language, language)).format_number(number)
    except (ValueError, NoRuleForNumberError):  # Klingon has no rules, Zulu few
        return None


def said_in_words(digits: str) -> bool:
    """Whether digits in a sentence are a number that people say in words, too."""
    return digits.isdecimal() and len(digits) <= len(f"{HIGHEST}") and int(digits) <= HIGHEST


@cache
def digits_of_words(language: str) -> dict[str, str]:
    """Single number words up to one hundred, and their digits: {"eight": "8"}."""
    return {words: digits for words, digits in _digits(language).items() if " " not in words}


def respelled(text: str, language: str) -> Iterator[str]:
    """`text` with some of its numbers up to one hundred in digits for words, or the other way.

    Every way but `text` itself, those with the fewest changes first: "2 of three" is "two of
    three", "2 of 3" and "two of 3". None of a text with more than MOST numbers.
    """
    digits = _digits(language)
    words = _number_words(language).finditer(text)
    spelled = [(found, digits[found[0].casefold().replace("-", " ")]) for found in words]
    spelled += [(found, _worded(found[0], language)) for found in _DIGITS.finditer(text)]
    numbers = [(found.span(), other) for found, other in spelled if other != found[0]]
    for changes in range(1, len(numbers) + 1 if len(numbers) <= MOST else 1):
        for chosen in itertools.combinations(numbers, changes):
            yield _replaced(text, chosen)


def _replaced(text: str, parts: Iterable[tuple[tuple[int, int], str]]) -> str:
    for (begin, end), other in sorted(parts, reverse=True):
        text = f"{text[:begin]}{other}{text[end:]}"
    return text


_DIGITS = re.compile(r"(?<![\w.,:-])\d+(?!\w|[.,:]\d)")
"""Whole numbers that are neither part of another number nor of a word."""


def _worded(digits: str, language: str) -> str:
    words = in_one_way(int(digits), language) if said_in_words(digits) else None
    return words or digits


@cache
def _digits(language: str) -> dict[str, str]:
    """Numbers up to one hundred in words, with spaces between those, and their digits."""
    found: dict[str, str] = {}
    lowest = 0 if language.partition("-")[0] == "en" else 2  # "un", "ein", "uno" are articles too
    for number in range(lowest, HIGHEST + 1):
        for words in in_words(number, language):
            found.setdefault(words.casefold().replace("-", " "), str(number))
    return found


@cache
def _number_words(language: str) -> re.Pattern[str]:
    """The longest number words at a place."""
    longest_first = sorted(_digits(language), key=len, reverse=True)
    ways = (re.escape(words).replace(r"\ ", "[ -]") for words in longest_first)
    return re.compile(rf"\b(?:{'|'.join(ways) or '(?!)'})\b", re.IGNORECASE)
