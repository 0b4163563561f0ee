"""Finds devices by a part of their name: "the front door" for the lock "Front Door Lock"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.fallback.mentioned_values import LONGEST_VALUE, Mention, mentions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from appliance.fallback.sentence_patterns import Patterns, Words
    from appliance.text.word_lists import WordLists

LONG = 4
"""Letters of the shortest word of which a plural ending is taken off."""


@dataclass(frozen=True, slots=True)
class DeviceName:
    """A whole name that a part of a text may mean."""

    mention: Mention
    """The spoken words, with the whole name as their value."""
    key: str
    """The list that the name is in."""
    name: str
    domain: str
    """The kind of device, as the list declares it."""


class PartialNames:
    """The names of all declared devices by the words that they are made of."""

    def __init__(self, patterns: Patterns, lists: WordLists) -> None:
        self._patterns = patterns
        self._lists = lists
        self._kinds = set(self._content(sorted(lists.nouns)))
        self._names: list[tuple[str, str, str, frozenset[str], set[Words]]] = []
        for key, domains in patterns.domains.items():
            for words, name in patterns.values.get(key, {}).items():
                if words in domains and len(words) > 1:
                    content = frozenset(self._content(words))
                    self._names.append((key, name, domains[words], content, self._areas_in(words)))

    def of(self, words: Sequence[str]) -> list[DeviceName]:
        """The devices whose name has all of these words and every room in them.

        Empty if the only word is a kind, like "light", or the words begin or end with an article.
        """
        said = set(self._content(words))
        ends = {words[0], words[-1]}
        if (
            not said
            or (len(said) == 1 and said <= self._kinds)
            or not ends.isdisjoint(self._lists.links)
        ):
            return []
        areas = self._areas_in(words)
        return [
            DeviceName(Mention(tuple(words), {key: name}), key, name, domain)
            for key, name, domain, content, own in self._names
            if said <= content and areas <= own
        ]

    def one_of_each_other_domain(self, device: DeviceName) -> Iterator[str]:
        """The name of one device of each other kind."""
        domains = {device.domain}
        for key, name, domain, _, _ in self._names:
            if key == device.key and domain not in domains:
                domains.add(domain)
                yield name

    def tells_kind(self, words: Sequence[str]) -> bool:
        """Whether a word that is a kind of device is among `words`."""
        return not self._lists.nouns.isdisjoint(words)

    def _content(self, words: Sequence[str]) -> list[str]:
        return [self._singular(one) for one in self._lists.content(words, begins=False)]

    def _singular(self, word: str) -> str:
        for ending in sorted(self._lists.plural_endings, key=len, reverse=True):
            if word.endswith(ending) and len(word) - len(ending) >= LONG - 1:
                return word.removesuffix(ending)
        return word

    def _areas_in(self, words: Sequence[str]) -> set[Words]:
        """The values of other lists among `words`: a bedroom is not the master bedroom."""
        text = " ".join(words)
        return {one.words for one in mentions(text, self._patterns, self._patterns.domains)}


SPANS = range(LONGEST_VALUE, 0, -1)
"""Possible numbers of words of a name in a text, longest first."""
