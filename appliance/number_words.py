"""Numbers in words, by the rules of a language."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from hassil.numbers import get_rbnf_engine
from unicode_rbnf.engine import NoRuleForNumberError

if TYPE_CHECKING:
    from unicode_rbnf.engine import FormatResult

HIGHEST = 100
"""Of those that are read as one word."""


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
