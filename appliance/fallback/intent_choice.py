"""The language model's choice among the declared intents: it weighs them, it writes nothing."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.fallback.prompt_parts import parts_for
from appliance.fallback.sentence_patterns import words_of
from appliance.fallback.slot_mentions import by_intent, candidates, mentions
from appliance.fallback.wildcard_values import filled, openings
from appliance.sentences.enumeration import WILDCARD
from appliance.values import Intent, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence

    from appliance.fallback.sentence_patterns import Patterns
    from appliance.fallback.wildcard_values import WildcardSpan
    from appliance.protocols import LanguageModel
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import OptionScores

ARROW = " =>"

EXAMPLES = 2
"""Of each intent, from the operator's own sentences."""

MENU_CHARACTERS = 2_400
"""Of the menu, some 600 tokens; where many intents are declared, each has fewer examples."""

HABIT = 0.5
"""How much of its habit is taken off. Tuned on tests/fixtures/paraphrases_for_tuning.jsonl."""

PROBABLY = 0.5
"""From here on a text is a command that was not understood, and no question to be answered."""

LONGEST = 240
"""Characters of a text that is a command."""


@dataclass(frozen=True, slots=True)
class IntentChoice:
    """What came of asking the model."""

    intent: Intent | None
    """With `by` model; None where it was not sure enough of any."""
    confidence: float
    """Of the likeliest intent, or of none."""
    tokens: Tokens
    perhaps: str | None = None
    """The intent that was probably meant, but not surely enough."""


class IntentChooser:
    """Asks the model which declared intent a text means, and what fills its slots.

    Only an intent of `allowed` can come out, in one of its declared sentences, and only with
    values that the text itself mentions, or for a wildcard with words of the text.
    """

    def __init__(
        self,
        sentences: SentenceSet,
        patterns: Patterns,
        allowed: Iterable[str],
        barred: Container[str] = frozenset(),
    ) -> None:
        """What is `barred` is weighed, so that no other is taken for it, and never comes out."""
        self._barred = barred
        self._sentences = sentences
        self._patterns = patterns
        self._intents = [name for name in sentences.declared if name in set(allowed)]
        self._words = parts_for(sentences.language)
        self._labels = _labels(self._intents, self._words.none)
        self._options = [f" {label}" for label in (*self._labels.values(), self._words.none)]
        said = (*patterns.patterns, *patterns.open)
        self._verbs = {pattern.words[0] for pattern in said if pattern.words}
        self._habit: tuple[float, ...] | None = None
        self.menu = self._menu()
        """What the model reads once, before all texts."""

    def prepare(self, model: LanguageModel, stopping: Callable[[], bool]) -> None:
        """Have the model read the menu, and learn its habits; done by choose() if not before."""
        if self._habit is None and self._intents:
            asked = [
                self._weigh(model, text, self._options, stopping).scores
                for text in self._words.nothing
            ]
            self._habit = tuple(sum(each) / len(asked) for each in zip(*asked, strict=True))

    def choose(
        self, text: str, model: LanguageModel, threshold: float, stopping: Callable[[], bool]
    ) -> IntentChoice:
        """The intent that `text` means, if the model is at least `threshold` sure of it."""
        if len(text) > LONGEST or self._forbids(words_of(text)):
            return IntentChoice(None, 0.0, Tokens())
        meanings, open_ones = self._meanings(text), self._openings(text)
        if not meanings and not open_ones:
            return IntentChoice(
                None, 0.0, Tokens()
            )  # nothing declared can be meant: it is not asked
        self.prepare(model, stopping)
        weighing = self._weigh(model, text, self._options, stopping)
        likely = self._probabilities(weighing.scores, meanings.keys() | open_ones.keys())
        name, sure = max(likely.items(), key=lambda entry: entry[1])
        tokens = Tokens(prompt=weighing.prompt_tokens, cached=weighing.cached_tokens, generated=0)
        if name is None or sure < threshold:
            return IntentChoice(None, sure, tokens, self._perhaps(text, likely))
        if name in self._barred or (name not in meanings and not open_ones[name].whole):
            return IntentChoice(None, sure, tokens, name)
        intent: Intent | None
        if name in meanings:
            intent, share = self._filled(text, name, meanings[name], model, stopping)
        else:
            intent, share = self._opened(text, name, open_ones[name], model, stopping)
        sure = round(sure * share, 3)
        if intent is None or sure < threshold:
            return IntentChoice(None, sure, tokens, name)
        return IntentChoice(Intent(name, intent.slots, sure, "model"), sure, tokens)

    def _meanings(self, text: str) -> dict[str, list[Intent]]:
        """What each allowed intent would mean with what the text mentions."""
        found: dict[str, list[Intent]] = {}
        for name, declared in by_intent(candidates(text, self._patterns)).items():
            if name not in self._labels:
                continue
            for sentence in declared:
                intent = self._sentences.parse(sentence)
                known = [one.slots for one in found.get(name, [])]
                if intent is None or intent.name != name or intent.slots in known:
                    continue
                found.setdefault(name, []).append(intent)
        return found

    def _openings(self, text: str) -> dict[str, WildcardSpan]:
        found = openings(text, self._patterns, self._sentences)
        return {name: opening for name, opening in found.items() if name in self._labels}

    def _forbids(self, words: Sequence[str]) -> bool:
        """Whether the text says not to do something: `do not start`, `don't turn on`."""
        return any(
            word in self._words.negations and following in self._verbs
            for word, following in itertools.pairwise(words)
        )

    def _weigh(
        self,
        model: LanguageModel,
        text: str,
        options: Sequence[str],
        stopping: Callable[[], bool],
        behind: str = "",
    ) -> OptionScores:
        line = f"{' '.join(text.split())}{ARROW}{behind}"
        weighing: OptionScores = model.score_options(self.menu, line, options, stopping)
        return weighing

    def _probabilities(
        self, scores: Sequence[float], possible: Container[str]
    ) -> dict[str | None, float]:
        """Of the intents that are possible at all, against each other and none (None)."""
        habit = self._habit or (0.0,) * len(scores)
        corrected = {
            name: math.exp(score - HABIT * usual)
            for name, score, usual in zip((*self._labels, None), scores, habit, strict=True)
            if name is None or name in possible
        }
        total = sum(corrected.values())
        return {name: round(value / total, 3) for name, value in corrected.items()}

    def _perhaps(self, text: str, likely: dict[str | None, float]) -> str | None:
        """The likeliest intent, where the text is rather a command than a question.

        One that names a room or a device of ours always is: the model knows nothing of it. One
        with a number is, unless the model says that it is none; any other only where the
        model says which.
        """
        name = max((n for n in likely if n is not None), key=lambda n: likely[n])
        found = mentions(text, self._patterns)
        if any(mention.values.keys() - self._patterns.numbers for mention in found):
            return name
        return name if (likely[None] if found else 1 - likely[name]) < PROBABLY else None

    def _filled(
        self,
        text: str,
        name: str,
        meanings: Sequence[Intent],
        model: LanguageModel,
        stopping: Callable[[], bool],
    ) -> tuple[Intent, float]:
        """The slots, and how sure they are: of several ways to fill them the likeliest."""
        if len(meanings) == 1:
            return meanings[0], 1.0
        options = [_spelled(intent.slots) for intent in meanings]
        behind = f" {self._labels[name]},"
        scores = self._weigh(model, text, options, stopping, behind).scores
        best = max(range(len(scores)), key=lambda index: scores[index])
        return meanings[best], math.exp(scores[best])

    def _opened(
        self,
        text: str,
        name: str,
        opening: WildcardSpan,
        model: LanguageModel,
        stopping: Callable[[], bool],
    ) -> tuple[Intent | None, float]:
        """The likeliest of the values that the text has for a wildcard, and how sure it is."""
        slots = opening.intent.slots
        options = [_spelled({**slots, opening.slot: value}) for value in opening.values]
        behind = f" {self._labels[name]},"
        scores = self._weigh(model, text, options, stopping, behind).scores
        best = max(range(len(scores)), key=lambda index: scores[index])
        return filled(opening, opening.values[best], self._sentences), math.exp(scores[best])

    def _menu(self) -> str:
        """Each intent's examples in turn, then the next ones, within the bound."""
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
        fillings = zip(chosen, itertools.cycle(self._words.anything))
        return [line for one in fillings if (line := self._example(name, *one))]

    def _example(self, name: str, sentence: str, filling: str) -> str:
        """A line of the menu; with a wildcard it shows what becomes of what was said there."""
        if WILDCARD not in sentence:
            return f"{sentence}{ARROW} {self._labels[name]}\n"
        said = sentence.replace(WILDCARD, filling)
        intent = self._sentences.parse(said)
        if intent is None or intent.name != name:
            return ""
        return f"{said}{ARROW} {self._labels[name]},{_spelled(intent.slots)}\n"


def _labels(names: Sequence[str], none: str) -> dict[str, str]:
    """An intent's name as words: `HassTurnOn` is `turn on`."""
    labels: dict[str, str] = {}
    for name in names:
        plain = name.removeprefix("Hass") or name
        label = " ".join(re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", plain).lower().split()) or name
        labels[name] = label if label not in (*labels.values(), none) else name
    return labels


def _spelled(slots: Mapping[str, object]) -> str:
    return "".join(f" {slot} {value}" for slot, value in sorted(slots.items()))
