"""Recognises a declared sentence in sound, or rejects the sound with a reason."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from appliance.decoding.calibration import Calibration, under_prior
from appliance.decoding.contradiction import any_contradicts, has_other_number, objection
from appliance.decoding.longer_sentences import may_be_longer_one, texts_to_compare
from appliance.decoding.meanings import declared_sentences_near, is_contested, meanings_of
from appliance.decoding.search_types import Decoding, HeardWord, Scorer, SearchEffort
from appliance.decoding.several_commands import several_commands_near
from appliance.decoding.two_model_fusion import ModelOpinion
from appliance.text.normalise import normalise
from appliance.values import RunnerUp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from appliance.decoding.meanings import Meaning
    from appliance.decoding.two_model_fusion import ScoreFusion
    from appliance.grammar.grammar import Grammar
    from appliance.grammar.text_parser import ParsedSentence
    from appliance.grammar.token_mask import TokenVocabulary


class SpeechScorer(Scorer, Protocol):
    """Sound that a model has encoded."""

    @property
    def silent(self) -> bool:
        """Whether there is no sound. Then the model must not be called."""

    @property
    def seconds(self) -> float:
        """Length without the silence around it."""

    @property
    def no_speech(self) -> float | None:
        """Probability that nobody spoke; known after the first continuation."""


LARGEST_LEAD_NATS = 10.0
"""Bound of the lead that is told; a larger one says no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectionLimits:
    """When a result is rejected or the second model is asked.

    The numbers were measured, see docs/measurements/accuracy.md.
    """

    no_speech: float = 0.6
    """A result is rejected if the probability that nobody spoke is higher and the confidence is
    below `despite_no_speech`. Whisper gives a single short word a high value, too."""
    despite_no_speech: float = 0.95
    least_confidence: float = 0.7
    """A result is rejected if its confidence is lower."""
    wildcard_deficit: float = 0.8
    """A sentence with a wildcard is rejected if its deficit is higher, in nats per token. A
    wildcard fits any words, so the declared words must fit well."""
    second_model_below: float = 0.7
    """The second model is asked if the confidence is lower; 0.0 never asks it. It helps with
    refused sentences; of accepted ones it rejected more right results than wrong ones."""
    second_model_distance: float = 0.4
    """If the search found no sentence, the second model is asked if the spelling distance to the
    nearest sentence is at most this, per letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognisedSentence:
    """The allowed sentence that fits the sound best, and how well it fits."""

    text: str
    """The sentence; empty if none was reached."""
    reading: ParsedSentence | None
    """The meaning; None if the result was rejected."""
    meant: ParsedSentence | None
    """The meaning, even if the result was rejected; None if no sentence was reached."""
    refused: str | None
    """Reason of a rejection: `silence`, `no_speech`, `no_sentence` or `unlikely`; otherwise
    None."""
    confidence: float
    """Probability that intent and slots are right, 0.0 to 1.0."""
    free_text: str
    """The text that the model writes without a grammar."""
    score: float | None
    """Natural log probability per token of the sentence."""
    free_score: float | None
    """Natural log probability per token of the free text."""
    deficit: float | None
    """Lead of the free text over the sentence, nats per token of the declared words; at least
    0.0."""
    margin: float | None
    """Lead over the best sentence of another meaning that was scored, nats; inf without one."""
    declared_share: float | None
    """Share of the sentence's letters that no wildcard took, 0.0 to 1.0."""
    objection: float
    """Evidence of clearly heard words against it; see `contradiction.objection`."""
    no_speech: float | None
    """Probability that nobody spoke."""
    distance: float
    """Spelling distance from the free text to the nearest sentence; see `Decoding`."""
    heard: tuple[HeardWord, ...]
    """The words of the free text, by the second model if two were asked."""
    seconds: float
    """Length of the sound without the silence around it."""
    calls: int
    tokens: int
    models_asked: int = 1
    by_first_model: RecognisedSentence | None = None
    """The result of the first model, if two were asked."""
    second: Meaning | None = None
    """The next meaning that was scored."""

    @property
    def runner_up(self) -> RunnerUp | None:
        """The next meaning; of what was rejected, the nearest one."""
        if self.refused == "unlikely" and self.meant is not None:
            return _runner_up(self.text, self.meant)
        if self.reading is None or self.second is None:
            return None
        behind = math.exp(min(max(0.0, self.margin or 0.0), LARGEST_LEAD_NATS))
        return _runner_up(self.second.text, self.second.reading, round(behind, 1))

    def under_prior(self, prior: float, limits: RejectionLimits) -> RecognisedSentence:
        """The result, accepted or rejected again with `prior` as the probability of a command."""
        if self.meant is None or self.refused not in (None, "unlikely"):
            return self
        confidence = under_prior(self.confidence, prior)
        taken = confidence >= limits.least_confidence
        return replace(
            self,
            confidence=confidence,
            refused=None if taken else "unlikely",
            reading=self.meant if taken else None,
        )

    @property
    def intent(self) -> str | None:
        """Name of the intent."""
        return self.reading.intent if self.reading else None

    @property
    def slots(self) -> Mapping[str, Any]:
        """Slots of the intent; empty if the result was rejected."""
        return self.reading.slots if self.reading else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceRecogniser:
    """Recognises sentences of a grammar: a model's vocabulary, and the bounds measured for it."""

    vocabulary: TokenVocabulary
    spell: Callable[[Sequence[int]], str]
    """The text of tokens."""
    effort: SearchEffort = field(default_factory=SearchEffort)
    limits: RejectionLimits = field(default_factory=RejectionLimits)
    calibration: Calibration = field(default_factory=Calibration)
    fusion: ScoreFusion | None = None
    """Search with the second model and fusion of both results; None without one."""

    def recognise(
        self,
        speech: SpeechScorer,
        grammar: Grammar,
        encode_for_second: Callable[[], SpeechScorer] | None = None,
    ) -> RecognisedSentence:
        """Find the sentence of the grammar that was said; the same input gives the same result.

        Args:
            speech: the sound, encoded by the first model.
            grammar: what may be said.
            encode_for_second: encodes it by the second model; called only in doubt.

        """
        if speech.silent:
            return _rejected_unheard("silence")
        opinion = ModelOpinion.of(speech, grammar.walk(self.vocabulary), self.effort)
        texts = declared_sentences_near(opinion.decoding, grammar, self.spell, self.effort)
        texts += several_commands_near(opinion.decoding, grammar, self.spell, self.effort)
        opinion = opinion.with_texts(texts)
        found = self._judge(
            opinion.decoding, grammar, speech.no_speech, speech.seconds, self.calibration
        )
        if found.reading is not None:
            found = self._unless_longer(found, grammar, [(speech, self.vocabulary)])
            if found.reading is None:
                return found
        if self.fusion is None or encode_for_second is None or not self.is_doubtful(found):
            return found
        second = encode_for_second()
        # The heard words contradict every sentence; only a sentence heard word for word is
        # accepted.
        ruled_out = found.meant is not None and found.confidence <= 0.0
        decoding = self.fusion.fuse(opinion, second, grammar, verbatim=ruled_out)
        if decoding is None:
            return replace(found, calls=found.calls + 1, models_asked=2, by_first_model=found)
        no_speech = min(speech.no_speech or 0.0, second.no_speech or 0.0)
        by_both = self._judge(decoding, grammar, no_speech, speech.seconds, self.fusion.calibration)
        by_both = replace(by_both, models_asked=2, by_first_model=found)
        models = [(speech, self.vocabulary), (second, self.fusion.vocabulary)]
        return self._unless_longer(by_both, grammar, models)

    def _unless_longer(
        self,
        found: RecognisedSentence,
        grammar: Grammar,
        models: Sequence[tuple[SpeechScorer, TokenVocabulary]],
    ) -> RecognisedSentence:
        """The result; rejected if a longer sentence is as likely by one of the models."""
        if found.reading is None:
            return found
        plain, heard = normalise(found.text), normalise(found.free_text)
        for speech, vocabulary in models:
            texts = texts_to_compare(grammar.walk(vocabulary), plain, heard, grammar.language)
            if texts:
                tokens = found.tokens + sum(map(len, texts))
                found = replace(found, calls=found.calls + 1, tokens=tokens)
                if may_be_longer_one(speech.likelihoods(texts)):
                    return replace(found, reading=None, refused="unlikely", confidence=0.0)
        return found

    def is_doubtful(self, found: RecognisedSentence) -> bool:
        """Whether a sentence is near, but not certain."""
        if found.refused == "no_sentence":
            near = found.distance <= self.limits.second_model_distance
            return near and self.limits.second_model_below > 0.0
        return found.refused != "no_speech" and found.confidence < self.limits.second_model_below

    def _judge(
        self,
        decoding: Decoding,
        grammar: Grammar,
        no_speech: float | None,
        seconds: float,
        calibration: Calibration,
    ) -> RecognisedSentence:
        meanings = meanings_of(decoding, grammar, self.spell)
        free, free_tokens = decoding.free.score, len(decoding.free.tokens) + 1
        best = meanings[0] if meanings else None
        fit = deficit = margin = declared = None
        against = confidence = 0.0
        if best is not None:
            margin = best.score - meanings[1].score if meanings[1:] else math.inf
            score, tokens = best.best.score, len(best.best.tokens) + 1
            fit = score / tokens
            # Free words of a wildcard are no evidence for the words around it.
            declared = 1 - best.reading.wildcard_characters / max(1, len(best.text))
            deficit = max(0.0, free - score) / max(1.0, tokens * declared)
            surplus, plain = free - score, normalise(best.text)
            heard, language = decoding.heard, grammar.language
            if best.reading.wildcard_characters:  # a wildcard fits whatever was said
                ruled_out = (
                    deficit > self.limits.wildcard_deficit
                    or is_contested(meanings)
                    or has_other_number(heard, plain, language)
                )
            else:
                against = objection(heard, plain, language, surplus)
                hearings = [heard, decoding.heard_by_first] if decoding.heard_by_first else [heard]
                ruled_out = any_contradicts(hearings, plain, language, surplus, grammar.words)
            if not ruled_out:
                confidence = calibration.confidence(
                    min(fit, -deficit), deficit, margin, declared, against
                )
        refused = self._rejection_reason(best, confidence, no_speech)
        return RecognisedSentence(
            text=best.text if best else "",
            reading=best.reading if best and refused is None else None,
            meant=best.reading if best else None,
            refused=refused,
            confidence=confidence,
            free_text=self.spell(decoding.free.tokens),
            score=fit,
            free_score=free / free_tokens,
            deficit=deficit,
            margin=margin,
            declared_share=declared,
            objection=against,
            no_speech=no_speech,
            distance=decoding.distance,
            heard=decoding.heard,
            seconds=seconds,
            calls=decoding.calls,
            tokens=decoding.tokens,
            second=meanings[1] if meanings[1:] else None,
        )

    def _rejection_reason(
        self,
        best: Meaning | None,
        confidence: float,
        no_speech: float | None,
    ) -> str | None:
        if best is None:
            return "no_sentence"
        silent = no_speech is not None and no_speech > self.limits.no_speech
        if silent and not confidence >= self.limits.despite_no_speech:
            return "no_speech"
        # Not "<", which would let NaN pass.
        return None if confidence >= self.limits.least_confidence else "unlikely"


def _runner_up(
    text: str, reading: ParsedSentence, times_less_likely: float | None = None
) -> RunnerUp:
    return RunnerUp(
        text=text,
        intent=reading.intent,
        slots=dict(reading.slots),
        times_less_likely=times_less_likely,
    )


def _rejected_unheard(reason: str) -> RecognisedSentence:
    return RecognisedSentence(
        text="",
        reading=None,
        meant=None,
        refused=reason,
        confidence=0.0,
        free_text="",
        score=None,
        free_score=None,
        deficit=None,
        margin=None,
        declared_share=None,
        objection=0.0,
        no_speech=1.0,
        distance=math.inf,
        heard=(),
        seconds=0.0,
        calls=0,
        tokens=0,
    )
