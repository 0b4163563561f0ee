"""From sound to a declared sentence, or to an honest refusal."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from appliance.decoding.calibration import Calibration
from appliance.decoding.contradiction import Evidence, contradicts
from appliance.decoding.decoder import decode
from appliance.decoding.score_fusion import ModelOpinion, together
from appliance.decoding.search_types import Candidate, Decoding, Scorer, SearchEffort

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from appliance.grammar.grammar import Grammar
    from appliance.grammar.parse import ParsedSentence
    from appliance.grammar.token_mask import TokenVocabulary, TokenWalk


class SpeechScorer(Scorer, Protocol):
    """Sound that a model has encoded."""

    @property
    def silent(self) -> bool:
        """Whether there is no sound at all; nothing can be asked then."""

    @property
    def seconds(self) -> float:
        """Length without the silence around it."""

    @property
    def no_speech(self) -> float | None:
        """Probability that nobody spoke; known once something was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What speaks against a result; found with tests/measure, see docs/measurements/accuracy.md."""

    no_speech: float = 0.6
    """Probability from which "nobody spoke" is believed."""
    least_confidence: float = 0.7
    """A result that is less likely to be right is refused."""
    wildcard_deficit: float = 0.8
    """With a wildcard, which fits any words, the declared ones must fit better than this."""
    doubt: float = 0.97
    """A result less sure than this is put to the second model, if there is one."""
    worth_asking: float = 0.4
    """Where no sentence was heard, but one is spelled no farther from what was, per letter, the
    second model is asked, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognisedSentence:
    """What was said, as far as the grammar goes."""

    text: str
    """The allowed sentence that fits best; empty where none was reached."""
    reading: ParsedSentence | None
    """What it means; None when it was refused."""
    refused: str | None
    """Why: `silence`, `no_speech`, `no_sentence` or `unlikely`; None for a result."""
    confidence: float
    """Probability of intent and slots being right, 0.0 to 1.0."""
    free_text: str
    """What the model would have written without a grammar."""
    score: float | None
    """Natural log probability per token of the sentence."""
    free_score: float | None
    """The same of the free text."""
    deficit: float | None
    """What the free text scores better, per token of the declared words; 0.0 at least."""
    margin: float | None
    """Lead over the best sentence of another meaning that was tried, nats; inf without one."""
    declared: float | None
    """Share of the sentence's letters that no wildcard took, 0.0 to 1.0."""
    no_speech: float | None
    distance: float
    """Of the free text to the sentence that is spelled most like it; see Decoding."""
    calls: int
    tokens: int
    opinions: int = 1
    """Models that were asked."""
    alone: RecognisedSentence | None = None
    """What the first of two makes of it by itself."""

    @property
    def intent(self) -> str | None:
        """Name of the intent."""
        return self.reading.intent if self.reading else None

    @property
    def slots(self) -> Mapping[str, Any]:
        """Of the intent; none when refused."""
        return self.reading.slots if self.reading else {}


@dataclass(slots=True)
class _Meant:
    """A meaning, its best candidate, and the score of all its candidates together."""

    candidate: Candidate
    text: str
    reading: ParsedSentence
    together: float = -math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceRecogniser:
    """How to understand: a model's words and the bounds that were measured for it."""

    vocabulary: TokenVocabulary
    spell: Callable[[Sequence[int]], str]
    """The text of tokens."""
    effort: SearchEffort = field(default_factory=SearchEffort)
    refusal: Refusal = field(default_factory=Refusal)
    calibration: Calibration = field(default_factory=Calibration)
    second: SentenceRecogniser | None = None
    """Another model's; its calibration is that of the two together."""

    def understand(
        self,
        hearing: SpeechScorer,
        grammar: Grammar,
        again: Callable[[], SpeechScorer] | None = None,
    ) -> RecognisedSentence:
        """Find the sentence of the grammar that was said; the same input, the same result.

        Args:
            hearing: the sound as the model hears it.
            grammar: what may be said.
            again: gives it as the second model hears it; asked where there is a doubt.

        """
        if hearing.silent:
            return _nothing("silence")
        opinion = self._opinion(hearing, grammar)
        found = self._judged(opinion.decoding, grammar, hearing.no_speech)
        if self.second is None or again is None or not self.in_doubt(found):
            return found
        other = again()
        both = together(opinion, self.second._opinion(other, grammar))  # noqa: SLF001
        nobody = min(hearing.no_speech or 0.0, other.no_speech or 0.0)
        judge = replace(self, calibration=self.second.calibration)
        return replace(judge._judged(both, grammar, nobody), opinions=2, alone=found)  # noqa: SLF001

    def _opinion(self, hearing: SpeechScorer, grammar: Grammar) -> ModelOpinion:
        walk: TokenWalk = grammar.walk(self.vocabulary)
        return ModelOpinion(hearing, walk, self.effort, decode(hearing, walk, self.effort))

    def in_doubt(self, found: RecognisedSentence) -> bool:
        """Whether a sentence is near, and not surely the one."""
        if found.refused == "no_sentence":
            return found.distance <= self.refusal.worth_asking and self.refusal.doubt > 0.0
        return found.refused != "no_speech" and found.confidence < self.refusal.doubt

    def _readings(self, decoding: Decoding, grammar: Grammar) -> list[_Meant]:
        """The meanings of the candidates, best first; several texts of one speak for it."""
        found: dict[Any, _Meant] = {}
        for candidate in decoding.candidates:
            text = self.spell(candidate.tokens)
            for reading in grammar.readings(text)[:1]:
                best = found.setdefault(reading.meaning, _Meant(candidate, text, reading))
                best.together = float(np.logaddexp(best.together, candidate.standing))
        return sorted(found.values(), key=lambda one: -one.together)

    def _judged(
        self, decoding: Decoding, grammar: Grammar, no_speech: float | None
    ) -> RecognisedSentence:
        meant = self._readings(decoding, grammar)
        free, free_tokens = decoding.free.score, len(decoding.free.tokens) + 1
        best = meant[0] if meant else None
        if best is None:
            fit, deficit, margin, declared, confidence = None, None, None, None, 0.0
        else:
            margin = best.together - meant[1].together if meant[1:] else math.inf
            score, tokens = best.candidate.score, len(best.candidate.tokens) + 1
            fit = score / tokens
            # Free words of a wildcard are no evidence for the words around it.
            taken = best.reading.free_characters
            declared = 1 - taken / max(1, len(best.text))
            deficit = max(0.0, free - score) / max(1.0, tokens * declared)
            confidence = self.calibration.confidence(min(fit, -deficit), deficit, margin, declared)
            evidence = Evidence(surplus=free - score, deficit=deficit, fit=free / free_tokens)
            if self._another_was_said(best, decoding.heard, grammar.language, evidence):
                confidence = 0.0
        refused = self._refused(best is None, confidence, no_speech)
        return RecognisedSentence(
            text=best.text if best else "",
            reading=best.reading if best and refused is None else None,
            refused=refused,
            confidence=confidence,
            free_text=self.spell(decoding.free.tokens),
            score=fit,
            free_score=free / free_tokens,
            deficit=deficit,
            margin=margin,
            declared=declared,
            no_speech=no_speech,
            distance=decoding.distance,
            calls=decoding.calls,
            tokens=decoding.tokens,
        )

    def _another_was_said(
        self, best: _Meant, heard: str, language: str, evidence: Evidence
    ) -> bool:
        if best.reading.free_characters:  # a wildcard fits whatever was said
            return evidence.deficit > self.refusal.wildcard_deficit
        return contradicts(heard, best.text, language, evidence)

    def _refused(self, nothing: bool, confidence: float, no_speech: float | None) -> str | None:  # noqa: FBT001
        if nothing:
            return "no_sentence"
        if no_speech is not None and no_speech > self.refusal.no_speech:
            return "no_speech"
        # So that what is no number is refused, too.
        return None if confidence >= self.refusal.least_confidence else "unlikely"


def _nothing(why: str) -> RecognisedSentence:
    return RecognisedSentence(
        text="",
        reading=None,
        refused=why,
        confidence=0.0,
        free_text="",
        score=None,
        free_score=None,
        deficit=None,
        margin=None,
        declared=None,
        no_speech=1.0,
        distance=math.inf,
        calls=0,
        tokens=0,
    )
