"""The stage RESOLVE: a text to a declared intent, exactly or by the cascade."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.devices.intent_plan import has_actions, moves_devices
from appliance.errors import EngineError
from appliance.fallback.cascade import TextSource
from appliance.fallback.last_command import LastCommands
from appliance.fallback.question_mark import ASKS, only_asks
from appliance.grammar.times_of_several_commands import LATER
from appliance.pipeline.route import Stage, is_spoken, route_of
from appliance.pipeline.several_commands import SeveralCommands
from appliance.values import (
    ClientRequest,
    Outcome,
    PromptRequest,
    Request,
    RunnerUp,
    TextInput,
    Trigger,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.devices.confirmation_rules import ConfirmationRules
    from appliance.fallback.cascade import Cascade
    from appliance.jobs.result_builder import ResultBuilder
    from appliance.protocols import LanguageModel
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Intent, Job


CLEARLY_HEARD = 0.5
"""Confidence of a free transcript from which a reference such as "turn it off" is believed. Six
such sentences of one synthetic voice had 0.56 to 0.82; each word must be accounted for besides."""


class ResolveStage:
    """Finds the declared sentence of a text, otherwise the cascade's match or choice."""

    def __init__(
        self, cascade: Cascade, language_model: LanguageModel | None, rules: ConfirmationRules
    ) -> None:
        self._cascade = cascade
        self._rules = rules
        self._language_model = language_model
        self._several = SeveralCommands(cascade)
        self._last_commands = LastCommands()

    def resolve_intent(
        self, work: ResultBuilder, sentences: SentenceSet, must_stop: Callable[[], bool]
    ) -> None:
        """Set the outcome, unless the text fits no intent and the stage ANSWER follows.

        Raises:
            EngineDied: the language model's process died twice at this text.
            Interrupted: `must_stop` said so while the model was choosing.

        """
        intents, work.intents = work.intents, ()
        if not is_spoken(work.job):
            intents = _parsed(work, sentences)
        lacking = None if intents else sentences.lacking(work.text or "")
        if not intents and lacking is None and self._may_repair(work):
            intents, lacking = self._several.declared(work.text or "", sentences)
        if not intents and lacking is None:
            intents = self._by_cascade(work, sentences, must_stop)
        if lacking is not None:
            work.end(Outcome.REFUSED, lacking)
        elif not intents:
            if Stage.ANSWER not in route_of(work.job):
                work.end(Outcome.NOT_UNDERSTOOD, work.objection)
        elif reason := self._refusal(work, intents, sentences):
            work.end(Outcome.REFUSED, reason)
        else:
            self._note(work, intents)
            work.intents = intents
            sure = [one.confidence for one in intents if one.confidence is not None]
            work.confidence = min(sure, default=None)
            work.end(Outcome.INTENT)

    def _refusal(
        self, work: ResultBuilder, intents: tuple[Intent, ...], sentences: SentenceSet
    ) -> str | None:
        """Reason why intents must not be carried out, even if one of them; None if they may."""
        asks = not is_spoken(work.job) and only_asks(work.text or "", work.language)
        if asks and any(self._acts(intent, sentences) for intent in intents):
            return ASKS
        alone = _has_no_reply(work.job)
        if not alone and not is_spoken(work.job):
            return None
        for intent in intents:
            if sentences.declared[intent.name].never_by_voice:
                return f"{intent.name} is declared never_by_voice"
        if alone and self._rules.commands_need_yes(intents, work.text or "", work.language):
            names = ", ".join(intent.name for intent in intents)
            return f"{names} must be confirmed, and this connection has no second message for a yes"
        return None

    def _acts(self, intent: Intent, sentences: SentenceSet) -> bool:
        """Whether an intent does something here or in another system, now or later."""
        acts = moves_devices(intent.name) or has_actions(sentences.declared.get(intent.name))
        return acts or LATER in intent.slots or not self._cascade.is_asked(intent.name, sentences)

    def _may_repair(self, work: ResultBuilder) -> bool:
        """False for speech that was decoded under the grammar and rejected."""
        return not is_spoken(work.job) or self._cascade.repairs_speech

    def _note(self, work: ResultBuilder, intents: tuple[Intent, ...]) -> None:
        """Keep the meaning of "it" in the next sentence; after several commands there is none."""
        if Stage.ACT not in route_of(work.job):
            return
        if len(intents) == 1:
            self._last_commands.note(
                _speaker_of(work.job), work.meant_text or work.text or "", intents[0]
            )
        else:
            self._last_commands.forget(_speaker_of(work.job))

    def _by_cascade(
        self, work: ResultBuilder, sentences: SentenceSet, must_stop: Callable[[], bool]
    ) -> tuple[Intent, ...]:
        """The meaning of a text that is not a declared sentence; empty if it is uncertain."""
        text, spoken = work.text or "", is_spoken(work.job)
        intent = self._cascade.repair(text, sentences)
        guarded = intent is not None and sentences.declared[intent.name].never_by_voice
        if not guarded and not self._may_repair(work):
            intent = None
        if intent is None:
            intent = self._of_last_command(work, sentences)
            guarded = intent is not None and sentences.declared[intent.name].never_by_voice
        work.stage("repair")
        if guarded and not spoken:
            return ()  # only its exact words may cause it; speech is refused, with the reason
        if intent is not None:
            return (intent,)
        if self._may_repair(work):
            several, work.objection = self._several.meant(text, sentences)
            if several or work.objection is not None:
                return several
        if proposed := self._proposed(work, sentences):
            return proposed
        return self._chosen(work, sentences, must_stop)

    def _proposed(self, work: ResultBuilder, sentences: SentenceSet) -> tuple[Intent, ...]:
        """The most similar sentence; for typed text none that only its exact words may cause."""
        found = self._cascade.propose(work.text or "", sentences, _source_of(work.job))
        if found is None:
            return ()
        guarded = sentences.declared[found.name].never_by_voice
        return () if guarded and not is_spoken(work.job) else (found,)

    def _chosen(
        self, work: ResultBuilder, sentences: SentenceSet, must_stop: Callable[[], bool]
    ) -> tuple[Intent, ...]:
        """The choice of the language model; empty if it is missing or not sure."""
        text, spoken = work.text or "", is_spoken(work.job)
        work.objection = self._cascade.objection(text, sentences)
        model = self._language_model
        if model is None or not work.board.allows_language_model:
            return ()
        choice = self._cascade.choose(text, sentences, model, must_stop, spoken=spoken)
        if choice is None or choice.tokens.prompt is None:
            return ()
        work.stage("choose")
        work.lm, work.tokens, work.likely_intent = model.name, choice.tokens, choice.likely_intent
        return () if choice.intent is None else (choice.intent,)

    def _of_last_command(self, work: ResultBuilder, sentences: SentenceSet) -> Intent | None:
        """The meaning of a text that refers to the speaker's last command: "turn it off".

        Freely recognised words must be clear, and stand for a declared sentence.
        """
        last = self._last_commands.of(_speaker_of(work.job))
        heard = not self._may_repair(work)
        if last is None or (heard and (work.confidence or 0.0) < CLEARLY_HEARD):
            return None
        found = self._cascade.follow_up(work.text or "", last, sentences, exact=heard)
        if found is None:
            return None
        work.meant_text = found.text
        return found.intent


def _parsed(work: ResultBuilder, sentences: SentenceSet) -> tuple[Intent, ...]:
    """The declared sentence that the text of a job is; empty if it is none."""
    work.text = _text_of(work.job)
    intent = sentences.parse(work.text)
    work.stage("parse")
    if intent is None:
        return ()
    if Stage.ACT not in route_of(work.job):
        work.runner_up = _other_meaning(work.text, intent, sentences)
    return (intent,)


def _other_meaning(text: str, intent: Intent, sentences: SentenceSet) -> RunnerUp | None:
    """The next meaning of a text that a sentence fits; None if it has no other."""
    for one in sentences.readings(text):
        if not one.lacks_area and (one.intent, dict(one.slots)) != (intent.name, intent.slots):
            return RunnerUp(text=text, intent=one.intent, slots=dict(one.slots))
    return None


def _source_of(job: Job) -> TextSource:
    if not is_spoken(job):
        return TextSource.TYPED
    trigger = getattr(job, "trigger", Trigger.ALWAYS)
    return TextSource.ALWAYS_OPEN if trigger is Trigger.ALWAYS else TextSource.AFTER_TRIGGER


def _speaker_of(job: Job) -> str:
    """The speaker of "it": a room of the microphone, a requester, or the command line."""
    area = getattr(job, "area", "")
    return f"{type(job).__name__}\0{getattr(job, 'requester', '')}\0{area}"


def _has_no_reply(job: Job) -> bool:
    """Whether nobody can confirm: what acts on the result may be another system."""
    return isinstance(job, ClientRequest)


def prompt_of(request: Request) -> PromptRequest:
    """The text and options of a request.

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
