"""The stage RESOLVE: a text to a declared intent, exactly or by the cascade."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.errors import EngineError
from appliance.fallback.last_command import LastCommands
from appliance.pipeline.route import Stage, is_spoken, route_of
from appliance.values import ClientRequest, Outcome, PromptRequest, Request, TextInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.fallback.cascade import Cascade
    from appliance.jobs.result_builder import ResultBuilder
    from appliance.protocols import LanguageModel
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Intent, Job


class ResolveStage:
    """One of the declared sentences; if it is none, fuzzy match and the model's choice."""

    def __init__(self, cascade: Cascade, language_model: LanguageModel | None) -> None:
        self._cascade = cascade
        self._language_model = language_model
        self._last_commands = LastCommands()

    def resolve_intent(
        self, work: ResultBuilder, sentences: SentenceSet, must_stop: Callable[[], bool]
    ) -> None:
        """Settle the outcome, unless the text fits no intent and the stage ANSWER is to come.

        Raises:
            EngineDied: the language model's process died of the text, twice.
            Interrupted: `must_stop` said so while the model was choosing.

        """
        intent, work.intent = work.intent, None
        if not is_spoken(work.job):
            work.text = _text_of(work.job)
            intent = sentences.parse(work.text)
            work.stage("parse")
        lacking = None if intent else sentences.lacking(work.text or "")
        if lacking is None:
            intent = intent or self._by_cascade(work, sentences, must_stop)
        if lacking is not None:
            work.end(Outcome.REFUSED, lacking)
        elif intent is None:
            if Stage.ANSWER not in route_of(work.job):
                work.end(Outcome.NOT_UNDERSTOOD, work.objection)
        elif reason := _refusal(work.job, intent.name, sentences):
            work.end(Outcome.REFUSED, reason)
        else:
            if Stage.ACT in route_of(work.job):
                self._last_commands.note(_speaker_of(work.job), work.text or "", intent)
            work.intent, work.confidence = intent, intent.confidence
            work.end(Outcome.INTENT)

    def _by_cascade(
        self, work: ResultBuilder, sentences: SentenceSet, must_stop: Callable[[], bool]
    ) -> Intent | None:
        """What the text means though it is not a declared sentence; None if that is not sure."""
        text, spoken = work.text or "", is_spoken(work.job)
        intent = self._cascade.repair(text, sentences)
        last = self._last_commands.of(_speaker_of(work.job)) if intent is None else None
        if last is not None:
            intent = self._cascade.follow_up(text, last, sentences)
        work.stage("repair")
        guarded = intent is not None and sentences.declared[intent.name].never_by_voice
        if guarded and not spoken:
            return None  # only its very words do it; speech is refused, with the reason
        if spoken and not guarded and not self._cascade.repairs_speech:
            intent = None
        if intent is None:
            work.objection = self._cascade.objection(text, sentences)
        model = self._language_model
        if intent is not None or model is None or not work.board.allows_language_model:
            return intent
        choice = self._cascade.choose(text, sentences, model, must_stop, spoken=spoken)
        if choice is None or choice.tokens.prompt is None:
            return None
        work.stage("choose")
        work.lm, work.tokens, work.likely_intent = model.name, choice.tokens, choice.likely_intent
        return choice.intent


def _speaker_of(job: Job) -> str:
    """Who "it" is said by: one room of the microphone, one requester, or the command line."""
    area = getattr(job, "area", "")
    return f"{type(job).__name__}\0{getattr(job, 'requester', '')}\0{area}"


def _refusal(job: Job, name: str, sentences: SentenceSet) -> str | None:
    """Why an intent that was spoken must not be carried out; None if it may."""
    client = isinstance(job, ClientRequest)  # what it acts on may have been spoken elsewhere
    if not client and not is_spoken(job):
        return None
    if sentences.declared[name].never_by_voice:
        return f"{name} is declared never_by_voice"
    if client and sentences.declared[name].confirm:
        return f"{name} is declared confirm, and this connection has no second message for a yes"
    return None


def prompt_of(request: Request) -> PromptRequest:
    """What a request asks in words.

    Raises:
        EngineError: the text is not UTF-8.

    """
    try:
        return PromptRequest.unpacked(request.payload)
    except UnicodeDecodeError as error:
        raise EngineError(f"the text is not UTF-8, at byte {error.start}") from None


def _text_of(job: Job) -> str:
    if isinstance(job, Request):
        return prompt_of(job).text
    return job.text if isinstance(job, TextInput | ClientRequest) else ""
