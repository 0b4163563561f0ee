"""The cascade for a text that no sentence fits: repair, proposal, then the model's choice."""

from __future__ import annotations

import enum
import logging
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.config import CascadeSettings
from appliance.errors import EngineDied, EngineError, Interrupted
from appliance.fallback.content_match import ContentMatcher
from appliance.fallback.intent_choice import IntentChooser
from appliance.fallback.last_command import (
    LastCommand,
    repeated_elsewhere,
    with_other_value,
    without_pronoun,
)
from appliance.fallback.question_mark import is_asked
from appliance.fallback.sentence_patterns import patterns_of
from appliance.fallback.wildcard_values import filled, wildcard_spans
from appliance.grammar.compound_sentence import is_only_a_name
from appliance.text.normalise import words_of
from appliance.values import Intent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from appliance.fallback.content_match import SameContent
    from appliance.fallback.intent_choice import IntentChoice
    from appliance.fallback.sentence_patterns import Patterns
    from appliance.protocols import LanguageModel
    from appliance.sentences.sentence_set import SentenceSet

logger = logging.getLogger(__name__)

FOLLOW_UP_CONFIDENCE = 0.9
"""Confidence of a text that refers to the command before it."""

PROPOSAL_LEAD = 0.1
"""Minimum lead over any sentence with another meaning, as a difference of cosines (0 to 1)."""

WILDCARD_CONFIDENCE = 0.85
"""Confidence of a sentence with a wildcard; its declared words are less evidence than a whole
sentence."""


class TextSource(enum.Enum):
    """The source of a text, which decides how much may be guessed."""

    TYPED = "typed"
    AFTER_TRIGGER = "speech after a wake word, a button or a request"
    ALWAYS_OPEN = "speech at a microphone that is always open"


@dataclass(frozen=True, slots=True)
class _Tools:
    """The tools that are built from one sentence set."""

    sentences: SentenceSet
    patterns: Patterns
    matcher: ContentMatcher
    chooser: IntentChooser

    def for_sentences(self, sentences: SentenceSet) -> _Tools:
        """The tools for the same sentences, said in another room."""
        matcher = self.matcher.for_grammar(sentences.grammar)
        chooser = self.chooser.for_sentences(sentences, matcher)
        return _Tools(sentences, self.patterns, matcher, chooser)


class Cascade:
    """The steps after the grammar; the first that is sure enough decides.

    The result is always a declared intent in one of its declared sentences.
    """

    def __init__(
        self, settings: CascadeSettings | None = None, *, repairs_speech: bool = True
    ) -> None:
        """`repairs_speech` is for transcripts of free recognition.

        Speech that was decoded under the grammar and rejected must not be accepted because its
        transcript is spelled alike.
        """
        self.settings = settings or CascadeSettings()
        self.repairs_speech = repairs_speech
        self._tools = deque[_Tools](maxlen=2)
        """Tools of the active sentences and, during a reload, of the next ones."""
        self._building = threading.Lock()
        self._warned_of: str | None = None

    def prepare(
        self,
        sentences: SentenceSet,
        model: LanguageModel | None,
        must_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Build the tools in advance, so that the first text need not wait."""
        tools = self._tools_for(sentences)
        if model is not None and self.settings.choose:
            tools.chooser.prepare(model, must_stop)

    def repair(self, text: str, sentences: SentenceSet, *, is_part: bool = False) -> Intent | None:
        """The intent of the sentence that means the same as the text.

        Of several meanings, the one with the most similar words wins, if no other is as near.
        `is_part` is for a part of a sentence, where a name without a verb has no meaning.
        """
        found = self.closest(text, sentences, is_part=is_part) if self.settings.repair else None
        return found if found is not None and sentences.declared[found.name].by_fuzzy else None

    def closest(self, text: str, sentences: SentenceSet, *, is_part: bool = False) -> Intent | None:
        """As `repair`, even if repair is off or may not cause the intent: for trying out a text."""
        tools = self._tools_for(sentences)
        same = tools.matcher.match(text)
        if is_part and any(_is_only_a_name(one, sentences.language) for one in same):
            return None
        found = [
            Intent(one.reading.intent, dict(one.reading.slots), one.confidence, "fuzzy")
            for one in same
        ] or _filled_wildcards(text, tools)
        sure = [intent.confidence or 0.0 for intent in found]
        best = found[0] if found else None
        if best is None or sure[0] < self.settings.repair_threshold:
            return None
        lead = sure[0] - max(sure[1:], default=0.0)
        return best if lead >= self.settings.repair_margin else None

    def propose(self, text: str, sentences: SentenceSet, source: TextSource) -> Intent | None:
        """The intent of the sentence that is most like a text, if it is similar enough.

        The gate allows it only if each word of the text belongs to that meaning (see
        `ContentMatcher.proposals`) and no other meaning is nearly as similar.
        """
        threshold = self._proposal_threshold(source)
        found = self.most_like(text, sentences, threshold) if threshold else None
        return found if found is not None and sentences.declared[found.name].by_fuzzy else None

    def most_like(self, text: str, sentences: SentenceSet, threshold: float) -> Intent | None:
        """As `propose`, even if a proposal may not act; `threshold` is a cosine, 0 to 1."""
        found = self._tools_for(sentences).matcher.proposals(text)
        if not found or found[0].confidence < threshold:
            return None
        lead = found[0].confidence - max((one.confidence for one in found[1:]), default=0.0)
        best = found[0].reading
        if lead < PROPOSAL_LEAD:
            return None
        return Intent(best.intent, dict(best.slots), found[0].confidence, "fuzzy")

    def _proposal_threshold(self, source: TextSource) -> float:
        return {
            TextSource.TYPED: self.settings.propose_text,
            TextSource.AFTER_TRIGGER: self.settings.propose_speech,
            TextSource.ALWAYS_OPEN: self.settings.propose_open_speech,
        }[source]

    def follow_up(
        self, text: str, last: LastCommand, sentences: SentenceSet, *, exact: bool = False
    ) -> LastCommand | None:
        """The meaning of a text that refers to the last command, with the full text.

        "Turn it off" is about the same as that command, "the same in the bedroom" is the same
        command for another room or device, and "a bit brighter" the same with another value. With
        `exact`, the full text must be a declared sentence.
        """
        patterns, language = self._tools_for(sentences).patterns, sentences.language
        for said, meant in with_other_value(text, last, patterns, language):
            found = self._refers(said, sentences, exact=True)
            if found is not None and _same(found.intent, meant):
                return found
        said_of_it = without_pronoun(text, last, patterns, language)
        if said_of_it is not None:
            found = self._refers(said_of_it, sentences, exact=exact)
            return found if found is not None and found.target == last.target else None
        for said in repeated_elsewhere(text, last, patterns, language):
            found = self._refers(said, sentences, exact=exact)
            if found is not None and found.intent.name == last.intent.name:
                return found
        return None

    def _refers(self, said: str, sentences: SentenceSet, *, exact: bool) -> LastCommand | None:
        intent = sentences.parse(said) or (None if exact else self.repair(said, sentences))
        if (
            intent is None
            or not self.settings.repair
            or not sentences.declared[intent.name].by_fuzzy
        ):
            return None
        found = Intent(intent.name, intent.slots, FOLLOW_UP_CONFIDENCE, "fuzzy")
        return LastCommand(said, found)

    def objection(self, text: str, sentences: SentenceSet) -> str | None:
        """Reason why a text that is nearly a declared sentence is refused; None if none is near."""
        return self._tools_for(sentences).matcher.objection(text)

    def is_asked(self, intent: str, sentences: SentenceSet) -> bool:
        """Whether an intent is a question, which does nothing."""
        return is_asked(intent, self._tools_for(sentences).patterns, sentences.language)

    def choose(
        self,
        text: str,
        sentences: SentenceSet,
        model: LanguageModel,
        must_stop: Callable[[], bool],
        *,
        spoken: bool,
    ) -> IntentChoice | None:
        """The model's choice among the intents; None if it is not asked or fails.

        Raises:
            Interrupted: `must_stop` returned True.
            EngineDied: the model's process died twice at this text.

        """
        if not self.settings.choose or (spoken and not self.settings.choose_speech):
            return None
        chooser = self._tools_for(sentences).chooser
        try:
            return chooser.choose(text, model, self.settings.choose_threshold, must_stop)
        except (EngineDied, Interrupted):
            raise
        except EngineError as error:
            self._warn(str(error))
            return None

    def _warn(self, reason: str) -> None:
        """Log a reason only if it differs from the last one: it may recur with every text."""
        if reason != self._warned_of:
            self._warned_of = reason
            logger.warning("the language model cannot choose among the intents: %s", reason)

    def _tools_for(self, sentences: SentenceSet) -> _Tools:
        with self._building:
            intents = sentences.intents
            tools = next((one for one in self._tools if one.sentences.intents is intents), None)
            if tools is None:
                tools = _tools_of(sentences)
                self._tools.append(tools)
            if tools.sentences is sentences:
                return tools
            return tools.for_sentences(sentences)


def _filled_wildcards(said: str, tools: _Tools) -> list[Intent]:
    """The meanings of the text by sentences with a wildcard that takes as few words as possible.

    Of several meanings, that of the grammar for the text with its synonyms replaced is taken.
    """
    text = tools.matcher.in_declared_words(said)
    found = list(_wildcard_intents(text, said, tools))
    direct = tools.sentences.parse(text) if len(found) > 1 else None
    same = [one for one in found if direct and (one.name, one.slots) == (direct.name, direct.slots)]
    return same or found or _with_synonyms(text, said, tools)


def _with_synonyms(text: str, said: str, tools: _Tools) -> list[Intent]:
    """What the text means if with synonyms for words that nobody declared it is a sentence.

    The synonyms are the sentence's: what a wildcard takes was said as it stands.
    """
    reading = next(iter(tools.sentences.readings(text)), None) if text != said else None
    if reading is None or not reading.wildcard_characters or reading.lacks_area:
        return []
    listed = {words for values in tools.patterns.values.values() for words in values}
    free = [
        value
        for value in map(str, reading.slots.values())
        if words_of(value) not in listed and not value.isdecimal()
    ]
    heard = f" {' '.join(words_of(said))} "
    said_so = all(f" {' '.join(words_of(value))} " in heard for value in free)
    if not said_so or not all(tools.matcher.may_fill(words_of(one), in_order=True) for one in free):
        return []
    return [Intent(reading.intent, dict(reading.slots), WILDCARD_CONFIDENCE, "fuzzy")]


def _wildcard_intents(text: str, said: str, tools: _Tools) -> Iterator[Intent]:
    spans = wildcard_spans(text, tools.patterns, tools.sentences, tools.matcher)
    for span in spans.values():
        value = min(span.values, key=len)
        if value.casefold() not in " ".join(said.split()).casefold():
            continue  # a synonym that was not said
        head, _, tail = " ".join(text.split()).partition(value)
        in_order = tools.matcher.includes(head, span.before) and tools.matcher.includes(
            tail, span.after
        )
        intent = filled(span, value, tools.sentences) if in_order else None
        if intent is not None:
            yield Intent(intent.name, intent.slots, WILDCARD_CONFIDENCE, "fuzzy")


def _same(one: Intent, other: Intent) -> bool:
    return (one.name, dict(one.slots)) == (other.name, dict(other.slots))


def _is_only_a_name(one: SameContent, language: str) -> bool:
    return is_only_a_name(one.sentence, one.reading.slot_letters, language)


def _tools_of(sentences: SentenceSet) -> _Tools:
    patterns = patterns_of(sentences)
    declared = sentences.declared
    matcher = ContentMatcher(sentences.grammar, patterns)
    return _Tools(
        sentences,
        patterns,
        matcher,
        IntentChooser(
            sentences,
            patterns,
            matcher,
            {name for name in declared if declared[name].by_model},
            barred={name for name in declared if declared[name].never_by_voice},
        ),
    )
