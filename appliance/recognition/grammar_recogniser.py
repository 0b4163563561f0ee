"""Speech at the device: Whisper held to what may be said, joined to the sentences."""

from __future__ import annotations

import dataclasses
import threading
from collections import deque
from typing import TYPE_CHECKING

from appliance.decoding.score_fusion import ScoreFusion
from appliance.decoding.search_types import SearchEffort
from appliance.decoding.sentence_recogniser import RecognisedSentence, SentenceRecogniser
from appliance.engines.whisper.end_of_utterance import sounds_finished
from appliance.errors import Interrupted
from appliance.grammar.grammar import Grammar
from appliance.grammar.token_mask import TokenVocabulary
from appliance.recognition.free_recogniser import spoken_text
from appliance.recognition.recogniser import Heard
from appliance.values import SAMPLE_RATE, Intent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from appliance.decoding.calibration import Calibration
    from appliance.decoding.sentence_recogniser import RejectionLimits
    from appliance.engines.whisper.encoded_audio import EncodedAudio, GreedyContinuation
    from appliance.engines.whisper.model import Whisper
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Samples

LONGEST_COMMAND = 28.0
"""Seconds; what takes longer to say is no command, and Whisper could not hear it in one piece."""


class InterruptibleScorer:
    """A hearing that is given up, between two questions, once nobody wants the answer."""

    def __init__(self, hearing: EncodedAudio, outdated: Callable[[], bool]) -> None:
        self._hearing = hearing
        self._outdated = outdated
        self.silent = hearing.silent
        self.seconds = hearing.seconds

    @property
    def no_speech(self) -> float | None:
        """Probability that nobody spoke; known once something was written."""
        return self._hearing.no_speech

    def continuations(
        self, prefixes: Sequence[tuple[int, ...]], further: int
    ) -> list[GreedyContinuation]:
        """As the hearing's own; Interrupted where the answer is not wanted any more."""
        break_off(self._outdated)
        return self._hearing.continuations(prefixes, further)

    def likelihoods(self, texts: Sequence[tuple[int, ...]]) -> list[float]:
        """As the hearing's own; Interrupted where the answer is not wanted any more."""
        break_off(self._outdated)
        return self._hearing.likelihoods(texts)


def break_off(outdated: Callable[[], bool]) -> None:
    """Interrupted where what is worked on is not wanted any more."""
    if outdated():
        raise Interrupted("more has been said meanwhile")


SECOND_MODEL_EFFORT = SearchEffort(max_calls=16)
"""The second model is asked only about hard sentences; ten calls missed some."""


@dataclasses.dataclass(frozen=True, slots=True)
class SecondModel:
    """The model that is asked if the first is in doubt."""

    whisper: Whisper
    calibration: Calibration
    """Of the scores of both together."""

    def fusion(self) -> ScoreFusion:
        """How its scores join those of the first model."""
        return ScoreFusion(
            vocabulary=TokenVocabulary.of(self.whisper.tokens, self.whisper.end),
            effort=SECOND_MODEL_EFFORT,
            calibration=self.calibration,
        )


class GrammarRecogniser:
    """Hears one of the sentences, or says that it was none of them."""

    def __init__(
        self,
        whisper: Whisper,
        *,
        limits: RejectionLimits,
        calibration: Calibration,
        cache: Path | None,
        second: SecondModel | None = None,
    ) -> None:
        """`cache` is a folder for compiled grammars, the appliance's own; None keeps none."""
        self.name = whisper.name
        self._whisper = whisper
        self._second = second
        self._both = None if second is None else f"{whisper.name}+{second.whisper.name}"
        self._cache = cache
        self._limits = limits
        self._sentence_recogniser = SentenceRecogniser(
            vocabulary=TokenVocabulary.of(whisper.tokens, whisper.end),
            spell=whisper.text,
            limits=limits,
            calibration=calibration,
            fusion=None if second is None else second.fusion(),
        )
        # More will be said soon, so sentences that are only spelled alike are not looked up.
        quick = SearchEffort(candidate_rounds=0)
        self._quick_recogniser = dataclasses.replace(
            self._sentence_recogniser, effort=quick, fusion=None
        )
        self._lock = threading.Lock()
        self._compiled: deque[tuple[SentenceSet, Grammar]] = deque(maxlen=2)
        """Those in force and, while they are exchanged, the next."""

    def prepare(self, sentences: SentenceSet) -> Grammar:
        """Compile the grammar of `sentences`, so that nobody who speaks has to wait for it.

        Raises:
            SentencesError: they allow nothing, or name what is not there.

        """
        with self._lock:
            for known, grammar in self._compiled:
                if known is sentences:
                    return grammar
            grammar = Grammar.of(sentences.intents, cache=self._cache)
            grammar.prepare(self._sentence_recogniser.vocabulary)
            if self._sentence_recogniser.fusion is not None:
                grammar.prepare(self._sentence_recogniser.fusion.vocabulary)
            self._compiled.append((sentences, grammar))
            return grammar

    def understand(
        self,
        samples: Samples,
        sentences: SentenceSet,
        stage: Callable[[str], None] = lambda _: None,
    ) -> tuple[RecognisedSentence, EncodedAudio]:
        """All that was found out about a sound of at most LONGEST_COMMAND seconds."""
        hearing = self._whisper.encode(samples, sentences.language)
        stage("encode")
        again = self._again(samples, sentences)
        return self._sentence_recogniser.recognise(hearing, self.prepare(sentences), again), hearing

    def look(
        self,
        samples: Samples,
        sentences: SentenceSet,
        *,
        thorough: bool,
        outdated: Callable[[], bool],
    ) -> tuple[RecognisedSentence, EncodedAudio]:
        """The same of what is still being said, in less time unless it is to be `thorough`.

        Raises:
            EngineError: the model failed; Interrupted, which is one, where it became outdated.

        """
        break_off(outdated)
        hearing = self._whisper.encode(samples, sentences.language)
        ear, grammar = InterruptibleScorer(hearing, outdated), self.prepare(sentences)
        if not thorough:
            found = self._quick_recogniser.recognise(ear, grammar)
            if found.reading is None or not self._sentence_recogniser.is_doubtful(found):
                return found, hearing
        # Here, too, where a glance may be taken for the result and is not sure enough for that.
        again = self._again(samples, sentences, outdated)
        return self._sentence_recogniser.recognise(ear, grammar, again), hearing

    def _again(
        self,
        samples: Samples,
        sentences: SentenceSet,
        outdated: Callable[[], bool] = lambda: False,
    ) -> Callable[[], InterruptibleScorer] | None:
        """Has the second model hear the sound; None without one, and on a board that is hot."""
        if self._second is None or not self._whisper.allow_full_window:
            return None
        whisper = self._second.whisper

        def hear() -> InterruptibleScorer:
            break_off(outdated)
            return InterruptibleScorer(whisper.encode(samples, sentences.language), outdated)

        return hear

    def sounds_over(self, samples: Samples, sentences: SentenceSet, text: str) -> bool:
        """Whether a sound that says `text` ends as a sentence ends."""
        return sounds_finished(self._whisper, samples, sentences.language, text)

    def recognise(
        self, samples: Samples, sentences: SentenceSet, stage: Callable[[str], None]
    ) -> Heard:
        if len(samples) > LONGEST_COMMAND * SAMPLE_RATE:
            return self._written_down(samples, sentences, stage)
        self.prepare(sentences)  # before the clock of the first stage
        found, hearing = self.understand(samples, sentences, stage)
        stage("decode")
        return self.conclude(found, hearing, stage)

    def conclude(
        self, found: RecognisedSentence, hearing: EncodedAudio, stage: Callable[[str], None]
    ) -> Heard:
        """What was understood, as everybody wants it; where nothing was, what was said."""
        by = self._both if found.models_asked > 1 else None
        if found.reading is not None:
            reading, confidence = found.reading, found.confidence
            intent = Intent(reading.intent, dict(reading.slots), confidence=confidence)
            return Heard(found.text, intent, confidence, by=by)
        if found.refused in ("silence", "no_speech"):
            return Heard("")
        # For the owner to read, and for what comes next.
        transcript = self._whisper.transcript(hearing)
        stage("transcribe")
        text = spoken_text(transcript, self._limits.no_speech)
        return Heard(text, None, transcript.confidence, by=by)

    def _written_down(
        self, samples: Samples, sentences: SentenceSet, stage: Callable[[str], None]
    ) -> Heard:
        transcript = self._whisper.transcribe(samples, sentences.language)
        stage("transcribe")
        return Heard(spoken_text(transcript, self._limits.no_speech), None, transcript.confidence)
