"""A model's tokens against the automaton: which may come next, and where each leads."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from appliance.grammar.lazy_automaton import DEAD, IN_WORD
from appliance.text.normalise import PUNCTUATION, SPACED_PUNCTUATION, UNIT_SIGNS, folded, normalise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from appliance.grammar.lazy_automaton import Automaton

Ids = NDArray[np.int32]
Tokens = tuple[int, ...]

_Groups = dict[tuple[int, str], list[int]]
"""Tokens by the state that they lead to and by what they say: " milk," as "Milk", not "cream"."""

_WILDCARD = "*"
"""What the tokens of a wildcard say: one is as good as the other."""

_IMPOSSIBLE = 1_000_000

_GAPS = frozenset(" -")
_AFTER_LETTER = _GAPS | PUNCTUATION | UNIT_SIGNS
"""What may follow a letter of a word without being a letter of the sentence."""
_AFTER_SPACE = _GAPS | SPACED_PUNCTUATION
"""The same of what may follow a space."""

_UNSPOKEN_SPACE = re.compile(r"[^\S ]|  ")
"""White space that is not spoken: tabs, line ends, runs."""


@dataclass(frozen=True, eq=False)
class TokenVocabulary:
    """The pieces of text that a model writes, by token."""

    texts: tuple[str | None, ...]
    """Folded text of each token; None for special ones and for parts of a character."""
    end: int
    """The token that ends a text."""
    words: list[str] = field(repr=False)
    """Every distinct text, sorted."""
    ids: list[tuple[int, ...]] = field(repr=False)
    """The tokens of each of `words`."""
    capital: frozenset[int] = field(default=frozenset(), repr=False)
    """Tokens whose first letter is a capital one."""
    contractions: Mapping[str, int] = field(default_factory=dict, repr=False)
    """Tokens that begin with an apostrophe, by their letters."""
    apostrophes: tuple[int, ...] = field(default=(), repr=False)
    """Tokens of nothing but an apostrophe; the commonest first."""
    _children: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict, repr=False)

    @cached_property
    def by_text(self) -> dict[str, tuple[int, ...]]:
        """The tokens of each of `words`."""
        return dict(zip(self.words, self.ids, strict=True))

    def written(self, tokens: Iterable[int]) -> str:
        """Folded text of the tokens."""
        return "".join(self.texts[token] or "" for token in tokens)

    def plain(self, tokens: Iterable[int]) -> str:
        """The same as sentences are spelled: without stops, single spaces."""
        return normalise(self.written(tokens))

    def spelled(self, text: str, known: Mapping[str, Tokens]) -> Tokens:
        """Tokens that spell folded `text`; none where a letter has no token.

        Args:
            text: of a sentence, words apart by one space.
            known: how some words are spelled; the others take the fewest tokens.

        """
        tokens: list[int] = []
        for word in text.split():
            found = known.get(word) or self._word(" " + word)
            if not found:
                return ()
            tokens += found if tokens else self._capitalised(found)
        return tuple(tokens)

    def contracted(self, head: str, tail: str) -> Tokens:
        """Tokens that spell folded `head` and `tail` with an apostrophe between them."""
        mark = self.contractions.get(tail)
        rest = [mark] if mark is not None else [*self.apostrophes[:1], *self._word(tail)]
        begin = self._word(" " + head)
        return (*begin, *rest) if begin and rest else ()

    def _capitalised(self, word: Sequence[int]) -> list[int]:
        """The word as a text begins with it, where the model has a token for that."""
        same = self.by_text.get(self.texts[word[0]] or "", ())
        return [next((one for one in same if one in self.capital), word[0]), *word[1:]]

    def children(self, prefix: str, low: int, high: int) -> Mapping[str, tuple[int, int]]:
        """The letters after `prefix`, each with the slice of `words` that goes on with it.

        Args:
            prefix: of all the `words` from `low` up to `high`, and none of them itself.
            low: first of them.
            high: the one after the last of them.

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

    def _word(self, word: str) -> list[int]:
        """Among equally few tokens the commoner: they were numbered by how common they are."""
        best: list[tuple[int, int, list[int]]] = [(0, 0, [])]
        for end in range(1, len(word) + 1):
            ways = [
                (best[begin][0] + 1, best[begin][1] + ids[0], [*best[begin][2], ids[0]])
                for begin in range(end)
                if (ids := self.by_text.get(word[begin:end])) and best[begin][0] < _IMPOSSIBLE
                if word[begin:end] != " "
            ]
            best.append(min(ways, default=(_IMPOSSIBLE, 0, [])))
        return best[-1][2]

    @classmethod
    def of(cls, tokens: Sequence[str | None], end: int) -> TokenVocabulary:
        """Make one from the text of each token, None for a token that is no text."""
        texts = tuple(
            None if text is None or _UNSPOKEN_SPACE.search(text) else folded(text)
            for text in tokens
        )
        by_text: dict[str, list[int]] = {}
        for token, text in enumerate(texts):
            if text:
                by_text.setdefault(text, []).append(token)
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
            contractions={
                text[1:]: token
                for token, text in enumerate(tokens)
                if text and text[0] == "'" and text[1:].isalpha()
            },
        )


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """What may come next, tokens that say the same and lead to the same state beside each other."""

    ids: Ids
    """Shape (n,)."""
    first: Ids
    """Where in `ids` each group begins, shape (groups,)."""
    targets: tuple[int, ...]
    """The state that each group leads to."""
    said: tuple[str, ...]
    """Plain text of each group."""

    def group_of(self, token: int) -> int | None:
        """The group that a token belongs to; None where it may not come next."""
        [places] = np.nonzero(self.ids == token)
        if not len(places):
            return None
        return int(np.searchsorted(self.first, places[0], side="right")) - 1


class TokenWalk:
    """The tokens that the automaton allows; remembers what it found."""

    def __init__(
        self, automaton: Automaton, vocabulary: TokenVocabulary, written: Iterable[str] = ()
    ) -> None:
        """`written` are words of the sentences that have an apostrophe, with it."""
        self.automaton = automaton
        self.vocabulary = vocabulary
        self.known: dict[str, Tokens] = {}
        """Tokens of folded words that few tokens do not spell as the model does."""
        for word in written:
            head, _, tail = word.rpartition("'")
            if tokens := vocabulary.contracted(folded(head), folded(tail)):
                self.known[folded(word)] = tokens
        self._choices: dict[int, Choices] = {}

    def step(self, state: int, token: int) -> int:
        """The state after one more token, or DEAD."""
        texts = self.vocabulary.texts
        text = texts[token] if token < len(texts) else None  # behind them: times, and padding
        if text == "" and token in self.vocabulary.apostrophes:
            return state if self._takes_apostrophe(state) else DEAD
        return self.automaton.walk(state, text) if text else DEAD

    def _takes_apostrophe(self, state: int) -> bool:
        """Inside a word and behind one: "o'clock", "the neighbours' lamp"."""
        return self.automaton.last_kind(state) == IN_WORD

    def prepare(self) -> None:
        """Find now what every sentence begins with, so that the first utterance need not wait."""
        for state in self.choices(self.automaton.start).targets:
            self.choices(state)

    def choices(self, state: int) -> Choices:
        """Every token of the sentences that may come next; without wildcards."""
        if state not in self._choices:
            found: _Groups = {}
            self._descend(state, "", 0, len(self.vocabulary.words), found)
            if self.vocabulary.apostrophes and self._takes_apostrophe(state):
                found[state, ""] = list(self.vocabulary.apostrophes)
            self._choices[state] = _grouped(found)
        return self._choices[state]

    def open_choices(self, state: int, likely: Ids) -> Choices:
        """Like `choices`, with those of the `likely` tokens that a wildcard here would take."""
        known = self.choices(state)
        declared = set(known.ids.tolist())
        found: _Groups = {}
        for token in likely.tolist():
            if token not in declared and (target := self.step(state, token)) != DEAD:
                found.setdefault((target, _WILDCARD), []).append(token)
        ends = [*known.first.tolist()[1:], len(known.ids)][: len(known.first)]
        ways = zip(known.targets, known.said, known.first.tolist(), ends, strict=True)
        for target, said, first, end in ways:
            found[target, said] = known.ids[first:end].tolist()
        return _grouped(found)

    def _descend(self, state: int, prefix: str, low: int, high: int, found: _Groups) -> None:
        """Follow the automaton and the sorted texts together; both get narrower each step."""
        words = self.vocabulary.words
        if prefix and low < high and words[low] == prefix:
            found.setdefault((state, normalise(prefix)), []).extend(self.vocabulary.ids[low])
            low += 1
        if low >= high:
            return
        children = self.vocabulary.children(prefix, low, high)
        chars = self.automaton.characters(state)
        extra = _AFTER_LETTER if self.automaton.last_kind(state) == IN_WORD else _AFTER_SPACE
        for char in sorted(children.keys() & {*chars, *extra}):
            target = self.automaton.step(state, char)
            if target != DEAD:
                self._descend(target, prefix + char, *children[char], found)


def _grouped(found: _Groups) -> Choices:
    ids: list[int] = []
    first: list[int] = []
    for group in found.values():
        first.append(len(ids))
        ids += group
    targets, said = tuple(target for target, _ in found), tuple(text for _, text in found)
    return Choices(np.array(ids, np.int32), np.array(first, np.int32), targets, said)
