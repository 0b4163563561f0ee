"""Constrained recognition: Whisper decodes under the grammar of the declared sentences."""

from __future__ import annotations

import dataclasses
import threading
from collections import deque
from typing import TYPE_CHECKING

from appliance.decoding.calibration import USUAL_PRIOR
from appliance.decoding.search_types import SearchEffort
from appliance.decoding.sentence_recogniser import RecognisedSentence, SentenceRecogniser
from appliance.decoding.two_model_fusion import ScoreFusion
from appliance.engines.whisper.next_punctuation import sounds_finished
from appliance.errors import Interrupted
from appliance.grammar.token_mask import TokenVocabulary
from appliance.recognition.free_recogniser import spoken_text
from appliance.recognition.recogniser_interface import RecognisedSpeech
from appliance.values import SAMPLE_RATE, Intent, Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from appliance.decoding.calibration import Calibration
    from appliance.decoding.sentence_recogniser import RejectionLimits
    from appliance.engines.whisper.encoded_audio import EncodedAudio, GreedyContinuation
    from appliance.engines.whisper.model import Whisper
    from appliance.grammar.grammar import Grammar
    from appliance.grammar.lazy_automaton import Automaton
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Samples

LONGEST_COMMAND_S = 28.0
"""Longest command, in seconds; Whisper could not decode a longer one in one piece."""


class InterruptibleScorer:
    """A scorer that stops between two calls if its answer is not needed any more."""

    def __init__(self, audio: EncodedAudio, outdated: Callable[[], bool]) -> None:
        self._audio = audio
        self._outdated = outdated
        self.silent = audio.silent
        self.seconds = audio.seconds

    @property
    def no_speech(self) -> float | None:
        """Probability that nobody spoke; known after the first call."""
        return self._audio.no_speech

    def continuations(
        self, prefixes: Sequence[tuple[int, ...]], further: int
    ) -> list[GreedyContinuation]:
        """As of the audio; Interrupted if the answer is not needed any more."""
        stop_if_outdated(self._outdated)
        return self._audio.continuations(prefixes, further)

    def likelihoods(self, texts: Sequence[tuple[int, ...]]) -> list[float]:
        """As of the audio; Interrupted if the answer is not needed any more."""
        stop_if_outdated(self._outdated)
        return self._audio.likelihoods(texts)


def stop_if_outdated(outdated: Callable[[], bool]) -> None:
    """Interrupted if more has been said meanwhile."""
    if outdated():
        raise Interrupted("more has been said meanwhile")


SECOND_MODEL_EFFORT = SearchEffort(max_calls=16)
"""The second model is asked only about hard sentences; ten calls missed some."""


@dataclasses.dataclass(frozen=True, slots=True)
class SecondModel:
    """The model that is asked if the first is in doubt."""

    whisper: Whisper
    calibration: Calibration
    """Calibration of the fused scores."""

    def fusion(self) -> ScoreFusion:
        """The fusion of its scores with those of the first model."""
        return ScoreFusion(
            vocabulary=TokenVocabulary.of(self.whisper.tokens, self.whisper.end),
            effort=SECOND_MODEL_EFFORT,
            calibration=self.calibration,
        )


class GrammarRecogniser:
    """Recognises one of the sentences, or rejects the sound."""

    def __init__(
        self,
        whisper: Whisper,
        *,
        limits: RejectionLimits,
        calibration: Calibration,
        prior: Mapping[str, float] | None = None,
        second: SecondModel | None = None,
    ) -> None:
        """`prior` is the probability that speech is a command, by `Trigger`; None: the usual."""
        self.name = whisper.name
        self._whisper = whisper
        self._second = second
        self._both = None if second is None else f"{whisper.name}+{second.whisper.name}"
        self._limits = limits
        self._prior = prior or {}
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
        self._prepared: deque[Automaton] = deque(maxlen=4)
        """Automata of the current grammar, of the next one during a reload, and with clients'
        names."""

    def prepare(self, sentences: SentenceSet) -> Grammar:
        """Compile the grammar of `sentences`, so that no speaker waits for it.

        Raises:
            SentencesError: they allow nothing, or name what is not there.

        """
        grammar = sentences.grammar
        with self._lock:
            if grammar.automaton not in self._prepared:
                grammar.prepare(self._sentence_recogniser.vocabulary)
                if self._sentence_recogniser.fusion is not None:
                    grammar.prepare(self._sentence_recogniser.fusion.vocabulary)
                self._prepared.append(grammar.automaton)
        return grammar

    def decode(
        self,
        samples: Samples,
        sentences: SentenceSet,
        stage: Callable[[str], None] = lambda _: None,
    ) -> tuple[RecognisedSentence, EncodedAudio]:
        """Decode a sound of at most LONGEST_COMMAND_S; what was found, and the encoded sound."""
        audio = self._whisper.encode(samples, sentences.language)
        stage("encode")
        second = self._second_opinion(samples, sentences)
        return self._sentence_recogniser.recognise(audio, self.prepare(sentences), second), audio

    def decode_early(
        self,
        samples: Samples,
        sentences: SentenceSet,
        *,
        thorough: bool,
        outdated: Callable[[], bool],
    ) -> tuple[RecognisedSentence, EncodedAudio]:
        """Decode a sentence that is still being spoken, with less effort unless `thorough`.

        Raises:
            EngineError: the model failed; Interrupted, which is one, if it became outdated.

        """
        stop_if_outdated(outdated)
        audio = self._whisper.encode(samples, sentences.language)
        scorer, grammar = InterruptibleScorer(audio, outdated), self.prepare(sentences)
        if not thorough:
            found = self._quick_recogniser.recognise(scorer, grammar)
            if found.reading is None or not self._sentence_recogniser.is_doubtful(found):
                return found, audio
        # Also if the quick result is doubtful: it may become the result of the whole sentence.
        second = self._second_opinion(samples, sentences, outdated)
        return self._sentence_recogniser.recognise(scorer, grammar, second), audio

    def _second_opinion(
        self,
        samples: Samples,
        sentences: SentenceSet,
        outdated: Callable[[], bool] = lambda: False,
    ) -> Callable[[], InterruptibleScorer] | None:
        """Encodes the sound for the second model; None without one, and on a hot board."""
        if self._second is None or not self._whisper.allow_full_window:
            return None
        whisper = self._second.whisper

        def encode() -> InterruptibleScorer:
            stop_if_outdated(outdated)
            return InterruptibleScorer(whisper.encode(samples, sentences.language), outdated)

        return encode

    def sounds_finished(self, samples: Samples, sentences: SentenceSet, text: str) -> bool:
        """Whether the voice that says `text` sounds as if the sentence is over."""
        return sounds_finished(self._whisper, samples, sentences.language, text)

    def recognise(
        self,
        samples: Samples,
        sentences: SentenceSet,
        stage: Callable[[str], None],
        must_stop: Callable[[], bool] = lambda: False,
        trigger: Trigger = Trigger.REQUEST,
    ) -> RecognisedSpeech:
        if len(samples) > LONGEST_COMMAND_S * SAMPLE_RATE:
            return self._transcribe(samples, sentences, stage, must_stop)
        self.prepare(sentences)  # before the clock of the first stage
        found, audio = self.decode(samples, sentences, stage)
        stage("decode")
        return self.conclude(found, audio, stage, trigger)

    def conclude(
        self,
        found: RecognisedSentence,
        audio: EncodedAudio,
        stage: Callable[[str], None],
        trigger: Trigger = Trigger.REQUEST,
    ) -> RecognisedSpeech:
        """The intent that was found; without one, the words that were heard."""
        request = self._prior.get(Trigger.REQUEST, USUAL_PRIOR)
        prior = self._prior.get(trigger, request)  # a file is a request, too
        found = found.under_prior(prior, self._limits)
        by = self._both if found.models_asked > 1 else None
        if found.reading is not None:
            reading, confidence = found.reading, found.confidence
            if reading.lacks_area:  # the next stage says what is missing
                return RecognisedSpeech(found.text, (), confidence, by, found.runner_up)
            intents = tuple(
                Intent(one.intent, dict(one.slots), confidence=confidence)
                for one in reading.parts or (reading,)
            )
            return RecognisedSpeech(found.text, intents, confidence, by, found.runner_up)
        if found.refused in ("silence", "no_speech"):
            return RecognisedSpeech("")
        # For the operator to read, and for the next stages.
        transcript = self._whisper.transcript(audio)
        stage("transcribe")
        text = spoken_text(transcript, self._limits.no_speech)
        return RecognisedSpeech(text, (), transcript.confidence, by, found.runner_up)

    def _transcribe(
        self,
        samples: Samples,
        sentences: SentenceSet,
        stage: Callable[[str], None],
        must_stop: Callable[[], bool],
    ) -> RecognisedSpeech:
        transcript = self._whisper.transcribe(samples, sentences.language, must_stop)
        stage("transcribe")
        return RecognisedSpeech(
            spoken_text(transcript, self._limits.no_speech), (), transcript.confidence
        )
