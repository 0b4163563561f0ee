"""Finds skip words in the middle of a sentence: "turn on, please, the lamp"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.text.normalise import template_text

if TYPE_CHECKING:
    from collections.abc import Iterable


class SkipWords:
    """Words and phrases that may stand anywhere and change no meaning."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        spelled = (" ".join(template_text(word).split()) for word in words)
        self.words = frozenset(filter(None, spelled))
        """The skip words in the automaton's spelling."""
        self._prefixes = frozenset(
            word[:end] for word in self.words for end in range(1, len(word) + 1)
        )

    def is_prefix(self, text: str) -> bool:
        """Whether a skip word begins with `text`."""
        return text in self._prefixes

    def next_characters(self, text: str) -> list[str]:
        """The characters that may follow `text` in a skip word; a space after a whole one."""
        found = [word[-1] for word in self._prefixes if word[:-1] == text]
        return [*found, " "] if text in self.words else found

    def ends(self, text: str, begin: int) -> list[int]:
        """The position after each skip word that stands at `begin`, and after its space."""
        ends = (begin + len(word) for word in self.words if text.startswith(word, begin))
        return [end + 1 for end in ends if text[end : end + 1] in ("", " ")]
