"""Other spellings of a text with numbers as Whisper writes them: "1h25", "4.5 hours", "50.0"."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from appliance.text.language_number_rules import number_spelling
from appliance.text.time_words import time_words_for

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_RESPELLINGS = 24
"""Maximum number of respellings of one text; each is parsed."""

_ZEROES = re.compile(r"(?<=\d)[.,]00?(?!\d)")
"""One or two zeroes after a point; three mean thousands in some languages."""
_HALF = re.compile(r"(?<![\d.,])(\d+)[.,]5(?!\d)(?:\s+([^\W\d_]+))?")
_NUMBER = r"(?<![\d.,])(\d+(?:[.,]\d+)?)"
_SMALLER = {"hours": "minutes", "minutes": "seconds"}


def respellings(text: str, language: str) -> Iterator[str]:
    """`text` with its numbers spelled as in sentences; empty if no number has another spelling.

    "1h25 min" is "1 hour and 25 minutes", "4.5 hours" are "4 and a half hours", "50.0" is "50".
    """
    plain = _ZEROES.sub("", text)
    spelling, units = number_spelling(language), _Units.of(language)
    before = [f"{way} {{unit}}" for way in (*spelling.half, *spelling.half_otherwise)]
    halves = ("", *before, *spelling.half_after_unit)
    joins = ("",) if units is None else (units.and_, " ")
    ways = (
        _with_halves(plain if units is None else units.written_out(plain, join), half)
        for join, half in itertools.product(joins, halves)
    )
    others = (way for way in dict.fromkeys(ways) if way != text)
    yield from itertools.islice(others, MOST_RESPELLINGS)


def _with_halves(text: str, template: str) -> str:
    if not template:
        return text
    return _HALF.sub(lambda found: template.format(found[1], unit=found[2] or "").rstrip(), text)


@dataclass(frozen=True, slots=True)
class _Units:
    """Units of time in one language."""

    short: re.Pattern[str]
    """A number and the short form of a unit."""
    pairs: tuple[tuple[re.Pattern[str], str, str], ...]
    """A number of one unit and a number of the next smaller one, whose unit may be missing."""
    kinds: dict[str, str]
    """Each short and long form: `hours`, `minutes` or `seconds`."""
    words: dict[str, tuple[str, str]]
    """Singular and plural of each unit."""
    and_: str
    """The word between two units."""

    @classmethod
    @cache
    def of(cls, language: str) -> _Units | None:
        """The units of a language; None if they are not known."""
        shorts = number_spelling(language).units
        if not shorts:
            return None
        time = time_words_for(language)
        words = {"hours": time.hours, "minutes": time.minutes, "seconds": time.seconds}
        forms = {kind: _any_of((*shorts[kind], *words[kind])) for kind in words}
        any_short = _any_of([form for kind in shorts.values() for form in kind])
        return cls(
            short=re.compile(rf"{_NUMBER}\s*({any_short})\b\.?", re.IGNORECASE),
            pairs=tuple(
                (_pair(forms[kind], forms[smaller]), kind, smaller)
                for kind, smaller in _SMALLER.items()
            ),
            kinds={form.casefold(): kind for kind, given in shorts.items() for form in given},
            words=words,
            and_=f" {time.and_} ",
        )

    def written_out(self, text: str, join: str) -> str:
        """`text` with its units in words, and `join` between an hour and its minutes."""
        for pattern, kind, smaller in self.pairs:
            text = pattern.sub(
                lambda found, kind=kind, smaller=smaller: (  # type: ignore[misc]
                    f"{self._named(found[1], kind)}{join}{self._named(found[2], smaller)}"
                ),
                text,
            )
        return self.short.sub(
            lambda found: self._named(found[1], self.kinds[found[2].casefold()]), text
        )

    def _named(self, number: str, kind: str) -> str:
        return f"{number} {self.words[kind][number != '1']}"


def _pair(unit: str, smaller: str) -> re.Pattern[str]:
    return re.compile(
        rf"{_NUMBER}\s*(?:{unit})\.?,?\s*(\d+)(?:\s*(?:{smaller})\b\.?)?(?!\w|[.,]\d)",
        re.IGNORECASE,
    )


def _any_of(forms: list[str] | tuple[str, ...]) -> str:
    return "|".join(sorted(map(re.escape, forms), key=len, reverse=True))
