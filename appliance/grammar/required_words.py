"""Finds the words that a text needs for each sentence, so that the parser skips the others.

hassil has the same (`Sentence.get_required_clauses`); this one knows the spellings of numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hassil.expression import (
    Alternative,
    Expression,
    Group,
    ListReference,
    RuleReference,
    TextChunk,
)
from hassil.intents import TextSlotList

from appliance.grammar.block_scope import BlockScope, chosen_values
from appliance.grammar.network import Clause
from appliance.grammar.numbers import SIGNS
from appliance.text.normalise import template_text, unaccented
from appliance.text.number_words import digits_of_words

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_PARTS = 300
"""Largest number of parts of a clause; a longer one costs more time than it saves."""

_SIGN_WORDS = frozenset(word for sign in SIGNS for word in sign.split())

_Clauses = frozenset[Clause]


class RequiredWords:
    """Finds the clauses of expressions; caches those of rules and lists."""

    def __init__(self, language: str) -> None:
        numbers = (word for words in digits_of_words(language) for word in words.split())
        self._spelled_otherwise = _SIGN_WORDS.union(numbers)
        self._accents_matter = not language.startswith("en")
        self._known: dict[Any, _Clauses] = {}

    def clauses(self, expression: Expression, scope: BlockScope) -> _Clauses:
        """The clauses that every text of an expression meets."""
        if isinstance(expression, TextChunk):
            return frozenset(frozenset((word,)) for word in self._words(expression.text))
        if isinstance(expression, Alternative):
            alternatives = [self.clauses(item, scope) for item in expression.items]
            return frozenset() if expression.is_optional else self._one_of(alternatives)
        if isinstance(expression, Group):
            return frozenset[Clause]().union(
                *(self.clauses(item, scope) for item in expression.items)
            )
        if isinstance(expression, RuleReference):
            return self._of_rule(expression.rule_name, scope)
        slots = (
            scope.lists.get(expression.list_name) if isinstance(expression, ListReference) else None
        )
        return self._of_list(slots, scope) if isinstance(slots, TextSlotList) else frozenset()

    def _of_rule(self, name: str, scope: BlockScope) -> _Clauses:
        key = ("rule", name, scope.key)
        if key not in self._known:
            self._known[key] = self.clauses(scope.rules[name].expression, scope)
        return self._known[key]

    def _of_list(self, slots: TextSlotList, scope: BlockScope) -> _Clauses:
        key = ("list", id(slots), scope.key)
        if key not in self._known:
            values = (slots.values[index].text_in for index in chosen_values(slots, scope))
            self._known[key] = self._one_of(self.clauses(value, scope) for value in values)
        return self._known[key]

    def _one_of(self, alternatives: Iterable[_Clauses]) -> _Clauses:
        """A clause that every alternative meets, made of the strictest clause of each."""
        parts: set[str] = set()
        for clauses in alternatives:
            if not clauses:
                return frozenset()
            strictest: Clause = min(clauses, key=_vagueness)
            parts |= strictest
            if len(parts) > MAX_PARTS:
                return frozenset()
        return frozenset((frozenset(parts),)) if parts else frozenset()

    def _words(self, text: str) -> list[str]:
        """The words, or parts of words at the ends of `text`, that have only one spelling."""
        return [
            word
            for word in template_text(text).split()
            if word.isalpha() and word not in self._spelled_otherwise
            if self._accents_matter or unaccented(word) == word
        ]


def _vagueness(clause: Clause) -> list[Any]:
    """Sort key; the fewest texts meet a clause of few long parts."""
    return [len(clause), -min(map(len, clause)), *sorted(clause)]
