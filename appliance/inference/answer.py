"""From a piece of work to its result: all that the appliance does, on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.errors import AudioError, EngineDied, EngineError, Interrupted
from appliance.identity import boot_seconds
from appliance.inference.draft import Draft
from appliance.inference.recogniser import spoken_text
from appliance.values import Operation, Outcome, Request, Tokens, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.inference.mind import Mind, Situation
    from appliance.inference.sentences import Sentences
    from appliance.values import Intent, Job, Result

RESTING = "the board is resting (too hot, or too little power): only declared sentences are done"


def answer(job: Job, mind: Mind, situation: Situation, stopping: Callable[[], bool]) -> Result:
    """Do a piece of work; what goes wrong with it is in the result, not raised, but EngineDied.

    `stopping` is asked while the language model writes; True makes the outcome `cancelled`.
    """
    draft = Draft(job, mind.sentences.language, situation)
    try:
        _do(draft, mind, stopping)
    except Interrupted as error:
        draft.end(Outcome.CANCELLED, str(error))
    except EngineDied:
        raise  # whoever gave us the work must know what it does
    except (EngineError, AudioError) as error:
        draft.end(Outcome.FAILED, str(error))
    return draft.result()


def _do(draft: Draft, mind: Mind, stopping: Callable[[], bool]) -> None:
    job = draft.job
    if isinstance(job, Utterance):
        _hear(draft, job, mind, stopping)
    elif not isinstance(job, Request):
        _read(draft, job.text, mind, stopping)
    elif job.expires_at is not None and boot_seconds() >= job.expires_at:
        draft.end(Outcome.EXPIRED, "its turn came after the time that the requester gave it")
    elif job.operation is Operation.TRANSCRIBE:
        _transcribe(draft, job.payload, mind)
    elif job.operation is Operation.PARSE:
        _parse(draft, _text_of(job), mind.sentences)
    else:
        draft.text = _text_of(job)
        _write(draft, mind, stopping)


def _hear(draft: Draft, utterance: Utterance, mind: Mind, stopping: Callable[[], bool]) -> None:
    """What was said at the device: one of the sentences, else perhaps a question."""
    if utterance.speech_seconds == 0.0 or not len(utterance.samples):
        draft.end(Outcome.NO_SPEECH)
        return
    sentences = mind.sentences  # those of this moment, also when the files change meanwhile
    draft.stt = mind.recogniser.name
    heard = mind.recogniser.recognise(utterance.samples, sentences, draft.stage)
    if not heard.text and heard.intent is None:
        draft.end(Outcome.NO_SPEECH)
        return
    draft.text, draft.confidence = heard.text, heard.confidence
    if heard.intent is None and mind.answers_speech:
        _write_if_allowed(draft, mind, stopping)
    elif heard.intent is None:
        draft.end(Outcome.NOT_UNDERSTOOD)
    elif sentences.declared[heard.intent.name].never_by_voice:
        draft.end(Outcome.REFUSED, f"{heard.intent.name} is declared never_by_voice")
    else:
        _understand(draft, heard.intent)


def _read(draft: Draft, text: str, mind: Mind, stopping: Callable[[], bool]) -> None:
    """What came as text: one of the sentences, else perhaps a question."""
    _parse(draft, text, mind.sentences)
    if draft.outcome is Outcome.NOT_UNDERSTOOD and text.strip():
        _write_if_allowed(draft, mind, stopping)


def _parse(draft: Draft, text: str, sentences: Sentences) -> None:
    draft.text = text
    intent = sentences.parse(text)
    draft.stage("parse")
    if intent is None:
        draft.end(Outcome.NOT_UNDERSTOOD)
    else:
        _understand(draft, intent)


def _understand(draft: Draft, intent: Intent) -> None:
    draft.intent, draft.confidence = intent, intent.confidence
    draft.end(Outcome.INTENT)


def _transcribe(draft: Draft, payload: bytes, mind: Mind) -> None:
    samples = mind.decode(payload)
    draft.stage("decode")
    if mind.speech_seconds is not None:
        speech = mind.speech_seconds(samples)
        draft.stage("detect")
        if speech == 0.0:
            draft.end(Outcome.NO_SPEECH)
            return
    draft.stt = mind.transcriber.name
    transcript = mind.transcriber.transcribe(samples, draft.language)
    draft.stage("transcribe")
    draft.text = spoken_text(transcript, mind.no_speech_threshold)
    draft.confidence = transcript.confidence if draft.text else None
    draft.end(Outcome.TRANSCRIPT if draft.text else Outcome.NO_SPEECH)


def _write_if_allowed(draft: Draft, mind: Mind, stopping: Callable[[], bool]) -> None:
    if mind.language_model is None or not draft.situation.may_write:
        draft.end(Outcome.NOT_UNDERSTOOD)
    else:
        _write(draft, mind, stopping)


def _write(draft: Draft, mind: Mind, stopping: Callable[[], bool]) -> None:
    """Have the language model answer the text."""
    if mind.language_model is None:
        raise EngineError("no language model is enabled; see language_model.enabled")
    if not draft.situation.may_write:
        draft.end(Outcome.REFUSED, RESTING)
        return
    if not draft.text or not draft.text.strip():
        raise EngineError("there is no text to answer")
    draft.lm = mind.language_model.name
    completion = mind.language_model.complete(draft.text, stopping)
    draft.stage("answer")
    if completion.first_token_ms is not None:
        draft.note("first_token", completion.first_token_ms / 1000)
    draft.tokens = Tokens(
        prompt=completion.prompt_tokens,
        cached=completion.cached_tokens,
        generated=completion.generated_tokens,
    )
    if not completion.text.strip():
        raise EngineError("the language model wrote nothing")
    draft.answer = completion.text.strip()
    draft.end(Outcome.ANSWER)


def _text_of(request: Request) -> str:
    try:
        return request.payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EngineError(f"the text is not UTF-8, at byte {error.start}") from None
