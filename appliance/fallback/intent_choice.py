"""The language model's choice among the declared intents: it scores them and writes nothing."""

from __future__ import annotations

import copy
import itertools
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.fallback.prompt_texts import parts_for
from appliance.fallback.wildcard_values import filled, wildcard_spans
from appliance.sentences.sentence_count import WILDCARD
from appliance.values import Intent, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence

    from appliance.fallback.content_match import ContentMatcher
    from appliance.fallback.sentence_patterns import Patterns
    from appliance.fallback.wildcard_values import WildcardSpan
    from appliance.protocols import LanguageModel
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import OptionScores

ARROW = " =>"

EXAMPLES = 2
"""Number of examples for each intent, taken from the operator's own sentences."""

MENU_CHARACTERS = 2_400
"""Maximum length of the menu, about 600 tokens; with many intents, each has fewer examples."""

BIAS_SHARE = 0.5
"""Share of the bias that is subtracted, tuned on tests/fixtures/paraphrases_for_tuning.jsonl.

The bias is the model's score for texts without content: contextual calibration (Zhao et al. 2021).
"""

MOST_CHARACTERS = 240
"""A longer text is not a command."""


@dataclass(frozen=True, slots=True)
class IntentChoice:
    """The choice of the model."""

    intent: Intent | None
    """The intent, with `by` as `model`; None if no intent was probable enough."""
    confidence: float
    """Probability of the likeliest intent, or of "none"."""
    tokens: Tokens
    likely_intent: str | None = None
    """The intent that was probably meant, if none was sure enough."""


class IntentChooser:
    """Asks the model which declared intent a text means, and which values its slots have.

    It chooses only intents of `allowed`, in one of their declared sentences, and only one that
    says what the text says (`ContentMatcher`): it confirms or says no, and never widens. A
    wildcard takes only words of the text.
    """

    def __init__(
        self,
        sentences: SentenceSet,
        patterns: Patterns,
        matcher: ContentMatcher,
        allowed: Iterable[str],
        barred: Container[str] = frozenset(),
    ) -> None:
        """`barred` intents are scored, so that no other replaces them, but never chosen."""
        self._barred = barred
        self._sentences = sentences
        self._patterns = patterns
        self._matcher = matcher
        self._intents = [name for name in sentences.declared if name in set(allowed)]
        self._words = parts_for(sentences.language)
        self._labels = _labels(self._intents, self._words.none)
        self._options = [f" {label}" for label in (*self._labels.values(), self._words.none)]
        self._bias: tuple[float, ...] | None = None
        self.menu = self._menu()
        """The prompt that the model reads once, before all texts."""

    def for_sentences(self, sentences: SentenceSet, matcher: ContentMatcher) -> IntentChooser:
        """The chooser for the same sentences, said in another room."""
        other = copy.copy(self)
        other._sentences = sentences  # noqa: SLF001 (its own copy)
        other._matcher = matcher  # noqa: SLF001
        return other

    def prepare(self, model: LanguageModel, must_stop: Callable[[], bool]) -> None:
        """Have the model read the menu, and measure its bias; `choose` does this if necessary."""
        if self._bias is None and self._intents:
            asked = [
                self._weigh(model, text, self._options, must_stop).scores
                for text in self._words.content_free
            ]
            self._bias = tuple(sum(each) / len(asked) for each in zip(*asked, strict=True))

    def choose(
        self, text: str, model: LanguageModel, threshold: float, must_stop: Callable[[], bool]
    ) -> IntentChoice:
        """The intent that `text` means, if its probability is at least `threshold`."""
        if len(text) > MOST_CHARACTERS:
            return IntentChoice(None, 0.0, Tokens())
        meanings, spans = self._meanings(text), self._spans(text)
        if not meanings and not spans:
            return IntentChoice(None, 0.0, Tokens())  # no intent is possible: no need to ask
        self.prepare(model, must_stop)
        weighing = self._weigh(model, text, self._options, must_stop)
        likely = self._probabilities(weighing.scores, meanings.keys() | spans.keys())
        name, sure = max(likely.items(), key=lambda entry: entry[1])
        tokens = Tokens(prompt=weighing.prompt_tokens, cached=weighing.cached_tokens, generated=0)
        if name is None or sure < threshold:
            meant = (one for one in likely if one is not None)
            return IntentChoice(None, sure, tokens, max(meant, key=lambda one: likely[one]))
        if name in self._barred:
            return IntentChoice(None, sure, tokens, name)
        intent: Intent | None
        if name in meanings:
            intent, share = self._fill_slots(text, name, meanings[name], model, must_stop)
        else:
            intent, share = self._choose_value(text, name, spans[name], model, must_stop)
        sure = round(sure * share, 3)
        if intent is None or sure < threshold:
            return IntentChoice(None, sure, tokens, name)
        return IntentChoice(Intent(name, intent.slots, sure, "model"), sure, tokens)

    def _meanings(self, text: str) -> dict[str, list[Intent]]:
        """The possible meanings of each allowed intent with the values that the text mentions."""
        found: dict[str, list[Intent]] = {}
        for one in self._matcher.match(text):
            name = one.reading.intent
            if name in self._labels:
                found.setdefault(name, []).append(Intent(name, dict(one.reading.slots)))
        return found

    def _spans(self, text: str) -> dict[str, WildcardSpan]:
        found = wildcard_spans(text, self._patterns, self._sentences, self._matcher)
        return {name: span for name, span in found.items() if name in self._labels}

    def _weigh(
        self,
        model: LanguageModel,
        text: str,
        options: Sequence[str],
        must_stop: Callable[[], bool],
        behind: str = "",
    ) -> OptionScores:
        line = f"{' '.join(text.split())}{ARROW}{behind}"
        weighing: OptionScores = model.score_options(self.menu, line, options, must_stop)
        return weighing

    def _probabilities(
        self, scores: Sequence[float], possible: Container[str]
    ) -> dict[str | None, float]:
        """The probability of each possible intent, and of no intent (None)."""
        biases = self._bias or (0.0,) * len(scores)
        corrected = {
            name: math.exp(score - BIAS_SHARE * bias)
            for name, score, bias in zip((*self._labels, None), scores, biases, strict=True)
            if name is None or name in possible
        }
        total = sum(corrected.values())
        return {name: round(value / total, 3) for name, value in corrected.items()}

    def _fill_slots(
        self,
        text: str,
        name: str,
        meanings: Sequence[Intent],
        model: LanguageModel,
        must_stop: Callable[[], bool],
    ) -> tuple[Intent, float]:
        """The likeliest way to fill the slots, and its probability."""
        if len(meanings) == 1:
            return meanings[0], 1.0
        options = [_spelled(intent.slots) for intent in meanings]
        behind = f" {self._labels[name]},"
        scores = self._weigh(model, text, options, must_stop, behind).scores
        best = max(range(len(scores)), key=lambda index: scores[index])
        return meanings[best], math.exp(scores[best])

    def _choose_value(
        self,
        text: str,
        name: str,
        span: WildcardSpan,
        model: LanguageModel,
        must_stop: Callable[[], bool],
    ) -> tuple[Intent | None, float]:
        """The likeliest value of the wildcard, and its probability."""
        slots = span.intent.slots
        options = [_spelled({**slots, span.slot: value}) for value in span.values]
        behind = f" {self._labels[name]},"
        scores = self._weigh(model, text, options, must_stop, behind).scores
        best = max(range(len(scores)), key=lambda index: scores[index])
        return filled(span, span.values[best], self._sentences), math.exp(scores[best])

    def _menu(self) -> str:
        """One example of each intent, then the next ones, up to MENU_CHARACTERS."""
        rows = [list(self._examples(name)) for name in self._intents]
        others = [text for text in self._words.not_commands if not self._sentences.parse(text)]
        lines: list[str] = []
        for turn in range(EXAMPLES):
            lines += [examples[turn] for examples in rows if turn < len(examples)]
            lines += [f"{text}{ARROW} {self._words.none}\n" for text in others[turn::EXAMPLES]]
        kept: list[str] = []
        for line in lines:
            if sum(map(len, kept)) + len(line) <= MENU_CHARACTERS:
                kept.append(line)
        return f"{self._words.headline}\n\n" + "".join(kept)

    def _examples(self, name: str) -> list[str]:
        found = [sentence for _, sentence in self._sentences.examples(EXAMPLES, name)]
        places = [(2 * n + 1) * len(found) // (2 * EXAMPLES) for n in range(EXAMPLES)]
        chosen = [found[place] for place in dict.fromkeys(places)] if found else []
        fillings = zip(chosen, itertools.cycle(self._words.wildcard_examples))
        return [line for one in fillings if (line := self._example(name, *one))]

    def _example(self, name: str, sentence: str, filling: str) -> str:
        """A line of the menu; for a wildcard it shows the value that its words become."""
        if WILDCARD not in sentence:
            return f"{sentence}{ARROW} {self._labels[name]}\n"
        said = sentence.replace(WILDCARD, filling)
        intent = self._sentences.parse(said)
        if intent is None or intent.name != name:
            return ""
        return f"{said}{ARROW} {self._labels[name]},{_spelled(intent.slots)}\n"


def _labels(names: Sequence[str], none: str) -> dict[str, str]:
    """The intents' names as words: `HassTurnOn` is "turn on"."""
    labels: dict[str, str] = {}
    for name in names:
        plain = name.removeprefix("Hass") or name
        label = " ".join(re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", plain).lower().split()) or name
        labels[name] = label if label not in (*labels.values(), none) else name
    return labels


def _spelled(slots: Mapping[str, object]) -> str:
    return "".join(f" {slot} {value}" for slot, value in sorted(slots.items()))
