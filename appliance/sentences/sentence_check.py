"""Checks each sentence with its lists and rules: fits anything, cannot be said, allows too much."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hassil.expression import (
    Expression,
    Group,
    ListReference,
    Permutation,
    RuleReference,
    Sequence,
    TextChunk,
)
from hassil.intents import TextSlotList, WildcardSlotList

from appliance.errors import SentencesError
from appliance.grammar.text_parser import INCLUDED
from appliance.sentences.sentence_count import COUNTED_UP_TO, SentenceCounter, describe_count
from appliance.sentences.sentence_files import BUILTIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hassil.expression import Sentence
    from hassil.intents import IntentData, Intents, SlotList

    from appliance.sentences.problems import LocatedValue, Problems
    from appliance.sentences.sentence_files import Gathered

ADD_WORD = "add a word that must be said"


def check_sentences(gathered: Gathered, intents: Intents, findings: Problems) -> None:
    """Check every sentence of the owner's files; those of Home Assistant's package are known.

    Raises:
        SentencesError: no sentence at all can be said, because its lists are empty.

    """
    unsaid: dict[str, list[LocatedSentence]] = defaultdict(list)
    for placed, block in _blocks(gathered, intents):
        scope = SentenceScope(
            {**intents.slot_lists, **block.slot_lists},
            {**intents.expansion_rules, **block.expansion_rules},
        )
        counter = SentenceCounter(gathered.language, scope.lists, scope.rules)
        for index, sentence in enumerate(block.sentences):
            path = (*placed.path, "sentences", index)
            here = LocatedSentence(placed, path, block.sentence_texts[index], sentence.expression)
            count = counter.count(sentence.expression)
            if count == COUNTED_UP_TO:
                most = describe_count(count, endless=False)
                what = f"{here.text!r} allows {most} sentences; use fewer rules inside rules"
                findings.error(placed.document, path, what)
            elif count:
                _check_wildcards(here, scope, findings)
            for name in scope.empty_lists(sentence.expression) if not count else ():
                unsaid[name].append(here)
    _warn_of_empty_lists(unsaid, findings)
    if unsaid and not findings.errors and not _can_say_any(gathered, intents):
        lines = findings.lines(findings.warnings)
        raise SentencesError([*lines, "no sentence can be said: its lists have no values"])


@dataclass(frozen=True, slots=True)
class LocatedSentence:
    """A template of a file."""

    block: LocatedValue
    path: tuple[Any, ...]
    text: str
    expression: Expression


def _blocks(gathered: Gathered, intents: Intents) -> Iterator[tuple[LocatedValue, IntentData]]:
    for name, blocks in gathered.blocks.items():
        for placed, block in zip(blocks, intents.intents[name].data, strict=True):
            if not placed.document.name.startswith((BUILTIN, INCLUDED)):
                yield placed, block


def _can_say_any(gathered: Gathered, intents: Intents) -> bool:
    for intent in intents.intents.values():
        for block in intent.data:
            counter = SentenceCounter(
                gathered.language,
                {**intents.slot_lists, **block.slot_lists},
                {**intents.expansion_rules, **block.expansion_rules},
            )
            if any(counter.count(sentence.expression) for sentence in block.sentences):
                return True
    return False


def _warn_of_empty_lists(unsaid: Mapping[str, list[LocatedSentence]], findings: Problems) -> None:
    for name, sentences in unsaid.items():
        first, more = sentences[0], len(sentences) - 1
        others = f" and {more} more" if more else ""
        what = (
            f"{first.text!r}{others} cannot be said: the list {{{name}}} has no values; "
            f"declare them in any file, as `lists: {{{name}: {{values: [...]}}}}`"
        )
        findings.warn(first.block.document, first.path, what)


def _check_wildcards(here: LocatedSentence, scope: SentenceScope, findings: Problems) -> None:
    """Warn of a wildcard at the start, which hears anything; refuse a template with no words."""
    document = here.block.document
    starts = scope.may_start(here.expression) & scope.wild
    if scope.is_blank(here.expression):
        findings.error(document, here.path, f"{here.text!r} fits silence; {ADD_WORD}")
    elif not scope.words_needed(here.expression):
        what = f"{here.text!r} is only a wildcard and fits anything; {ADD_WORD}"
        findings.error(document, here.path, what)
    elif starts:
        what = f"{here.text!r} may begin with the wildcard {{{min(starts)}}}"
        findings.warn(document, here.path, f"{what} and is easily misheard")


@dataclass(slots=True)
class SentenceScope:
    """The rules and lists of a block; each rule is checked once, even if it is used often.

    Otherwise rules that use one another twice would double the time with each of them.
    """

    lists: Mapping[str, SlotList]
    rules: Mapping[str, Sentence]
    wild: frozenset[str] = field(init=False)
    """The lists that take any words."""
    _known: dict[tuple[str, str], Any] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Find the wildcards."""
        self.wild = frozenset(
            name for name, values in self.lists.items() if isinstance(values, WildcardSlotList)
        )

    def is_blank(self, expression: Expression) -> bool:
        """Whether an expression may be empty; punctuation is not spoken."""
        if isinstance(expression, TextChunk):
            return not any(map(str.isalnum, expression.text))
        if isinstance(expression, RuleReference):
            return bool(self._of_rule("is_blank", expression.rule_name))
        if isinstance(expression, Sequence | Permutation):
            return all(map(self.is_blank, expression.items))
        return isinstance(expression, Group) and any(map(self.is_blank, expression.items))

    def may_start(self, expression: Expression) -> frozenset[str]:
        """The lists whose value may come first in the sentence."""
        if isinstance(expression, ListReference):
            return frozenset((expression.list_name,))
        if isinstance(expression, RuleReference):
            return frozenset(self._of_rule("may_start", expression.rule_name))
        found: frozenset[str] = frozenset()
        for item in expression.items if isinstance(expression, Group) else ():
            found |= self.may_start(item)
            if isinstance(expression, Sequence) and not self.is_blank(item):
                break
        return found

    def words_needed(self, expression: Expression) -> bool:
        """Whether an expression requires words outside its wildcards."""
        if isinstance(expression, TextChunk):
            return bool(expression.text.strip())
        if isinstance(expression, ListReference):
            return expression.list_name not in self.wild
        if isinstance(expression, RuleReference):
            return bool(self._of_rule("words_needed", expression.rule_name))
        if isinstance(expression, Sequence | Permutation):
            return any(map(self.words_needed, expression.items))
        return isinstance(expression, Group) and all(map(self.words_needed, expression.items))

    def empty_lists(self, expression: Expression) -> frozenset[str]:
        """The lists without values that an expression uses."""
        if isinstance(expression, ListReference):
            values = self.lists.get(expression.list_name)
            is_empty = isinstance(values, TextSlotList) and not values.values
            return frozenset((expression.list_name,) if is_empty else ())
        if isinstance(expression, RuleReference):
            return frozenset(self._of_rule("empty_lists", expression.rule_name))
        items = expression.items if isinstance(expression, Group) else ()
        return frozenset[str]().union(*map(self.empty_lists, items))

    def _of_rule(self, question: str, name: str) -> Any:
        key = question, name
        if key not in self._known:
            self._known[key] = getattr(self, question)(self.rules[name].expression)
        return self._known[key]
