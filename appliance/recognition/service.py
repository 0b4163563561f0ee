"""Recognition as one service: early looks and whole recordings take turns with the models."""

from __future__ import annotations

import contextlib
import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.errors import EngineError, Interrupted
from appliance.events import WordsHeard
from appliance.recognition.early_recogniser import EarlyRecogniser
from appliance.recognition.early_verdict import EarlyVerdict
from appliance.recognition.free_recogniser import spoken_text
from appliance.recognition.grammar_recogniser import GrammarRecogniser
from appliance.recognition.inference_turns import InferenceTurns, Urgency
from appliance.threads import LoopBody
from appliance.values import Pace, SentenceProgress, Transcript

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from appliance.events import EventBus
    from appliance.protocols import LanguageModel
    from appliance.recognition.recogniser_interface import RecognisedSpeech
    from appliance.recognition.speech_models import SpeechModelLoader, SpeechModels
    from appliance.sentences.active_sentences import ActiveSentences
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Samples

logger = logging.getLogger(__name__)

POLL_S = 0.2
"""Seconds that a turn waits for a question; a stop is noticed no later."""


@dataclass(slots=True, eq=False)
class _Question:
    samples: Samples
    mark: int
    thorough: bool
    withdrawn: bool = False


class RecognitionService(LoopBody):
    """All use of the speech models, one inference at a time.

    The worker calls `open`, `recognise` and `transcribe`. The listener asks about a sentence that
    is still being spoken (`request`, `cancel`, `verdict`, ...) and never waits: one question at a
    time is answered by `turn`, in a Loop; a newer one replaces one that still waits.
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
        """No model is loaded yet. `publishes_words`: an event for the words of each early look."""
        self._loader = loader
        self._sentences = sentences
        self._events = events
        self._language_model = language_model
        self._publishes_words = publishes_words
        self._models: SpeechModels | None = None
        self._early: EarlyRecogniser | None = None
        self._turns = InferenceTurns()
        self._changed = threading.Condition()
        self._question: _Question | None = None
        self._in_progress: _Question | None = None
        self._verdict: EarlyVerdict | None = None
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
            self._early = EarlyRecogniser(self._models.recogniser)
        self.prepare(self._sentences.current)

    def prepare(self, sentences: SentenceSet) -> None:
        """Compile other sentences before they become the active ones; SentencesError as `open`."""
        self._opened.recogniser.prepare(sentences)

    def use_pace(self, pace: Pace) -> None:
        """Hear no sound twice unless the board may work at full pace."""
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
    ) -> RecognisedSpeech:
        """One of `sentences`, or the words that were heard in their place.

        `stage` is called at the end of each step with its name, and takes its time. `must_stop` is
        asked between pieces of what is too long for a command.

        Raises:
            EngineError: the model failed.
            Interrupted: `must_stop` said so.

        """
        recogniser = self._opened.recogniser
        with self._turns.turn(urgency):
            # Only what was said at the device can have been looked at early.
            if self._early is not None and urgency is Urgency.UTTERANCE:
                known = self._early.take_known(samples, sentences)
                if known is not None and isinstance(recogniser, GrammarRecogniser):
                    stage("anticipated")
                    return recogniser.conclude(*known, stage)
            breaking_in = self._breaking_in(must_stop, urgency)
            return recogniser.recognise(samples, sentences, stage, breaking_in)

    def transcribe(
        self,
        samples: Samples,
        language: str,
        must_stop: Callable[[], bool] = lambda: False,
        urgency: Urgency = Urgency.TRANSCRIPTION,
    ) -> Transcript:
        """Any words; `text` is empty if the model thinks that nobody spoke.

        `must_stop` is asked between pieces of a long recording; others get their turns there.

        Raises:
            EngineError: the model failed.
            Interrupted: `must_stop` said so.

        """
        with self._turns.turn(urgency):
            breaking_in = self._breaking_in(must_stop, urgency)
            found = self._opened.transcriber.transcribe(samples, language, breaking_in)
        text = spoken_text(found, self._opened.no_speech_threshold)
        return Transcript(text, found.language, found.confidence, found.no_speech)

    def _breaking_in(self, must_stop: Callable[[], bool], urgency: Urgency) -> Callable[[], bool]:
        """`must_stop`, with turns for others while it is asked."""

        def ask() -> bool:
            with self._turns.break_in(urgency):
                return must_stop()

        return ask

    # A sentence that is still being spoken.

    def request(self, samples: Samples, mark: int, *, thorough: bool = False) -> None:
        """Have a look at a sentence that is still being spoken."""
        with self._changed:
            self._question = _Question(samples, mark, thorough)
            self._changed.notify()

    @property
    def pending(self) -> bool:
        """Whether the answer to a question is still to come."""
        return self._in_progress is not None or self._question is not None

    @property
    def verdict(self) -> EarlyVerdict | None:
        """The newest answer, or None since `reset`."""
        return self._verdict

    def pending_thorough(self, mark: int) -> Samples | None:
        """The sound of a thorough question whose answer is still to come; None without one."""
        with self._changed:
            question = self._question or self._in_progress
            same = question is not None and question.thorough and question.mark == mark
            return question.samples if question is not None and same else None

    def cancel(self) -> None:
        """More is being said: what was asked before is of no use, and need not be finished."""
        with self._changed:
            self._question = None
            if self._in_progress is not None:
                self._in_progress.withdrawn = True

    def reset(self) -> None:
        """Another sentence begins; an answer that is still to come does not count any more."""
        with self._changed:
            self.cancel()
            self._verdict = None

    def turn(self) -> None:
        """Answer a question, or wait a moment for one."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._question is not None, POLL_S):
                return
            question, self._question = self._question, None
            self._in_progress = question
        if question is None:
            return
        so_far = self._answer(question)
        with self._changed:
            self._in_progress = None
            if so_far is not None and not question.withdrawn:
                self._verdict = EarlyVerdict(
                    question.samples, question.mark, so_far, question.thorough
                )

    def _answer(self, question: _Question) -> SentenceProgress | None:
        try:
            return self._look(question)
        except Interrupted:
            return None
        except EngineError as error:
            # The pauses decide then, as they do without early looks; it is logged once.
            if not self._failed:
                logger.warning("early recognition failed; only pauses end a sentence: %s", error)
            self._failed = True
            return SentenceProgress.UNKNOWN

    def _look(self, question: _Question) -> SentenceProgress:
        if self._early is None:
            return SentenceProgress.UNKNOWN

        def outdated() -> bool:
            return question.withdrawn

        with self._language_model_paused(), self._turns.turn(Urgency.EARLY_LOOK):
            return self._early.look(
                question.samples,
                self._sentences.current,
                thorough=question.thorough,
                outdated=outdated,
                on_words=self._publish_words if self._publishes_words else None,
            )

    def _publish_words(self, words: str) -> None:
        self._events.emit(WordsHeard(words))

    @contextlib.contextmanager
    def _language_model_paused(self) -> Iterator[None]:
        """Somebody speaks: the board is theirs, and an answer that is being written waits."""
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
