"""One spelling for what is written and what is heard: case, apostrophes, hyphens, punctuation."""

from __future__ import annotations

import unicodedata

STOPS = frozenset('.,!?;:…¿¡"«»“”„')
"""Characters that Whisper adds and nobody speaks."""

APART = frozenset('?!:;¿¡«»"“„')
"""Those that may stand apart from the word before them: "¿Qué", "est-il ?"."""

DROPPED = frozenset("'`\u2018\u2019\u00b4")
"""Written or not as the speller likes: "what's", "whats"."""

JOINERS = frozenset("-_\u2010\u2011\u2013\u2014")
"""Between the parts of a word; read as a space."""


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


def plain(text: str) -> str:
    """`text` as sentences are spelled: folded, without stops, single spaces."""
    return " ".join(folded(text).translate(_JOINED).split())
