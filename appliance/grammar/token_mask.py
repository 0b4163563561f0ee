"""Token mask: which tokens of a model may come next in the automaton, and where each leads."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from appliance.grammar.lazy_automaton import DEAD, IN_WORD
from appliance.grammar.written_words import WrittenWords
from appliance.text.normalise import PUNCTUATION, SPACED_PUNCTUATION, UNIT_SIGNS, folded, normalise
from appliance.text.unicode_bytes import decoded, is_byte, joined, without_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from appliance.grammar.lazy_automaton import Automaton

Ids = NDArray[np.int32]
Tokens = tuple[int, ...]

_Groups = dict[tuple[int, str], list[int]]
"""Tokens by the state that they lead to and by their plain text: " milk," with "Milk"."""

_WILDCARD = "*"
"""Stands for the text of all tokens that a wildcard takes, so that they are one group."""

_IMPOSSIBLE = 1_000_000

_GAPS = frozenset(" -")
_AFTER_LETTER = _GAPS | PUNCTUATION | UNIT_SIGNS
"""Characters that may follow a letter of a word, besides those of the sentence."""
_AFTER_SPACE = _GAPS | SPACED_PUNCTUATION
"""Characters that may follow a space."""

_UNSPOKEN_SPACE = re.compile(r"[^\S ]|  ")
"""White space that is not speech: tabs, line ends, several spaces."""


@dataclass(frozen=True, eq=False)
class TokenVocabulary:
    """The text of each token of a model."""

    texts: tuple[str | None, ...]
    """Folded text of each token, bytes as in `unicode_bytes`; None for special ones."""
    end: int
    """The token that ends a text."""
    words: list[str] = field(repr=False)
    """Every distinct text, sorted."""
    ids: list[tuple[int, ...]] = field(repr=False)
    """The tokens of each of `words`."""
    capital: frozenset[int] = field(default=frozenset(), repr=False)
    """Tokens whose first letter is a capital."""
    written: Mapping[str, tuple[int, ...]] = field(default_factory=dict, repr=False)
    """Tokens by their text as the model writes it, with capitals and apostrophes."""
    apostrophes: tuple[int, ...] = field(default=(), repr=False)
    """Tokens that are only an apostrophe; the most common first."""
    _children: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict, repr=False)

    @cached_property
    def by_text(self) -> dict[str, tuple[int, ...]]:
        """The tokens of each of `words`."""
        return dict(zip(self.words, self.ids, strict=True))

    def folded_text(self, tokens: Iterable[int]) -> str:
        """Folded text of the tokens."""
        text = "".join(self.texts[token] or "" for token in tokens)
        whole = joined(text)
        return text if whole is text else folded(whole)

    def normalised_text(self, tokens: Iterable[int]) -> str:
        """The normalised text of the tokens: without punctuation, with single spaces."""
        return normalise(without_bytes(self.folded_text(tokens)))

    def tokens_of(self, text: str, known: Mapping[str, Tokens]) -> Tokens:
        """Tokens that spell folded `text`; empty if a letter has no token.

        Args:
            text: of a sentence, with one space between words.
            known: the tokens of some words; the others get the fewest tokens.

        """
        tokens: list[int] = []
        for word in text.split():
            found = known.get(word) or self._word(" " + word) or self._apart(word, first=not tokens)
            if not found:
                return ()
            tokens += found if tokens else self._capitalised(found)
        return tuple(tokens)

    def tokens_as_written(self, word: str) -> Tokens:
        """Tokens that spell `word` letter by letter, its capitals and apostrophe too."""
        return tuple(_fewest(" " + word, self.written))

    def _capitalised(self, word: Sequence[int]) -> list[int]:
        """The word with a capital letter, if the model has a token for it."""
        same = self.by_text.get(self.texts[word[0]] or "", ())
        return [next((one for one in same if one in self.capital), word[0]), *word[1:]]

    def children(self, prefix: str, low: int, high: int) -> Mapping[str, tuple[int, int]]:
        """The letters that follow `prefix`, each with its slice of `words`.

        Args:
            prefix: of all the `words` from `low` to `high`; none of them is the prefix itself.
            low: index of the first.
            high: index after the last.

        """
        known = self._children.get(prefix)
        if known is None:
            known = {}
            while low < high:
                char = self.words[low][len(prefix)]
                end = bisect_left(self.words, prefix + chr(ord(char) + 1), low, high)
                known[char] = low, end
                low = end
            self._children[prefix] = known
        return known

    def _apart(self, word: str, *, first: bool) -> list[int]:
        """A word that no token begins together with its space; the first has none."""
        space, rest = self.by_text.get(" ", ())[:1], self._word(word)
        return [*(() if first else space), *rest] if rest and (space or first) else []

    def _word(self, word: str) -> list[int]:
        return _fewest(word, self.by_text)

    @classmethod
    def of(cls, tokens: Sequence[str | None], end: int) -> TokenVocabulary:
        """Make one from the text of each token; None for a token without text."""
        texts = tuple(
            None if text is None or _UNSPOKEN_SPACE.search(text) else folded(text)
            for text in tokens
        )
        by_text: dict[str, list[int]] = {}
        for token, text in enumerate(texts):
            if text:
                by_text.setdefault(text, []).append(token)
        for same in by_text.values():  # in words Whisper writes "pu", not "PU"
            if len(same) > 1:
                same.sort(key=lambda token: tokens[token] != texts[token])
        words = sorted(by_text)
        return cls(
            texts=texts,
            end=end,
            words=words,
            ids=[tuple(by_text[word]) for word in words],
            capital=frozenset(
                token for token, text in enumerate(tokens) if text and text.lstrip()[:1].isupper()
            ),
            apostrophes=tuple(
                token for token, text in enumerate(texts) if text == "" and tokens[token]
            ),
            written={
                text: (token,)
                for token, text in enumerate(tokens)
                if text and texts[token] is not None
            },
        )


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """The tokens that may come next, grouped by the plain text and the state that they lead to."""

    ids: Ids
    """Shape (n,)."""
    first: Ids
    """The index in `ids` where each group begins, shape (groups,)."""
    targets: tuple[int, ...]
    """The state that each group leads to."""
    said: tuple[str, ...]
    """Plain text of each group."""

    def group_of(self, token: int) -> int | None:
        """The group that a token belongs to; None if the token may not come next."""
        [places] = np.nonzero(self.ids == token)
        if not len(places):
            return None
        return int(np.searchsorted(self.first, places[0], side="right")) - 1


class TokenWalk:
    """Walks the automaton in tokens; caches the tokens that each state allows."""

    def __init__(
        self,
        automaton: Automaton,
        vocabulary: TokenVocabulary,
        words: WrittenWords | None = None,
        declared: Automaton | None = None,
    ) -> None:
        """`words` says how those of the sentences are written."""
        self.automaton = automaton
        self.declared = declared or automaton
        """The automaton without the sentences that have a wildcard."""
        self.vocabulary = vocabulary
        self._words = words or WrittenWords()
        self._written: dict[str, Tokens] = {}
        self._choices: dict[int, Choices] = {}

    def tokens_of(self, text: str, heard: Mapping[str, Tokens]) -> Tokens:
        """Tokens that spell a sentence, as the model writes it; empty if a letter has none.

        Args:
            text: normalised.
            heard: the tokens of words that the model has written by itself.

        """
        words = dict.fromkeys(text.split())
        known = {word: heard.get(word) or self._as_written(word) for word in words}
        return self.vocabulary.tokens_of(text, known)

    def _as_written(self, word: str) -> Tokens:
        """The tokens of a word with an apostrophe or a capital; empty if it has neither."""
        if word not in self._written:
            written = self._words.written(word)
            self._written[word] = self.vocabulary.tokens_as_written(written) if written else ()
        return self._written[word]

    def step(self, state: int, token: int) -> int:
        """The state after one more token, or DEAD."""
        texts = self.vocabulary.texts
        text = texts[token] if token < len(texts) else None  # after the texts: timestamps, padding
        if text == "" and token in self.vocabulary.apostrophes:
            return state if self._takes_apostrophe(state) else DEAD
        return self.automaton.walk(state, text) if text else DEAD

    def _takes_apostrophe(self, state: int) -> bool:
        """Inside a word and after one: "o'clock", "the kids' lamp"."""
        return self.automaton.last_character(state) == IN_WORD

    def prepare(self) -> None:
        """Compute the first two tokens of every sentence before the first utterance."""
        for state in self.choices(self.automaton.start).targets:
            self.choices(state)

    def choices(self, state: int) -> Choices:
        """Every token that may come next; without those that only a wildcard takes."""
        if state not in self._choices:
            found: _Groups = {}
            self._descend(state, "", 0, len(self.vocabulary.words), found)
            if self.vocabulary.apostrophes and self._takes_apostrophe(state):
                found[state, ""] = list(self.vocabulary.apostrophes)
            self._choices[state] = _grouped(found)
        return self._choices[state]

    def open_choices(self, state: int, likely: Ids) -> Choices:
        """`choices`, with those of the `likely` tokens that a wildcard takes here."""
        known = self.choices(state)
        declared = set(known.ids.tolist())
        found: _Groups = {}
        for token in likely.tolist():
            if token not in declared and (target := self.step(state, token)) != DEAD:
                found.setdefault((target, _WILDCARD), []).append(token)
        ends = [*known.first.tolist()[1:], len(known.ids)][: len(known.first)]
        groups = zip(known.targets, known.said, known.first.tolist(), ends, strict=True)
        for target, said, first, end in groups:
            found[target, said] = known.ids[first:end].tolist()
        return _grouped(found)

    def _descend(self, state: int, prefix: str, low: int, high: int, found: _Groups) -> None:
        """Walk the automaton and the prefix tree of the tokens' texts together."""
        words = self.vocabulary.words
        if prefix and low < high and words[low] == prefix:
            found.setdefault((state, normalise(prefix)), []).extend(self.vocabulary.ids[low])
            low += 1
        if low >= high:
            return
        children = self.vocabulary.children(prefix, low, high)
        chars = self.automaton.characters(state)
        if any(map(is_byte, children)):
            chars += self.automaton.bytes_after(state)
        extra = _AFTER_LETTER if self.automaton.last_character(state) == IN_WORD else _AFTER_SPACE
        for char in sorted(children.keys() & {*chars, *extra}):
            target = self.automaton.step(state, char)
            if target != DEAD:
                self._descend(target, prefix + char, *children[char], found)


def _fewest(word: str, ids: Mapping[str, tuple[int, ...]]) -> list[int]:
    """The fewest tokens; of several ways the lower ids, because common tokens have low ids."""
    letters = word if word.isascii() else word.encode()
    best: list[tuple[int, int, list[int]]] = [(0, 0, [])]
    for end in range(1, len(letters) + 1):
        alternatives = [
            (best[begin][0] + 1, best[begin][1] + found[0], [*best[begin][2], found[0]])
            for begin in range(end)
            if best[begin][0] < _IMPOSSIBLE
            if (part := _as_token(letters[begin:end])) != " "
            if (found := ids.get(part))
        ]
        best.append(min(alternatives, default=(_IMPOSSIBLE, 0, [])))
    return best[-1][2]


def _as_token(part: str | bytes) -> str:
    """A part of a word as the text of a token."""
    return part if isinstance(part, str) else decoded(part)


def _grouped(found: _Groups) -> Choices:
    ids: list[int] = []
    first: list[int] = []
    for group in found.values():
        first.append(len(ids))
        ids += group
    targets, said = tuple(target for target, _ in found), tuple(text for _, text in found)
    return Choices(np.array(ids, np.int32), np.array(first, np.int32), targets, said)
