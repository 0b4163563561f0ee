"""Where the worker works: its thread opens the engines, uses them, and closes them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from appliance.dialogue.dialogue import means_stop
from appliance.errors import EngineError
from appliance.pipeline import engine_factory
from appliance.pipeline.worker import Worker
from appliance.recognition.early_recogniser import EarlyRecogniser
from appliance.recognition.grammar_recogniser import GrammarRecogniser
from appliance.threads import Loop
from appliance.values import SentenceProgress

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.daemon.live_settings import LiveSettings
    from appliance.daemon.status_publisher import StatusPublisher
    from appliance.engines.llama.client import Llama
    from appliance.jobs.job_queue import JobQueue
    from appliance.pipeline.engine_context import EngineContext
    from appliance.recognition.lookahead import Lookahead
    from appliance.requests.request_dispatcher import RequestDispatcher
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Job, Result, Samples

PATIENCE = 120.0
"""Seconds that a job may take beside the language model's limit, which counts twice."""


class EngineThread:
    """The engines and the one worker who uses them.

    They are opened by the worker's own thread: the language model's process ends with
    the thread that started it.
    """

    def __init__(
        self,
        settings: LiveSettings,
        jobs: JobQueue,
        desk: RequestDispatcher,
        announcer: StatusPublisher,
        take: Callable[[Job, Result], None],
    ) -> None:
        """`take` gets each result."""
        self._settings = settings
        self._jobs = jobs
        self._desk = desk
        self._announcer = announcer
        self._take = take
        self._language_model: Llama | None = None
        self._mind: EngineContext | None = None
        self._worker: Worker | None = None
        self._anticipation: EarlyRecogniser | None = None
        self.loop = Loop(
            "worker",
            self._turn,
            starting=self._open,
            ending=self._close,
            patience=2 * settings.config.language_model.time_limit_s + PATIENCE,
        )

    @property
    def so_far(self) -> Lookahead | None:
        """What an utterance means that still goes on; None where nobody looks ahead."""
        return None if self._anticipation is None else self._so_far

    def cancel(self, job_id: str) -> bool:
        """Stop the job if it is the one at work; whether it was."""
        return bool(self._worker and self._worker.cancel(job_id))

    def abandon(self) -> None:
        """Leave the job at work behind: it takes longer than a stop may; see `Worker.abandon`."""
        if self._worker is not None:
            self._worker.abandon()

    def take_over(self, sentences: SentenceSet) -> None:
        """Understand these sentences from the next job on."""
        if self._mind is not None:
            engine_factory.take_over(self._mind, sentences)

    def _open(self) -> None:
        config = self._settings.config
        model = self._language_model = engine_factory.open_language_model(config)
        self._announcer.model_fault = lambda: None if model is None else model.fault
        if model is not None and config.language_model.load == "start":
            with contextlib.suppress(EngineError):  # told, and tried again in idle hours
                model.start()
        mind = engine_factory.open_mind(config, self._settings.sentences, model)
        mind.tell = self._announcer.show_answer_so_far
        mind.means_stop = lambda text: means_stop(text, config.device.language)
        engine_factory.prepare_cascade(config, mind)
        if config.listening.by_meaning and isinstance(mind.recogniser, GrammarRecogniser):
            self._anticipation = mind.recogniser = EarlyRecogniser(
                mind.recogniser,
                self._announcer.show_words_so_far if config.listening.partial else None,
            )
        self._mind = mind
        self._worker = Worker(
            self._jobs,
            mind,
            self._take,
            situation=self._announcer.situation,
            show=self._announcer.shown_by("worker"),
            stopping=self.loop.asked_to_stop,
            put_off=self._desk.put_off,
            give_up=self._desk.give_up,
        )

    def _turn(self) -> None:
        if self._worker is not None:
            self._worker.turn()

    def _close(self) -> None:
        if self._worker is not None:
            self._worker.let_go()
        if self._language_model is not None:
            self._language_model.close()

    def _so_far(
        self,
        samples: Samples,
        thorough: bool,  # noqa: FBT001
        outdated: Callable[[], bool],
    ) -> SentenceProgress:
        if self._anticipation is None or self._mind is None:
            return SentenceProgress.UNKNOWN
        model = self._language_model
        # Somebody speaks: what is written meanwhile stands still, so that the board is theirs.
        with contextlib.nullcontext() if model is None else model.suspended():
            return self._anticipation.so_far(
                samples, self._mind.sentences, thorough=thorough, outdated=outdated
            )
