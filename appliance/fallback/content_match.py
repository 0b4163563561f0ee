"""Finds the declared sentences that mean the same as a text: the gate before any guess.

Each word of the text must be accounted for: it is in the sentence, is a synonym of a word there, or
carries no meaning ("the", "please"). The same holds for each word of the sentence. So a question, a
report, a negation, a time, a condition, a number or a thing that the sentence lacks stops the text,
whatever the guess would be. The words are in `text/word_lists/`.
"""

from __future__ import annotations

import copy
import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.fallback.mentioned_values import MISSING_WORD_COST, MOST_MENTIONS, mentions
from appliance.fallback.partial_names import SPANS, PartialNames
from appliance.fallback.proposal_index import SLOT, Proposals
from appliance.fallback.rephrasing import as_command, in_declared_words, other_ways
from appliance.fallback.sentence_patterns import Slot
from appliance.fallback.spelling import Spelling
from appliance.text.normalise import normalise, words_of
from appliance.text.number_words import digits_of_words
from appliance.text.word_lists import word_lists_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from appliance.fallback.mentioned_values import Mention
    from appliance.fallback.partial_names import DeviceName
    from appliance.fallback.sentence_patterns import Pattern, Patterns, Words
    from appliance.grammar.grammar import Grammar
    from appliance.grammar.text_parser import ParsedSentence

MOST_WORDS = 24
"""A longer text is not a command."""

OTHER_WORDS = 0.99
"""Confidence if only words without a meaning differ, such as "please"."""

CHANGED_WORDS = 0.19
"""Confidence lost if text and sentence share no word, but say the same in synonyms."""

ENOUGH = 2
"""Minimum number of content words and values that a text shares with a candidate sentence."""

GUARD_WORTH = 0.5
"""Weight of a shared guard word in that count; two guard words count at most."""

MOST_FREE_NUMBERS = 1
"""Maximum number of numbers that may stand anywhere; with more, their order decides."""

WHY = {
    "question": '"{}" makes it a question',
    "report": '"{}" makes it a report',
    "negation": '"{}" says not to do it',
    "time": '"{}" says when, and a command is done at once',
    "condition": '"{}" makes a condition or an exception',
    "reference": '"{}" stands for something that was not said',
}
"""Explanation of a guard word, by its kind in the word lists."""

AREA = "area"
"""The list and the slot of a room."""

NOT_IN_VALUES = frozenset({"negation", "condition", "reference"})
"""Kinds of guard words that a guess does not put into a wildcard: "milk unless it is there"."""

_Key = tuple[frozenset[str], int]
"""Content words of a pattern, and the number of its slots."""


@dataclass(frozen=True, slots=True)
class SameContent:
    """A declared sentence that means the same as the text."""

    reading: ParsedSentence
    sentence: str
    confidence: float


@dataclass(frozen=True, slots=True)
class _Said:
    """A text with the values that it mentions."""

    words: Words
    """The words of the text, with typing errors corrected."""
    mentions: tuple[Mention, ...]
    places: tuple[int, ...]
    """Index of the first word of each mention."""


class ContentMatcher:
    """Compares texts with all declared sentences of one set."""

    def __init__(self, grammar: Grammar, patterns: Patterns) -> None:
        self._grammar = grammar
        self._patterns = patterns
        self._lists = word_lists_for(grammar.language)
        self._digits = digits_of_words(grammar.language)
        self._by_content: dict[_Key, list[Pattern]] = defaultdict(list)
        for pattern in patterns.patterns:
            content = self._content(pattern.parts)
            if content != [SLOT] * len(content):  # a name without a verb has no action
                key = frozenset(content) - {SLOT}, len(pattern.slots)
                self._by_content[key].append(pattern)
        self._with_wildcard: dict[_Key, list[Pattern]] = defaultdict(list)
        for pattern in patterns.with_wildcard:
            content = self._content(pattern.parts)
            self._with_wildcard[frozenset(content) - {SLOT}, len(pattern.slots)].append(pattern)
        self._proposals = Proposals.of(patterns.patterns, self._content)
        self._names = PartialNames(patterns, self._lists)
        known = {word for words in self._all_words() for word in words if word.isalpha()}
        self._declared_words = {
            word
            for pattern in (*patterns.patterns, *patterns.with_wildcard)
            for word in pattern.words
        }.union(*(words for values in patterns.values.values() for words in values))
        self._spelling = Spelling(
            grammar.language,
            known,
            self._digits,
        )

    def _all_words(self) -> Iterator[Words]:
        for pattern in (*self._patterns.patterns, *self._patterns.with_wildcard):
            yield pattern.words
        for entries in self._patterns.values.values():
            yield from entries
        yield from self._lists.meant_by
        yield tuple(self._lists.verbs)

    def for_grammar(self, grammar: Grammar) -> ContentMatcher:
        """The matcher for the same sentences, said in another room."""
        other = copy.copy(self)
        other._grammar = grammar  # noqa: SLF001 (its own copy)
        return other

    def match(self, text: str) -> list[SameContent]:
        """The best sentence for each meaning that the text can have; empty if there is none."""
        heard = as_command(words_of(text), self._lists)
        if not heard or len(heard) > MOST_WORDS or heard[-1] in self._lists.links:
            return []
        said = self._said(heard)
        return self._matches(said, heard) or self._in_named_area(said)

    def _matches(self, said: _Said, heard: Words) -> list[SameContent]:
        ways = (
            " ".join(way) for way in other_ways(said.words, self._lists) if self._is_declared(way)
        )
        sentences = itertools.chain(self._sentences(said), ways)
        return self._readings(sentences, heard) or self._with_whole_name(said, heard)

    def _in_named_area(self, said: _Said) -> list[SameContent]:
        """The readings of a text about the speaker's room, if it names another room: "mute in ...".

        The room must follow a preposition, and the rest must mean something in that room only.
        """
        for at, mention in zip(said.places, said.mentions, strict=True):
            area = mention.values.get(AREA)
            begin = self._begin_of_place(said.words, at)
            if area is None or begin is None:
                continue
            rest = (*said.words[:begin], *said.words[at + len(mention.words) :])
            if not rest or rest[-1] in self._lists.links:
                continue
            there = self.for_grammar(self._grammar.in_area(area))
            found = there.match(" ".join(rest))
            return [one for one in found if self._is_only_there(one, area)]
        return []

    def _begin_of_place(self, words: Words, at: int) -> int | None:
        """Index of the preposition before the room at `at`; None if there is none."""
        begin = at
        while begin and words[begin - 1] in self._lists.links:
            begin -= 1
        before = words[begin:at]
        return None if self._lists.articles.issuperset(before) else begin

    def _is_only_there(self, one: SameContent, area: str) -> bool:
        """Whether the room is where it was said to be, and the sentence names none."""
        nowhere = self._grammar.in_area(None).readings(one.sentence)[:1]
        here = normalise(str(one.reading.slots.get(AREA, ""))) == normalise(area)
        return here and all(reading.lacks_area for reading in nowhere)

    def _is_declared(self, words: Words) -> bool:
        return all(word in self._declared_words or word.isdecimal() for word in words)

    def proposals(self, text: str) -> list[SameContent]:
        """The declared sentences that are most like a text, best first, each meaning once.

        The text has all words of the sentence, and may have others that the owner's sentences
        with the same meaning have. No guard word, value or other word of the text is ignored.
        """
        heard = as_command(words_of(text), self._lists)
        if not heard or len(heard) > MOST_WORDS or heard[-1] in self._lists.links:
            return []
        said = self._said(heard)
        count = len(said.mentions)
        if count > MOST_MENTIONS:
            return []
        found: dict[object, SameContent] = {}
        for number in range(count, -1, -1):
            for chosen in itertools.combinations(range(count), number):
                for one in self._proposed(said, chosen):
                    known = found.get(one.reading.meaning)
                    if known is None or known.confidence < one.confidence:
                        found[one.reading.meaning] = one
        return sorted(found.values(), key=lambda one: -one.confidence)

    def _proposed(self, said: _Said, chosen: Sequence[int]) -> Iterator[SameContent]:
        content = self._content(self._parts(said, chosen))
        words = set(content) - {SLOT}
        found = [said.mentions[index] for index in chosen]
        if not words or self._asks(content):
            return
        for row, score in self._proposals.nearest(content, len(found)):
            pattern = self._proposals.patterns[row]
            extra = words - self._proposals.words[row]
            may_act = extra.isdisjoint(self._proposals.openings)
            if may_act and self._lists.guard_in(sorted(extra)) is None:
                for sentence in self._sentences_of(pattern, found, content):
                    for reading in self._grammar.readings(sentence)[:1]:
                        if not reading.wildcard_characters and not reading.lacks_area:
                            yield SameContent(reading, sentence, round(score, 3))

    def _sentences_of(
        self, pattern: Pattern, found: Sequence[Mention], content: Sequence[str]
    ) -> Iterator[str]:
        """The pattern with the values in its slots, in each order that fits."""
        for fill in self._fills(pattern, found, content):
            values = iter(fill)
            yield " ".join(
                next(values) if isinstance(part, Slot) else part for part in pattern.parts
            )

    def _with_whole_name(self, said: _Said, heard: Words) -> list[SameContent]:
        """The readings if a part of a device's name stands for the only matching device."""
        for length in SPANS:
            for at in range(len(said.words) - length + 1):
                devices = self._names.of(said.words[at : at + length])
                found = [
                    (device, one)
                    for device in devices
                    for one in self._readings(
                        self._sentences(_naming(said, at, device.mention)), heard
                    )
                ]
                if found:
                    meanings = {one.reading.meaning for _, one in found}
                    device, one = found[0]
                    sure = len(meanings) == 1 and self._is_clear(device, one.sentence)
                    return [one] if sure else []
        return []

    def _is_clear(self, device: DeviceName, sentence: str) -> bool:
        """Whether the text tells the kind of device, at least by a verb like "unlock"."""
        if self._names.tells_kind(device.mention.words):
            return True
        others = self._names.one_of_each_other_domain(device)
        return not any(
            self._grammar.readings(sentence.replace(device.name, name)) for name in others
        )

    def _readings(self, sentences: Iterable[str], heard: Words) -> list[SameContent]:
        found: dict[object, SameContent] = {}
        for sentence in sentences:
            for reading in self._grammar.readings(sentence)[:1]:
                if reading.wildcard_characters or reading.lacks_area:
                    continue
                confidence = self._confidence(heard, words_of(sentence))
                known = found.get(reading.meaning)
                if known is None or known.confidence < confidence:
                    found[reading.meaning] = SameContent(reading, sentence, confidence)
        best = sorted(found.values(), key=lambda one: -one.confidence)
        return self._with_same_links(best, heard)

    def _with_same_links(self, found: list[SameContent], heard: Words) -> list[SameContent]:
        """Those with the same word before each number, if any: "to 20" is not "by 20"."""
        said = self._links_of_numbers(heard)
        same = [one for one in found if said <= self._links_of_numbers(words_of(one.sentence))]
        return same or found

    def _links_of_numbers(self, words: Sequence[str]) -> set[tuple[str, str]]:
        pairs = itertools.pairwise(self._numbered(words))
        return {pair for pair in pairs if pair[0] in self._lists.links and pair[1].isdecimal()}

    def objection(self, text: str) -> str | None:
        """Reason why a text that is nearly a declared sentence is refused; None if none is near."""
        heard = as_command(words_of(text), self._lists)
        if not heard or len(heard) > MOST_WORDS:
            return None
        said = self._said(heard)
        spans = [
            (at, at + len(one.words)) for at, one in zip(said.places, said.mentions, strict=True)
        ]
        content = self._content(self._parts(said, range(len(spans))))
        near = self._nearest_pattern(said, {word for word in content if word != SLOT})
        if near is None:
            return None
        meant = set(self._content(near.parts))
        extra = [word for word in content if word not in meant and word != SLOT]
        guard = self._lists.guard_in(extra)
        if guard is not None:
            why = WHY[guard[0]].format(guard[1])
        elif extra:
            why = f'"{extra[0]}" is not part of it'
        elif heard[-1] in self._lists.links:
            why = f'it ends with "{heard[-1]}": something is missing'
        else:
            why = "not all of it was said, or more than that"
        return f"perhaps {near.intent}, but {why}"

    def accounts(self, said: Sequence[str], sentence: Sequence[str]) -> bool:
        """Whether the words of a text and of a sentence, both without values, mean the same."""
        return set(self._lists.content(self._numbered(said), begins=False)) == set(
            self._lists.content(self._numbered(sentence), begins=False)
        )

    def in_declared_words(self, text: str) -> str:
        """The text, with undeclared words replaced by declared synonyms."""
        return in_declared_words(text, self._lists, self._declared_words)

    def includes(self, text: str, sentence: Sequence[str]) -> bool:
        """Whether a text contains the meaning of all these words of a sentence."""
        said = self._lists.content(self._numbered(words_of(text)), begins=False)
        words = self._numbered([word for word in sentence if word])
        return set(self._lists.content(words, begins=False)) <= set(said)

    def may_fill(self, value: Sequence[str], *, in_order: bool) -> bool:
        """Whether words may fill a wildcard: they have content and no forbidden guard word.

        `in_order` tells whether they are in the wildcard's place. If not, they may be the beginning
        of a question or a report: "who wrote this note".
        """
        content = self._lists.content(value, begins=False)
        guard = self._lists.guard_in(content)
        return bool(content) and (guard is None or (in_order and guard[0] not in NOT_IN_VALUES))

    def _said(self, heard: Words) -> _Said:
        words = self._spelling.mended(heard)
        found = mentions(" ".join(words), self._patterns)
        places, at = [], 0
        for mention in found:
            while words[at : at + len(mention.words)] != mention.words:
                at += 1
            places.append(at)
            at += len(mention.words)
        return _Said(words, tuple(found), tuple(places))

    def _sentences(self, said: _Said) -> Iterator[str]:
        """The declared sentences with the text's content and values, each in one way to say it."""
        yield " ".join(said.words)
        count = len(said.mentions)
        if count > MOST_MENTIONS:
            return
        for number in range(count, -1, -1):
            for chosen in itertools.combinations(range(count), number):
                content = self._content(self._parts(said, chosen))
                key = frozenset(content) - {SLOT}, number
                found = [said.mentions[index] for index in chosen]
                ordered = self._asks(content)
                for pattern in self._by_content.get(key, ()):
                    if ordered and not self._is_as_said(pattern, content, said.words):
                        continue  # "are all lights off for sure", "make sure all lights are off"
                    yield from self._sentences_of(pattern, found, content)

    def _is_as_said(self, pattern: Pattern, content: Sequence[str], words: Words) -> bool:
        """Whether a text has the content of a pattern in its order, and its verbs."""
        verbs = {part for part in pattern.parts if part in self._lists.verbs}
        return verbs <= set(words) and _same_order(self._content(pattern.parts), content)

    def _asks(self, content: Sequence[str]) -> bool:
        """Whether it has a word that makes it a question or a report."""
        return any(self._lists.guard_of_kind(content, kind) for kind in ("question", "report"))

    def _fills(
        self, pattern: Pattern, found: Sequence[Mention], content: Sequence[str]
    ) -> Iterator[tuple[str, ...]]:
        """The values in the order of the pattern's slots."""
        for order in itertools.permutations(range(len(found))):
            pairs = [(slot, found[index]) for slot, index in zip(pattern.slots, order, strict=True)]
            if not all(slot.values in mention.values for slot, mention in pairs):
                continue
            if self._places_numbers(pattern, order, content):
                yield tuple(mention.values[slot.values] for slot, mention in pairs)

    def _confidence(self, heard: Sequence[str], sentence: Sequence[str]) -> float:
        """The confidence: 1.0 if the words are the same, less for each other word."""
        if self._numbered(heard) == self._numbered(sentence):
            return 1.0
        ours, theirs = set(self._telling(heard)), set(self._telling(sentence))
        shared = len(ours & theirs) / max(1, len(ours | theirs))
        return round(OTHER_WORDS - CHANGED_WORDS * (1 - shared), 3)

    def _telling(self, words: Sequence[str]) -> Iterator[str]:
        """The phrases that carry a meaning and the links, as they stand; numbers in digits."""
        numbered, at = self._numbered(words), 0
        while at < len(numbered):
            phrase, meant = self._lists.phrase_at(numbered, at)
            at += len(phrase)
            verb = len(phrase) == 1 and phrase[0] in self._lists.verbs
            if not verb and (meant or phrase[0] in self._lists.links):
                yield " ".join(phrase)

    def _places_numbers(
        self, pattern: Pattern, order: Sequence[int], content: Sequence[str]
    ) -> bool:
        """Whether each of several numbers has the same place as in the pattern.

        They are in the same order, each beside the same word: "machine 3 to 20".
        """
        numbers = [
            (at, index)
            for at, (slot, index) in enumerate(zip(pattern.slots, order, strict=True))
            if slot.values in self._patterns.numbers
        ]
        if len(numbers) < MOST_FREE_NUMBERS + 1:
            return True
        ours, theirs = _beside_slots(self._content(pattern.parts)), _beside_slots(content)
        beside = all(
            ours[at][0] == theirs[index][0] or ours[at][1] == theirs[index][1]
            for at, index in numbers
        )
        return beside and [index for _, index in numbers] == sorted(index for _, index in numbers)

    def _parts(self, said: _Said, chosen: Iterable[int]) -> tuple[str | Slot, ...]:
        """The words of a text, with the chosen mentions as slots."""
        parts: list[str | Slot] = []
        at = 0
        for index in chosen:
            parts += said.words[at : said.places[index]]
            parts.append(Slot(""))
            at = said.places[index] + len(said.mentions[index].words)
        return (*parts, *said.words[at:])

    def _content(self, parts: Sequence[str | Slot]) -> list[str]:
        """The content of words and slots, in order; `SLOT` stands for a slot."""
        found: list[str] = []
        begins = True
        for is_slot, group in itertools.groupby(parts, lambda part: isinstance(part, Slot)):
            if is_slot:
                found += [SLOT for _ in group]
            else:
                words = self._numbered([part for part in group if isinstance(part, str)])
                found += self._lists.content(words, begins=begins)
            begins = False
        return found

    def _numbered(self, words: Sequence[str]) -> list[str]:
        return [self._digits.get(word, word) for word in words]

    def _nearest_pattern(self, said: _Said, content: set[str]) -> Pattern | None:
        """The pattern that shares most with the text; None if it shares less than ENOUGH."""
        values = {key for mention in said.mentions for key in mention.values}
        best: tuple[float, Pattern] | None = None
        for (words, _), patterns in (*self._by_content.items(), *self._with_wildcard.items()):
            worth = self._shared(content, words, values, patterns[0])
            nearness = worth - MISSING_WORD_COST * len(words - content)
            if worth >= ENOUGH and (best is None or nearness > best[0]):
                best = nearness, patterns[0]
        return best[1] if best else None

    def _shared(
        self, content: set[str], words: frozenset[str], values: set[str], pattern: Pattern
    ) -> float:
        """The number of words and values that a text shares with a pattern, weighted.

        Guard words have a low weight: "what is" begins many undeclared questions. Numbers without
        other shared words do not count, because any text may have them.
        """
        shared = content & words
        guards = {word for word in shared if self._lists.guard_in([word]) is not None}
        told = len(shared) - len(guards)
        slots = {slot.values for slot in pattern.slots}
        filled = slots & values
        named = filled - self._patterns.numbers
        if slots & self._patterns.wildcards:
            own = self._patterns.distinctive_words.get(pattern.intent, frozenset())
            filled = filled | (slots & self._patterns.wildcards if shared & own else set())
        elif named and filled == slots:
            return max(float(ENOUGH), told + len(filled))
        return told + len(filled if told else named) + min(1.0, GUARD_WORTH * len(guards))


def _naming(said: _Said, at: int, device: Mention) -> _Said:
    """The text with the words from `at` on taken for a device."""
    end = at + len(device.words)
    others = [
        (place, one)
        for place, one in zip(said.places, said.mentions, strict=True)
        if place + len(one.words) <= at or place >= end
    ]
    placed = sorted([*others, (at, device)], key=lambda entry: entry[0])
    return _Said(said.words, tuple(one for _, one in placed), tuple(place for place, _ in placed))


def _beside_slots(content: Sequence[str]) -> list[tuple[str | None, str | None]]:
    """The words before and after each slot; None for another slot's place or an end."""
    around = [None, *content, None]
    return [(around[at - 1], around[at + 1]) for at, word in enumerate(around) if word == SLOT]


def _same_order(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two contents have the same words in the same order; a word counts once."""
    return list(dict.fromkeys(one)) == list(dict.fromkeys(other))
