"""Numbers in words, by the rules of a language."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from hassil.numbers import get_rbnf_engine
from unicode_rbnf.engine import NoRuleForNumberError

from appliance.text.language_codes import family
from appliance.text.normalise import template_text

if TYPE_CHECKING:
    from unicode_rbnf.engine import FormatResult

HIGHEST = 100
"""The highest number that is read as one word."""

RULES_OF = {"nb": "no"}
"""Languages whose rules are stored under another code: Bokmål uses the code for Norwegian."""


@cache
def in_words(number: float, language: str) -> tuple[str, ...]:
    """Every spelling of `number` by the rules; empty if the language has no rules."""
    written = _written(number, language)
    forms = written.text_by_ruleset.values() if written else ()
    return tuple(dict.fromkeys(form.replace("\u00ad", "") for form in forms))


def in_one_way(number: float, language: str) -> str | None:
    """The commonest spelling of `number`; None if the language has no rules."""
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
    """Numbers up to one hundred as sentences spell them, and their digits: {"twenty one": "21"}."""
    found: dict[str, str] = {}
    lowest = 0 if family(language) == "en" else 2  # "un", "ein", "uno" are articles too
    for number in range(lowest, HIGHEST + 1):
        for words in in_words(number, language):
            found.setdefault(" ".join(template_text(words).split()), str(number))
    return found
