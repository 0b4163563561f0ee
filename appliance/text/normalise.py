"""One spelling for what is written and what is heard: case, apostrophes, hyphens, punctuation."""

from __future__ import annotations

import re
import unicodedata

STOPS = frozenset('.,!?;:…¿¡"«»“”„')
"""Characters that Whisper adds and nobody speaks."""

APART = frozenset('?!:;¿¡«»"“„')
"""Those that may stand apart from the word before them: "¿Qué", "est-il ?"."""

MARKS = frozenset("%°")
"""Stand behind a number, with a space or without."""

DROPPED = frozenset("'`\u2018\u2019\u00b4")
"""Written or not as the speller likes: "what's", "whats"."""

JOINERS = frozenset("-_\u2010\u2011\u2013\u2014\u2212")
"""Between the parts of a word, read as a space; before a number, its sign."""


def folded(text: str) -> str:
    """`text` in the one spelling that the automaton reads; stops are kept.

    Whitespace is kept as it is, too: the automaton reads any run of it as one.
    """
    out: list[str] = []
    for char in unicodedata.normalize("NFC", text).casefold():
        if char in DROPPED:
            continue
        out.append(" " if char.isspace() else "-" if char in JOINERS else char)
    return "".join(out)


def template_text(text: str) -> str:
    """`text` of a sentence template: folded, joiners as spaces, stops only inside numbers."""
    plain = folded(text).replace("-", " ")
    out: list[str] = []
    for index, char in enumerate(plain):
        inside = plain[index - 1 : index].isdigit() and plain[index + 1 : index + 2].isdigit()
        if char not in STOPS or (char in ".," and inside):
            out.append(char)
    return "".join(out)


_JOINED = str.maketrans({"-": " ", **dict.fromkeys(STOPS, "")})

_OF_NUMBERS = re.compile(r"(?<!\S)[-.](?=\d)|(?<=\d)[.,](?=\d)|(?<=\w):(?=\w)")
"""The sign, the fraction, and the colon of a time."""


def plain(text: str) -> str:
    """`text` as sentences are spelled: folded, single spaces, no stops but those of numbers."""
    parts: list[str] = []
    behind = 0
    spelled = folded(text)
    for mark in _OF_NUMBERS.finditer(spelled):
        kept = mark[0] if mark[0] != ":" else " "
        parts += spelled[behind : mark.start()].translate(_JOINED), kept
        behind = mark.end()
    parts.append(spelled[behind:].translate(_JOINED))
    return " ".join("".join(parts).split())


_PLAIN_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d"})


def unaccented(text: str) -> str:
    """Folded `text` as somebody spells it who has no accents on the keyboard."""
    letters = unicodedata.normalize("NFD", text.translate(_PLAIN_LETTERS))
    return "".join(char for char in letters if not unicodedata.combining(char))
