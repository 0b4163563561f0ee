"""The stage ANSWER: the language model answers a text."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.errors import EngineError
from appliance.events import AnswerWritten
from appliance.fallback.owner_facts import OwnerFacts, is_about
from appliance.fallback.prompt_texts import parts_for
from appliance.fallback.question_mark import is_question
from appliance.pipeline.resolve import prompt_of
from appliance.pipeline.route import is_spoken
from appliance.values import (
    ClientRequest,
    Operation,
    Outcome,
    PromptRequest,
    Question,
    Request,
    Tokens,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from appliance.config import LanguageModelSettings
    from appliance.devices.device_facts import DeviceFacts
    from appliance.events import EventBus
    from appliance.fallback.chat_history import ChatHistory
    from appliance.jobs.result_builder import ResultBuilder
    from appliance.protocols import LanguageModel
    from appliance.values import Job

RESTING = "the board is resting (too hot, or too little power): only declared sentences are done"


UNSURE = (
    "the language model was not sure of its answer ({:.2f}; language_model.least_certainty is {:g})"
)


class AnswerStage:
    """Answers requests, and sentences without an intent if the owner allows that."""

    def __init__(
        self,
        settings: LanguageModelSettings,
        language_model: LanguageModel | None,
        history: ChatHistory,
        events: EventBus,
        devices: DeviceFacts,
    ) -> None:
        self._settings = settings
        self._devices = devices
        self._facts = OwnerFacts(Path(settings.facts) if settings.facts else None)
        self._language_model = language_model
        self._history = history
        self._events = events

    def write_answer(self, work: ResultBuilder, must_stop: Callable[[], bool]) -> None:
        """Ask the language model, and set the outcome.

        Raises:
            EngineError: there is no language model, or it failed; EngineDied if its process died.
            Interrupted: `must_stop` returned True.

        """
        if isinstance(work.job, ClientRequest):
            work.text = work.job.text
            self._write(work, PromptRequest(work.text), must_stop)
        elif isinstance(work.job, Request) and work.job.operation is Operation.ANSWER:
            prompt = prompt_of(work.job)
            work.text = prompt.text
            self._write(work, prompt, must_stop)
        elif work.likely_intent is not None:
            # If the model answered about an intent, it might claim to have acted.
            reason = f"perhaps {work.likely_intent}, but that is not sure enough"
            work.end(Outcome.NOT_UNDERSTOOD, reason if self._is_allowed(work) else None)
        elif work.objection is not None:
            work.end(Outcome.NOT_UNDERSTOOD, work.objection if self._is_allowed(work) else None)
        elif (
            self._language_model is None
            or not work.board.allows_language_model
            or not self._is_allowed(work)
        ):
            work.end(Outcome.NOT_UNDERSTOOD)
        else:
            self._write(work, PromptRequest(work.text or ""), must_stop)

    def _is_allowed(self, work: ResultBuilder) -> bool:
        if is_spoken(work.job):
            return self._settings.answers_speech
        return bool((work.text or "").strip())

    def _write(
        self, work: ResultBuilder, prompt: PromptRequest, must_stop: Callable[[], bool]
    ) -> None:
        model = self._language_model
        if model is None:
            raise EngineError("no language model is enabled; see language_model.enabled")
        if not work.board.allows_language_model:
            work.end(Outcome.REFUSED, RESTING)
            return
        if not prompt.text.strip():
            raise EngineError("there is no text to answer")
        work.lm = model.name
        session = _session_of(work.job, prompt)
        facts = self._nearest_facts(work, prompt)
        question = self._question(work, prompt, session, facts)
        may_be_unknown = self._may_be_unknown(prompt, work.language)
        progress = None if may_be_unknown else self._progress(work.job, prompt)
        completion = model.complete(question, must_stop, progress)
        work.stage("answer")
        if completion.first_token_ms is not None:
            work.note("first_token", completion.first_token_ms / 1000)
        work.tokens = Tokens(
            prompt=completion.prompt_tokens,
            cached=completion.cached_tokens,
            generated=completion.generated_tokens,
        )
        if not completion.text.strip():
            raise EngineError("the language model wrote nothing")
        certainty = completion.certainty
        if may_be_unknown and certainty is not None and certainty < self._settings.least_certainty:
            told = (fact for fact in facts if is_about(fact, prompt.text, work.language))
            work.answer = next(told, parts_for(work.language).unknown)
            work.end(Outcome.ANSWER, UNSURE.format(certainty, self._settings.least_certainty))
        else:
            work.answer = completion.text.strip()
            work.end(Outcome.ANSWER)
        self._history.add(session, prompt.text, work.answer)

    def _may_be_unknown(self, prompt: PromptRequest, language: str) -> bool:
        """Whether an unsure answer is not given, so that none of it may be published before."""
        guarded = self._settings.least_certainty > 0.0 and prompt.schema is None
        return guarded and is_question(prompt.text, language)

    def _question(
        self,
        work: ResultBuilder,
        prompt: PromptRequest,
        session: str | None,
        facts: Sequence[str],
    ) -> Question:
        """The question for the model; for an extraction only the text."""
        if prompt.extract:
            return Question((prompt.text,), prompt.schema, prompt.maximum_tokens, prompt.text)
        # Facts and states are part of the question: the fixed prefix stays cached.
        asked = self._with_time(work, " ".join((*facts, prompt.text)))
        said = (*prompt.turns, *self._history.turns(session), asked)
        return Question(said, prompt.schema, prompt.maximum_tokens)

    def _with_time(self, work: ResultBuilder, text: str) -> str:
        """The clock is part of the question; in front of it, the model would read all again."""
        if not self._settings.tells_time or work.board.clock_synced is False:
            return text
        return f"{parts_for(work.language).clock_line(datetime.now().astimezone())} {text}"

    def _nearest_facts(self, work: ResultBuilder, prompt: PromptRequest) -> list[str]:
        if prompt.extract:
            return []
        return self._facts.nearest(prompt.text, self._devices.lines(work.language))

    def _progress(self, job: Job, prompt: PromptRequest) -> Callable[[str | None], None] | None:
        """Publishes an answer while it is written, if its requester wants that."""
        if not prompt.stream or not isinstance(job, Request):
            return None
        pieces: list[str] = []

        def publish(piece: str | None) -> None:
            if piece is None:  # the model starts again from the beginning
                pieces.clear()
                return
            pieces.append(piece)
            self._events.emit(AnswerWritten(job, "".join(pieces)))

        return publish


def _session_of(job: Job, prompt: PromptRequest) -> str | None:
    """The name of a session, unique among all requesters."""
    if prompt.session is None or not isinstance(job, Request):
        return None
    return f"{job.requester}\0{prompt.session}"
