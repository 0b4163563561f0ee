"""Recognition as one service: early looks and whole recordings take turns with the models."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
from typing import TYPE_CHECKING

from appliance.errors import EngineError, Interrupted
from appliance.events import WordsHeard
from appliance.recognition.early_looks import EarlyLooks
from appliance.recognition.early_recogniser import EarlyRecogniser
from appliance.recognition.free_recogniser import spoken_text
from appliance.recognition.grammar_recogniser import GrammarRecogniser
from appliance.recognition.inference_turns import InferenceTurns, Urgency
from appliance.threads import LoopBody
from appliance.values import Pace, SentenceProgress, Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from appliance.decoding.sentence_recogniser import RecognisedSentence
    from appliance.engines.whisper.encoded_audio import EncodedAudio
    from appliance.events import EventBus
    from appliance.protocols import LanguageModel
    from appliance.recognition.early_looks import LookRequest
    from appliance.recognition.recogniser_interface import RecognisedSpeech
    from appliance.recognition.speech_models import SpeechModelLoader, SpeechModels
    from appliance.sentences.active_sentences import ActiveSentences
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Samples, Transcript

logger = logging.getLogger(__name__)

POLL_S = 0.2
"""Seconds that a turn waits for a request; a stop is noticed between turns."""


PHRASE_WAIT_S = 0.1
"""Seconds that the check of a wake word waits for its turn."""


class RecognitionService(LoopBody):
    """All use of the speech models, one inference at a time.

    The worker calls `open`, `recognise` and `transcribe`. A listener asks about a sentence that is
    still being spoken through EarlyLooks (`device`, `looks_of_client`) and never waits. A Loop
    calls `turn`, which answers one request at a time, those of the device first.
    """

    def __init__(
        self,
        loader: SpeechModelLoader,
        sentences: ActiveSentences,
        events: EventBus,
        language_model: LanguageModel | None = None,
        *,
        publishes_words: bool = False,
    ) -> None:
        """Load no model yet. `publishes_words`: each early look at the device emits its words."""
        self._loader = loader
        self._sentences = sentences
        self._events = events
        self._language_model = language_model
        self._publishes_words = publishes_words
        self._models: SpeechModels | None = None
        self._turns = InferenceTurns()
        self._changed = threading.Condition()
        self.device = EarlyLooks(self._changed)
        """Early looks at the sentence at the device."""
        self._early: dict[EarlyLooks, EarlyRecogniser] = {}
        """Early recognisers by speaker, the device first; empty if no grammar constrains
        recognition."""
        self._failed = False

    def open(self) -> None:
        """Load the models and compile the active sentences, so that no speaker waits for it.

        Raises:
            ModelMissing: a model is not there.
            EngineError: a model cannot be opened, or does not know the language.
            SentencesError: the sentences allow nothing, or name what is not there.

        """
        self._models = self._loader.load()
        if isinstance(self._models.recogniser, GrammarRecogniser):
            self._early[self.device] = EarlyRecogniser(self._models.recogniser)
        self.prepare(self._sentences.current)

    def prepare(self, sentences: SentenceSet) -> None:
        """Compile other sentences before they become the active ones; SentencesError as `open`."""
        self._opened.recogniser.prepare(sentences)

    def use_pace(self, pace: Pace) -> None:
        """Use the second model only if the board may work at full pace."""
        self._opened.transcriber.use_pace(pace)

    @property
    def recogniser_name(self) -> str:
        """The model's name in the catalogue."""
        return self._opened.recogniser.name

    @property
    def transcriber_name(self) -> str:
        """The model's name in the catalogue."""
        return self._opened.transcriber.name

    # Whole recordings.

    def recognise(
        self,
        samples: Samples,
        sentences: SentenceSet,
        stage: Callable[[str], None],
        must_stop: Callable[[], bool] = lambda: False,
        urgency: Urgency = Urgency.UTTERANCE,
        trigger: Trigger = Trigger.REQUEST,
    ) -> RecognisedSpeech:
        """Recognise one of `sentences`; without one, return the words that were heard.

        `stage` is called at the end of each step with its name, and takes its time. `must_stop` is
        called between the pieces of a recording that is too long for a command.

        Raises:
            EngineError: the model failed.
            Interrupted: `must_stop` said so.

        """
        recogniser = self._opened.recogniser
        with self._turns.turn(urgency):
            if urgency is not Urgency.TRANSCRIPTION:  # a recording was not looked at early
                known = self._take_known(samples, sentences, urgency)
                if known is not None and isinstance(recogniser, GrammarRecogniser):
                    stage("anticipated")
                    return recogniser.conclude(*known, stage, trigger)
            breaking_in = self._breaking_in(must_stop, urgency)
            return recogniser.recognise(samples, sentences, stage, breaking_in, trigger)

    def transcribe(
        self,
        samples: Samples,
        language: str,
        must_stop: Callable[[], bool] = lambda: False,
        urgency: Urgency = Urgency.TRANSCRIPTION,
    ) -> Transcript:
        """Transcribe any words; `text` is empty if the model thinks that nobody spoke.

        `must_stop` is called between the pieces of a long recording, where others get their turns.

        Raises:
            EngineError: the model failed.
            Interrupted: `must_stop` said so.

        """
        with self._turns.turn(urgency):
            breaking_in = self._breaking_in(must_stop, urgency)
            found = self._opened.transcriber.transcribe(samples, language, breaking_in)
        text = spoken_text(found, self._opened.no_speech_threshold)
        return dataclasses.replace(found, text=text)

    def _breaking_in(self, must_stop: Callable[[], bool], urgency: Urgency) -> Callable[[], bool]:
        """`must_stop`, with turns for others while it is called."""

        def ask() -> bool:
            with self._turns.break_in(urgency):
                return must_stop()

        return ask

    # A wake word.

    def phrase_score(self, samples: Samples, phrase: str) -> float | None:
        """The score of a phrase in a sound, as `Transcriber.phrase_score`.

        None also if the models are not loaded, work on something longer, or fail.
        """
        if self._models is None:
            return None
        with self._turns.turn_within(Urgency.WAKE_WORD, PHRASE_WAIT_S) as taken:
            if not taken:
                return None
            try:
                return self._models.transcriber.phrase_score(samples, phrase)
            except EngineError as error:
                logger.warning("a wake word cannot be checked by the speech model: %s", error)
                return None

    # A sentence that is still being spoken.

    @contextlib.contextmanager
    def looks_of_client(
        self, area: str, names: tuple[str, ...] = ()
    ) -> Iterator[EarlyLooks | None]:
        """Early looks at a client's sound; None if no grammar constrains recognition.

        `area` is the room of its speaker; empty: that of the appliance. `names` are added to the
        list of names; their grammar is compiled before this returns.

        Raises:
            SentencesError: with these names it is more than a grammar can hold.

        """
        recogniser = self._opened.recogniser
        if not isinstance(recogniser, GrammarRecogniser):
            yield None
            return
        if names:
            recogniser.prepare(self._sentences.for_speaker(area, names))
        looks = EarlyLooks(self._changed, area, names)
        with self._changed:
            self._early[looks] = EarlyRecogniser(recogniser)
        try:
            yield looks
        finally:
            looks.reset()
            with self._changed:
                del self._early[looks]

    def turn(self) -> None:
        """Answer a request, or wait a moment for one."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._next_looks() is not None, POLL_S):
                return
            looks = self._next_looks()
            request = None if looks is None else looks.begin()
        if looks is not None and request is not None:
            looks.conclude(request, self._answer(looks, request))

    def _next_looks(self) -> EarlyLooks | None:
        """The speaker whose request is next: the device, then the earliest client."""
        speakers = (self.device, *(one for one in self._early if one is not self.device))
        return next((one for one in speakers if one.waits), None)

    def _take_known(
        self, samples: Samples, sentences: SentenceSet, urgency: Urgency
    ) -> tuple[RecognisedSentence, EncodedAudio] | None:
        """The result of a look at exactly this sound."""
        with self._changed:
            early = dict(self._early)
        device = early.pop(self.device, None)
        if urgency is Urgency.UTTERANCE:
            return None if device is None else device.take_known(samples, sentences)
        client = next((one for one in early.values() if one.knows(samples)), None)
        return None if client is None else client.take_known(samples, sentences)

    def _answer(self, looks: EarlyLooks, request: LookRequest) -> SentenceProgress | None:
        try:
            return self._look(looks, request)
        except Interrupted:
            return None
        except EngineError as error:
            # Without early looks, the pauses decide; the failure is logged once.
            if not self._failed:
                logger.warning("early recognition failed; only pauses end a sentence: %s", error)
            self._failed = True
            return SentenceProgress.UNKNOWN

    def _look(self, looks: EarlyLooks, request: LookRequest) -> SentenceProgress:
        early = self._early.get(looks)
        if early is None:
            return SentenceProgress.UNKNOWN

        def outdated() -> bool:
            return request.withdrawn

        at_device = looks is self.device
        urgency = Urgency.EARLY_LOOK if at_device else Urgency.CLIENT_EARLY_LOOK
        sentences = self._sentences.for_speaker(looks.area, looks.names)
        with self._language_model_paused(), self._turns.turn(urgency):
            return early.look(
                request.samples,
                sentences,
                thorough=request.thorough,
                outdated=outdated,
                on_words=self._publish_words if self._publishes_words and at_device else None,
            )

    def _publish_words(self, words: str) -> None:
        self._events.emit(WordsHeard(words))

    @contextlib.contextmanager
    def _language_model_paused(self) -> Iterator[None]:
        """Pause the language model while somebody speaks."""
        with (
            contextlib.nullcontext()
            if self._language_model is None
            else (self._language_model.suspended())
        ):
            yield

    @property
    def _opened(self) -> SpeechModels:
        if self._models is None:
            raise EngineError("the speech models are not loaded yet")
        return self._models
