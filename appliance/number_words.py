"""Numbers in words, by the rules of a language."""

from __future__ import annotations

from functools import cache

from hassil.numbers import get_rbnf_engine
from unicode_rbnf.engine import NoRuleForNumberError

HIGHEST = 100
"""Of those that are read as one word."""


@cache
def in_words(number: float, language: str) -> tuple[str, ...]:
    """Every way in which the rules write `number`; nothing where the language has none."""
    try:
        forms = get_rbnf_engine(language).format_number(number).text_by_ruleset.values()
    except (ValueError, NoRuleForNumberError):  # Norwegian is there without one, Zulu with few
        return ()
    return tuple(dict.fromkeys(form.replace("\u00ad", "") for form in forms))


@cache
def digits_of_words(language: str) -> dict[str, str]:
    """Single number words up to one hundred, and their digits: {"eight": "8"}."""
    found: dict[str, str] = {}
    lowest = 0 if language.partition("-")[0] == "en" else 2  # "un", "ein", "uno" are articles too
    for number in range(lowest, HIGHEST + 1):
        for text in in_words(number, language):
            if " " not in text and "-" not in text:
                found.setdefault(text.casefold(), str(number))
    return found
