"""The pipeline: takes a job through its stages to a result. The commands use the same one."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from appliance.devices.confirmation_rules import ConfirmationRules
from appliance.devices.device_facts import DeviceFacts
from appliance.dialogue.yes_and_stop_words import phrases_for
from appliance.engines.silero import Silero
from appliance.errors import AudioError, EngineDied, EngineError, Interrupted
from appliance.fallback.cascade import Cascade
from appliance.fallback.chat_history import ChatHistory
from appliance.ids import boot_seconds
from appliance.jobs.result_builder import ResultBuilder
from appliance.pipeline.answer import AnswerStage
from appliance.pipeline.hear import DecodeStage, RecogniseStage, TranscribeStage
from appliance.pipeline.resolve import ResolveStage
from appliance.pipeline.route import Stage, is_spoken, route_of
from appliance.system.governor import threads_at
from appliance.values import ClientRequest, Outcome, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.config import Config
    from appliance.events import EventBus
    from appliance.protocols import LanguageModel
    from appliance.recognition.service import RecognitionService
    from appliance.sentences.active_sentences import ActiveSentences
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.system.board_state import BoardState
    from appliance.values import Job, Pace, Result

logger = logging.getLogger(__name__)


class Pipeline:
    """The stages from DECODE to ANSWER; route.py defines which of them a job passes."""

    def __init__(  # noqa: PLR0913  (what the stages need)
        self,
        config: Config,
        sentences: ActiveSentences,
        recognition: RecognitionService | None,
        language_model: LanguageModel | None,
        events: EventBus,
        *,
        devices: DeviceFacts | None = None,
        rules: ConfirmationRules | None = None,
    ) -> None:
        """Build the stages; without `recognition` only those for text.

        `devices` are facts for answers; `rules` say what needs a yes, None as without devices.
        """
        settings = config.language_model
        self._config = config
        self._sentences = sentences
        self._recognition = recognition
        self._language_model = language_model
        self._cascade = Cascade(config.cascade, repairs_speech=not config.speech.grammar)
        history = ChatHistory(settings.session_turns, settings.session_minutes)
        if recognition is not None:
            phrases = phrases_for(config.device.language)
            self._decode = DecodeStage(config, Silero())
            self._recognise = RecogniseStage(recognition, phrases)
            self._transcribe = TranscribeStage(recognition)
        self._resolve = ResolveStage(
            self._cascade, language_model, rules or ConfirmationRules(sentences)
        )
        self._answer = AnswerStage(
            settings, language_model, history, events, devices or DeviceFacts(None)
        )

    @property
    def language_model(self) -> LanguageModel | None:
        """The language model; None if the configuration has none."""
        return self._language_model

    @property
    def language(self) -> str:
        """Language of the active sentences."""
        return self._sentences.current.language

    def open(self) -> None:
        """Load every model, in the thread that will use them.

        The language model's process ends with the thread that started it.

        Raises:
            ModelMissing: a model is not there.
            EngineError: a speech model cannot be opened.

        """
        model = self._language_model
        started = model is not None and self._config.language_model.load == "start"
        if model is not None and started:
            with contextlib.suppress(EngineError):  # logged, and tried again when idle
                model.start()
        self.open_speech()
        ready = model if model is not None and started and not model.fault else None
        try:
            self._cascade.prepare(self._sentences.current, ready)
        except EngineError as error:
            logger.warning("the language model cannot choose among the intents: %s", error)

    def open_speech(self) -> None:
        """Load the speech models only; the language model starts at its first use.

        Raises:
            ModelMissing: a model is not there.
            EngineError: a speech model cannot be opened.

        """
        if self._recognition is not None:
            self._recognition.open()

    def close(self) -> None:
        """Close the language model, in the thread that opened it."""
        if self._language_model is not None:
            self._language_model.close()

    def prepare(self, sentences: SentenceSet) -> None:
        """Compile new sentences before they become the active ones.

        Raises:
            SentencesError: they cannot be compiled; the old ones stay active.

        """
        if self._recognition is not None:
            self._recognition.prepare(sentences)
        # Prepared without the language model, because only the worker's thread may use it.
        self._cascade.prepare(sentences, None)

    def use_pace(self, pace: Pace) -> None:
        """Use fewer threads and no second recognition, unless at full pace.

        CTranslate2 keeps the threads that it was loaded with.
        """
        if self._recognition is not None:
            self._recognition.use_pace(pace)
        if self._language_model is not None:
            self._language_model.use_threads(threads_at(pace, self._config.threads))

    def process_job(self, job: Job, board: BoardState, must_stop: Callable[[], bool]) -> Result:
        """Do a job. Errors are in the result; only EngineDied is raised.

        `must_stop` is called while a model works; True makes the outcome `cancelled`.
        """
        work = ResultBuilder(job, self.language, board)
        try:
            self._pass_stages(work, must_stop)
        except Interrupted as error:
            work.end(Outcome.CANCELLED, str(error))
        except EngineDied:
            raise  # the caller must know which job caused it
        except (EngineError, AudioError) as error:
            work.end(Outcome.FAILED, str(error))
        return work.result()

    def _sentences_for(self, job: Job) -> SentenceSet:
        """The active sentences, for a speaker in the room that the job names."""
        names = job.names if isinstance(job, ClientRequest) else ()
        return self._sentences.for_speaker(job.area, names)

    def _pass_stages(self, work: ResultBuilder, must_stop: Callable[[], bool]) -> None:
        job, route = work.job, route_of(work.job)
        sentences = self._sentences_for(job)
        if isinstance(job, Request) and _is_late(job):
            work.end(Outcome.EXPIRED, "its turn came after the time that the requester gave it")
            return
        if self._recognition is None and {Stage.RECOGNISE, Stage.TRANSCRIBE} & set(route):
            raise EngineError("this works on text only, and the job is sound")
        if Stage.DECODE in route:
            self._decode.decode_recording(work, must_stop, cut=is_spoken(job))
        if Stage.RECOGNISE in route and not work.is_over:
            self._recognise.recognise_speech(work, sentences, must_stop)
        if Stage.TRANSCRIBE in route and not work.is_over:
            self._transcribe.transcribe_speech(work, must_stop)
        if Stage.RESOLVE in route and not work.is_over:
            self._resolve.resolve_intent(work, sentences, must_stop)
        if Stage.ANSWER in route and not work.is_over:
            self._answer.write_answer(work, must_stop)


def _is_late(request: Request) -> bool:
    return request.expires_at is not None and boot_seconds() >= request.expires_at
