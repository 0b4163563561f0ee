"""Compiles the templates that hassil parsed into one recursive transition network."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from hassil.expression import (
    Alternative,
    Expression,
    Group,
    ListReference,
    Permutation,
    RuleReference,
    TextChunk,
)
from hassil.util import CJK_WHITESPACE

from appliance.errors import SentencesError
from appliance.grammar.block_scope import BlockScope
from appliance.grammar.lists import Lists
from appliance.grammar.network import Builder, Network
from appliance.grammar.numbers import SIGNS, spoken
from appliance.grammar.required_words import RequiredWords
from appliance.grammar.semantic_tags import SentenceEnd
from appliance.text.language_codes import family
from appliance.text.normalise import UNIT_SIGNS, template_text, unaccented
from appliance.text.number_words import digits_of_words, said_in_words
from appliance.values import AREA

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hassil.intents import IntentData, Intents, SlotList

MAX_SKIP_WORDS = 2
"""Maximum number of skip words before a sentence, and the same number after it."""

DOTTED = {"am": "a.m", "pm": "p.m"}
"""Words that Whisper writes with stops in them."""

LONGEST_NUMBER = 4
"""Maximum number of words of a number up to one hundred: "quatre vingt dix neuf"."""

COMPOUNDING = frozenset({"af", "da", "de", "fi", "lb", "nb", "nl", "sv"})
"""Languages that write "Erdgeschoss" and "Temperatur" as one word."""

LARGEST_PERMUTATION = 6
"""Maximum number of parts of a permutation; each further part doubles the nodes."""


def compile_network(
    intents: Intents,
    slot_lists: Mapping[str, SlotList] | None = None,
) -> Network:
    """Compile every sentence whose required context can be met.

    Args:
        intents: as hassil parsed them.
        slot_lists: lists that replace those of `intents` with the same name.

    Raises:
        SentencesError: a list or rule is missing, a rule calls itself, or nothing can be said.

    """
    try:
        return _Compiler(intents, slot_lists or {}).compile()
    except RecursionError:
        problem = "the sentences are nested too deeply, or their rules call one another too deeply"
        raise SentencesError([problem]) from None


class _Compiler:
    """Compiles one set of sentences."""

    def __init__(
        self,
        intents: Intents,
        slot_lists: Mapping[str, SlotList],
    ) -> None:
        self._intents = intents
        self._lists = {**intents.slot_lists, **slot_lists}
        self._builder = Builder()
        self._networks: dict[Any, tuple[int, frozenset[str]]] = {}
        self._number_words = digits_of_words(intents.language)
        self._required = RequiredWords(intents.language)
        self._list_networks = Lists(self._builder, intents.language, self._expression)

    def compile(self) -> Network:
        start, body, end = (self._builder.node() for _ in range(3))
        self._add_skip_words(start, body)
        problems: list[str] = []
        for intent in self._intents.intents.values():
            for data in intent.data:
                try:
                    self._block(intent.name, data, body, end)
                except SentencesError as error:
                    problems += [f"intent {intent.name}: {problem}" for problem in error.problems]
        if problems:
            raise SentencesError(problems)
        if not any(source == body for source, _, _ in self._builder.edges):
            raise SentencesError(["no sentence can be said with these lists"])
        self._add_skip_words(end, self._builder.node(final=True))
        return self._builder.network(start, body)

    def _add_skip_words(self, source: int, target: int) -> None:
        """Allow up to MAX_SKIP_WORDS skip words between `source` and `target`."""
        words = [template_text(word).strip() for word in self._intents.skip_words]
        for _ in range(MAX_SKIP_WORDS if words else 0):
            self._builder.epsilon(source, target)
            after = self._builder.node()
            for word in filter(None, words):
                self._builder.text(source, f" {word} ", after)
            source = after
        self._builder.epsilon(source, target)

    def _block(self, intent: str, data: IntentData, body: int, end: int) -> None:
        missing = set(data.requires_context) - {AREA}
        tag = SentenceEnd(
            intent=intent,
            fixed=dict(data.slots),
            requires=dict(data.requires_context),
            excludes=dict(data.excludes_context),
            metadata=data.metadata,
        )
        for sentence in data.sentences:
            scope = self._scope(data)
            first = self._builder.node()
            try:
                last = self._expression(sentence.expression, first, scope)
            except SentencesError as error:
                raise SentencesError(
                    [f"{problem}, in {sentence.text!r}" for problem in error.problems]
                ) from error
            if missing <= scope.context_keys:
                clauses = self._required.clauses(sentence.expression, scope)
                self._builder.sentence(body, first, clauses)
                self._builder.epsilon(self._builder.semantic_tag(last, tag), end)

    def _scope(self, data: IntentData) -> BlockScope:
        own = id(data) if data.slot_lists or data.expansion_rules else 0
        asked = f"{data.requires_context!r} {data.excludes_context!r}"
        return BlockScope(
            data=data,
            lists={**self._lists, **data.slot_lists},
            rules={**self._intents.expansion_rules, **data.expansion_rules},
            key=f"{own} {asked}",
        )

    def _expression(self, expression: Expression, source: int, scope: BlockScope) -> int:
        """Compile `what` after `source`; return the node after it."""
        if isinstance(expression, TextChunk):
            return self._words(source, expression.text)
        if isinstance(expression, ListReference):
            return self._list_networks.reference(expression, source, scope)
        if isinstance(expression, RuleReference):
            return self._rule(expression.rule_name, source, scope)
        if isinstance(expression, Group):
            return self._group(expression, source, scope)
        raise SentencesError([f"{expression!r} is not a known part of a sentence"])

    def _group(self, expression: Group, source: int, scope: BlockScope) -> int:
        if isinstance(expression, Permutation):
            return self._permutation(expression.items, source, scope)
        if isinstance(expression, Alternative):
            target = self._builder.node()
            for item in expression.items:
                self._builder.epsilon(self._expression(item, source, scope), target)
            if expression.is_optional or not expression.items:
                self._builder.epsilon(source, target)
            return target
        before: Expression | None = None
        for item in _joined(expression.items):
            if isinstance(before, ListReference) and isinstance(item, TextChunk):
                source = self._after_list(item.text, source)
            else:
                source = self._expression(item, source, scope)
            before = item
        return source

    def _after_list(self, text: str, source: int) -> int:
        """Read `text` after a value; some texts have both in one word: "Erdgeschosstemperatur"."""
        if text[:1] == " " and family(self._intents.language) in COMPOUNDING:
            gap = self._builder.text(source, " ")
            self._builder.join(source, gap)
            return self._words(gap, text.lstrip())
        return self._words(source, text)

    def _words(self, source: int, text: str) -> int:
        """Read `text`; a number in it in words or digits, "percent" also as "%"."""
        if self._intents.settings.ignore_whitespace:
            text = CJK_WHITESPACE.sub("", text)
        word_starts: list[tuple[int, int]] = []
        """The node before each word, and the node before the space that precedes it."""
        words = template_text(text).split(" ")
        for index, word in enumerate(words):
            before = source
            begin = self._builder.text(source, " ") if index else source
            word_starts.append((begin, before))
            source = self._builder.text(begin, word)
            for other in self._other_spellings(word):
                self._builder.text(begin, other, source)
            if not index and (word in UNIT_SIGNS or word in SIGNS):
                self._builder.text(before, f" {word}", source)
            for first in range(max(0, index - LONGEST_NUMBER + 1), index + 1):
                said = " ".join(words[first : index + 1])
                if said in self._number_words:
                    self._builder.text(word_starts[first][0], self._number_words[said], source)
                if said in SIGNS:
                    self._builder.text(word_starts[first][1], SIGNS[said], source)
        return source

    def _other_spellings(self, word: str) -> Iterator[str]:
        """Other spellings of a word."""
        language = self._intents.language
        if said_in_words(word):
            yield from spoken(int(word), language)
        if language.startswith("en"):
            if word in DOTTED:
                yield DOTTED[word]
            if (simple := unaccented(word)) != word:
                yield simple

    def _rule(self, name: str, source: int, scope: BlockScope) -> int:
        if name not in scope.rules:
            raise SentencesError([f"rule <{name}> is missing"])
        if name in scope.rule_stack:
            raise SentencesError([f"rule <{name}> calls itself"])
        key = ("rule", name, scope.key)
        if key not in self._networks:
            scope.rule_stack.append(name)
            outer_keys, scope.context_keys = scope.context_keys, set()
            start = self._sub_network(scope.rules[name].expression, scope)
            self._networks[key] = start, frozenset(scope.context_keys)
            scope.context_keys = outer_keys
            scope.rule_stack.pop()
        start, context_keys = self._networks[key]
        scope.context_keys |= context_keys
        return self._builder.call(source, start)

    def _sub_network(self, expression: Expression, scope: BlockScope) -> int:
        start = self._builder.node()
        self._builder.epsilon(
            self._expression(expression, start, scope), self._builder.node(final=True)
        )
        return start

    def _permutation(self, items: list[Expression], source: int, scope: BlockScope) -> int:
        if len(items) > LARGEST_PERMUTATION:
            raise SentencesError(
                [f"a permutation of {len(items)} parts; at most {LARGEST_PERMUTATION}"]
            )
        starts = [self._sub_network(item, scope) for item in items]
        node_of = {0: source}
        for subset in range(1 << len(items)):
            for index, start in enumerate(starts):
                if subset & (1 << index):
                    continue
                target = node_of.setdefault(subset | (1 << index), self._builder.node())
                self._builder.epsilon(self._builder.call(node_of[subset], start), target)
        return node_of[(1 << len(items)) - 1]


def _joined(items: Iterable[Expression]) -> Iterator[Expression]:
    """Join the texts that hassil splits at spaces, so that a number of several words is found."""
    for is_text, group in groupby(items, lambda item: isinstance(item, TextChunk)):
        if is_text:
            yield TextChunk("".join(item.text for item in group if isinstance(item, TextChunk)))
        else:
            yield from group
