"""The one way to compare texts: case, apostrophes, hyphens and punctuation do not matter."""

from __future__ import annotations

import re
import unicodedata

PUNCTUATION = frozenset('.,!?;:…¿¡"«»“”„')
"""Characters that Whisper adds and that are not spoken."""

SPACED_PUNCTUATION = frozenset('?!:;¿¡«»"“„')
"""Marks that a space may separate from their word: "¿Qué", "est-il ?"."""

PARTING = PUNCTUATION - {"."}
"""Marks that separate two words even without a space: "Tom,Dick", "7:30", but not "U.S."."""

UNIT_SIGNS = frozenset("%°")
"""Written after a number, with a space or without."""

APOSTROPHES = frozenset("'`\u2018\u2019\u00b4")
"""Apostrophes, which are dropped because speech models and people omit them: "what's", "whats"."""

HYPHENS = frozenset("-_\u2010\u2011\u2013\u2014\u2212")
"""Read as a space between the parts of a word, and as a minus sign before a number."""

SPACES = frozenset(
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""All characters for which `str.isspace` holds."""

_FOLDED = str.maketrans(
    {**dict.fromkeys(APOSTROPHES, ""), **dict.fromkeys(HYPHENS, "-"), **dict.fromkeys(SPACES, " ")}
)


def folded(text: str) -> str:
    """`text` letter by letter as the automaton reads it: punctuation and spaces are kept.

    Unicode form NFC, case folded, without apostrophes, each hyphen and dash as "-".
    """
    composed = text if text.isascii() else unicodedata.normalize("NFC", text)
    return composed.casefold().translate(_FOLDED)


def template_text(text: str) -> str:
    """`text` of a template: folded, hyphens as spaces, punctuation only inside numbers."""
    spelled = folded(text).replace("-", " ")
    out: list[str] = []
    for index, char in enumerate(spelled):
        before, after = spelled[index - 1 : index], spelled[index + 1 : index + 2]
        if char not in PUNCTUATION or (char in ".," and before.isdigit() and after.isdigit()):
            out.append(char)
        elif parts_words(before, char, after):
            out.append(" ")
    return "".join(out)


def parts_words(before: str, char: str, after: str) -> bool:
    """Whether a character between two others separates two words."""
    return char in PARTING and before.isalnum() and after.isalnum()


_WITHOUT_PUNCTUATION = str.maketrans({"-": " ", **dict.fromkeys(PUNCTUATION, "")})

_NUMBER_PUNCTUATION = re.compile(r"(?<!\S)[-.](?=\d)|(?<=\d)[.,](?=\d)|(?<=\w):(?=\w)")
"""The sign, the decimal separator, and the colon of a time."""


def normalise(text: str) -> str:
    """`text` as sentences are spelled: folded, single spaces, punctuation only inside numbers.

    "What's on at 7:30, -5.5 or 62 %?" is "whats on at 7 30 -5.5 or 62 %".
    """
    parts: list[str] = []
    end = 0
    spelled = folded(text)
    for mark in _NUMBER_PUNCTUATION.finditer(spelled):
        kept = mark[0] if mark[0] != ":" else " "
        parts += spelled[end : mark.start()].translate(_WITHOUT_PUNCTUATION), kept
        end = mark.end()
    parts.append(spelled[end:].translate(_WITHOUT_PUNCTUATION))
    return " ".join("".join(parts).split())


_THOUSANDS_COMMA = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")

_WORD = re.compile(r"(?<![\w.,])(?:-?\d*(?:[.,]\d+)+|-\d+)|\w+")
"""A number with its sign and its fraction, or a run of letters and digits."""


def words_of(text: str) -> tuple[str, ...]:
    """The words of `text`, normalised, for a comparison word by word.

    A number is one word with its sign and its fraction, and 1,500 is 1500. The sign "%" is the
    word "percent", as people write either. Other signs are not words.
    """
    spelled = normalise(text).replace("%", " percent ")
    return tuple(_WORD.findall(_THOUSANDS_COMMA.sub("", spelled)))


_PLAIN_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d"})


def unaccented(text: str) -> str:
    """Folded `text` without accents, as typed on a keyboard that has none."""
    letters = unicodedata.normalize("NFD", text.translate(_PLAIN_LETTERS))
    return "".join(char for char in letters if not unicodedata.combining(char))
