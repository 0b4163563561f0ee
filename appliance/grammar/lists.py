"""Compiles lists into sub-networks: texts, ranges of numbers, wildcards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hassil.expression import Expression, TextChunk
from hassil.intents import RangeSlotList, TextSlotList, WildcardSlotList

from appliance.errors import SentencesError
from appliance.grammar.block_scope import ANY_CONTEXT, BlockScope, chosen_values, context_of
from appliance.grammar.network import ANY, Builder
from appliance.grammar.numbers import SIGNS, numbers_in_range, spoken
from appliance.grammar.semantic_tags import ListValue, NumberValue, SlotStart, WildcardValue
from appliance.text.normalise import template_text, unaccented
from appliance.text.number_words import digits_of_words, said_in_words
from appliance.values import RANGE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from hassil.expression import ListReference
    from hassil.intents import SlotList

Compile = Callable[[Expression, int, BlockScope], int]
"""Compiles an expression after a node; returns the node after it."""


class Lists:
    """Compiles each list once for every choice of its values."""

    def __init__(self, builder: Builder, language: str, compile_expression: Compile) -> None:
        self._builder = builder
        self._language = language
        self._compile = compile_expression
        self._number_words = {word for words in digits_of_words(language) for word in words.split()}
        self._networks: dict[Any, tuple[int, frozenset[str]]] = {}
        self._spellings: list[Callable[[str], str]] = [self._in_words] if self._number_words else []
        if language.startswith("en"):  # because English models write "Motorhead"
            self._spellings.append(unaccented)

    def reference(self, reference: ListReference, source: int, scope: BlockScope) -> int:
        """Read a value of the list after `source`; return the node after it."""
        slots = scope.lists.get(reference.list_name)
        inline = reference.get_inline_range()
        if slots is None and inline is not None:
            low, high, step = inline
            slots = RangeSlotList(reference.list_name, low, high, step)
        if slots is None:
            raise SentencesError([f"list {{{reference.list_name}}} is missing"])
        source = self._builder.text(source, template_text(reference.prefix or ""))
        slot = "" if reference.is_capture else reference.slot_name
        tag = SlotStart(slot, isinstance(slots, WildcardSlotList))
        source = self._builder.semantic_tag(source, tag)
        start, context_keys = self._values(slots, scope)
        scope.context_keys |= context_keys
        target = self._builder.call(source, start)
        return self._builder.text(target, template_text(reference.suffix or ""))

    def _values(self, slots: SlotList, scope: BlockScope) -> tuple[int, frozenset[str]]:
        if isinstance(slots, WildcardSlotList):
            key: Any = "wildcard"
            chosen: list[int] = []
        elif isinstance(slots, RangeSlotList):
            key = ("range", repr(slots))
        elif isinstance(slots, TextSlotList):
            chosen = chosen_values(slots, scope)
            unknown = next((one for one in slots.values if one.metadata == ANY_CONTEXT), None)
            supposed = None if unknown is None else repr(context_of(unknown, scope))
            key = ("list", id(slots), tuple(chosen), supposed)
        else:
            raise SentencesError([f"list {slots.name!r} has an unknown type"])
        if key not in self._networks:
            if isinstance(slots, RangeSlotList):
                made = self._range(slots), frozenset[str]()
            elif isinstance(slots, TextSlotList):
                made = self._texts(slots, chosen, scope)
            else:
                made = self._wildcard(), frozenset[str]()
            self._networks[key] = made
        return self._networks[key]

    def _wildcard(self) -> int:
        """One or more words."""
        start, inside = self._builder.node(), self._builder.node()
        self._builder.edges += [(start, ANY, inside), (inside, ANY, inside)]
        end = self._builder.semantic_tag(inside, WildcardValue())
        self._builder.epsilon(end, self._builder.node(final=True))
        return start

    def _range(self, slots: RangeSlotList) -> int:
        many = (slots.stop - slots.start) // slots.step + 1
        if many > RANGE_LIMIT:
            message = f"{{{slots.name}}} has {many:,} numbers; {RANGE_LIMIT:,} at most"
            raise SentencesError([message])
        values: dict[str, float] = {}
        for text, value in numbers_in_range(slots, self._language):
            values.setdefault(text, value)
        start, inside = self._builder.node(), self._builder.node()
        self._trie(start, dict.fromkeys(values, inside))
        end = self._builder.semantic_tag(inside, NumberValue(values))
        self._builder.epsilon(end, self._builder.node(final=True))
        return start

    def _texts(
        self, slots: TextSlotList, chosen: list[int], scope: BlockScope
    ) -> tuple[int, frozenset[str]]:
        start, final = self._builder.node(), self._builder.node(final=True)
        ends: dict[str, int] = {}
        context_keys: set[str] = set()
        for index in chosen:
            value = slots.values[index]
            context = context_of(value, scope)
            context_keys |= set(context)
            if isinstance(value.text_in, TextChunk) and not _has_number(
                text := template_text(value.text_in.text).strip(), self._number_words
            ):
                if text and text not in ends:
                    ends[text] = self._builder.node()
                end = ends.get(text)
            else:
                end = self._compile(value.text_in, start, scope)
            if end is not None:
                tag = ListValue(value.value_out, context)
                self._builder.epsilon(self._builder.semantic_tag(end, tag), final)
        for other in self._spellings:
            ends = {**{other(text): end for text, end in ends.items()}, **ends}
        self._trie(start, ends)
        return start, frozenset(context_keys)

    def _in_words(self, text: str) -> str:
        """The text with its numbers in words: "fan three"."""
        words = (
            spoken(int(word), self._language)[:1] if said_in_words(word) else (word,)
            for word in text.split(" ")
        )
        return " ".join(word for said in words for word in said)

    def _trie(self, start: int, ends: Mapping[str, int]) -> None:
        """Add edges that read any of the texts and share common prefixes; each has its own end."""
        nodes: dict[tuple[int, str], int] = {}
        for text, end in ends.items():
            node = start
            for char in text:
                if (node, char) not in nodes:
                    nodes[node, char] = self._builder.text(node, char)
                node = nodes[node, char]
            self._builder.epsilon(node, end)


def _has_number(text: str, number_words: Container[str]) -> bool:
    return any(word in number_words or word in SIGNS for word in text.split())
