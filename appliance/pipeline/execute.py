"""From a piece of work to its result: all that the appliance does, on one page."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from appliance.errors import AudioError, EngineDied, EngineError, Interrupted
from appliance.fallback.prompt_parts import parts_for
from appliance.ids import boot_seconds
from appliance.jobs.result_builder import SAID_STOP, ResultBuilder
from appliance.recognition.free_recogniser import spoken_text
from appliance.values import Operation, Outcome, PromptRequest, Question, Request, Tokens, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.pipeline.engine_context import EngineContext
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.system.board_state import BoardState
    from appliance.values import Intent, Job, Result

RESTING = "the board is resting (too hot, or too little power): only declared sentences are done"


def answer(
    job: Job, mind: EngineContext, situation: BoardState, stopping: Callable[[], bool]
) -> Result:
    """Do a piece of work; what goes wrong with it is in the result, not raised, but EngineDied.

    `stopping` is asked while the language model writes; True makes the outcome `cancelled`.
    """
    draft = ResultBuilder(job, mind.sentences.language, situation)
    try:
        _do(draft, mind, stopping)
    except Interrupted as error:
        draft.end(Outcome.CANCELLED, str(error))
    except EngineDied:
        raise  # whoever gave us the work must know what it does
    except (EngineError, AudioError) as error:
        draft.end(Outcome.FAILED, str(error))
    return draft.result()


def _do(draft: ResultBuilder, mind: EngineContext, stopping: Callable[[], bool]) -> None:
    job = draft.job
    if isinstance(job, Utterance):
        _hear(draft, job, mind, stopping)
    elif not isinstance(job, Request):
        _read(draft, job.text, mind, stopping)
    elif job.expires_at is not None and boot_seconds() >= job.expires_at:
        draft.end(Outcome.EXPIRED, "its turn came after the time that the requester gave it")
    elif job.operation is Operation.TRANSCRIBE:
        _transcribe(draft, job.payload, mind, stopping)
    elif job.operation is Operation.PARSE:
        _understand_text(draft, _text_of(job), mind, stopping)
    else:
        wish = _wish_of(job)
        draft.text = wish.text
        _write(draft, wish, mind, stopping)


def _hear(
    draft: ResultBuilder, utterance: Utterance, mind: EngineContext, stopping: Callable[[], bool]
) -> None:
    """What was said at the device: one of the sentences, else perhaps a question."""
    if utterance.speech_seconds == 0.0 or not len(utterance.samples):
        draft.end(Outcome.NO_SPEECH)
        return
    if utterance.reply:
        _write_down(draft, utterance, mind)
        return
    sentences = mind.sentences  # those of this moment, also when the files change meanwhile
    draft.stt = mind.recogniser.name
    heard = mind.recogniser.recognise(utterance.samples, sentences, draft.stage)
    draft.stt = heard.by or draft.stt
    if not heard.text and heard.intent is None:
        draft.end(Outcome.NO_SPEECH)
        return
    draft.text, draft.confidence = heard.text, heard.confidence
    if heard.intent is None and mind.means_stop(heard.text):
        draft.end(Outcome.CANCELLED, SAID_STOP)
        return
    intent = heard.intent or _near(draft, heard.text, sentences, mind, stopping)
    if intent is None and mind.answers_speech:
        _write_if_allowed(draft, mind, stopping)
    elif intent is None:
        draft.end(Outcome.NOT_UNDERSTOOD)
    elif sentences.declared[intent.name].never_by_voice:
        draft.end(Outcome.REFUSED, f"{intent.name} is declared never_by_voice")
    else:
        _understand(draft, intent)


def _read(
    draft: ResultBuilder, text: str, mind: EngineContext, stopping: Callable[[], bool]
) -> None:
    """What came as text: one of the sentences, else perhaps a question."""
    _understand_text(draft, text, mind, stopping)
    if draft.outcome is Outcome.NOT_UNDERSTOOD and text.strip():
        _write_if_allowed(draft, mind, stopping)


def _understand_text(
    draft: ResultBuilder, text: str, mind: EngineContext, stopping: Callable[[], bool]
) -> None:
    sentences = mind.sentences
    draft.text = text
    intent = sentences.parse(text)
    draft.stage("parse")
    intent = intent or _near(draft, text, sentences, mind, stopping)
    if intent is None:
        draft.end(Outcome.NOT_UNDERSTOOD)
    else:
        _understand(draft, intent)


def _near(
    draft: ResultBuilder,
    text: str,
    sentences: SentenceSet,
    mind: EngineContext,
    stopping: Callable[[], bool],
) -> Intent | None:
    """What the text means though it is none of the sentences; None where that is not sure."""
    intent = mind.cascade.repair(text, sentences)
    draft.stage("repair")
    spoken = isinstance(draft.job, Utterance)
    guarded = intent is not None and sentences.declared[intent.name].never_by_voice
    if guarded and not spoken:
        return None  # only its very words do it; speech is refused, and told why
    if spoken and not guarded and not mind.cascade.repairs_speech:
        intent = None
    if intent is not None or mind.language_model is None or not draft.situation.may_write:
        return intent
    model = mind.language_model
    choice = mind.cascade.choose(text, sentences, model, stopping, spoken=spoken)
    if choice is None or choice.tokens.prompt is None:
        return None
    draft.stage("choose")
    draft.lm, draft.tokens, draft.perhaps = model.name, choice.tokens, choice.perhaps
    return choice.intent


def _write_down(draft: ResultBuilder, utterance: Utterance, mind: EngineContext) -> None:
    draft.stt = mind.transcriber.name
    transcript = mind.transcriber.transcribe(utterance.samples, draft.language)
    draft.stage("transcribe")
    draft.text = spoken_text(transcript, mind.no_speech_threshold)
    draft.end(Outcome.TRANSCRIPT if draft.text else Outcome.NO_SPEECH)


def _understand(draft: ResultBuilder, intent: Intent) -> None:
    draft.intent, draft.confidence = intent, intent.confidence
    draft.end(Outcome.INTENT)


def _transcribe(
    draft: ResultBuilder, payload: bytes, mind: EngineContext, stopping: Callable[[], bool]
) -> None:
    samples = mind.decode(payload)
    draft.stage("decode")
    if mind.speech_seconds is not None:
        speech = mind.speech_seconds(samples)
        draft.stage("detect")
        if speech == 0.0:
            draft.end(Outcome.NO_SPEECH)
            return
    draft.stt = mind.transcriber.name
    transcript = mind.transcriber.transcribe(samples, draft.language, stopping)
    draft.stage("transcribe")
    draft.text = spoken_text(transcript, mind.no_speech_threshold)
    draft.confidence = transcript.confidence if draft.text else None
    draft.end(Outcome.TRANSCRIPT if draft.text else Outcome.NO_SPEECH)


def _write_if_allowed(
    draft: ResultBuilder, mind: EngineContext, stopping: Callable[[], bool]
) -> None:
    if draft.perhaps is not None:
        draft.end(Outcome.NOT_UNDERSTOOD, f"perhaps {draft.perhaps}, but that is not sure enough")
    elif mind.language_model is None or not draft.situation.may_write:
        draft.end(Outcome.NOT_UNDERSTOOD)
    else:
        _write(draft, PromptRequest(draft.text or ""), mind, stopping)


def _write(
    draft: ResultBuilder, wish: PromptRequest, mind: EngineContext, stopping: Callable[[], bool]
) -> None:
    """Have the language model answer the text."""
    if mind.language_model is None:
        raise EngineError("no language model is enabled; see language_model.enabled")
    if not draft.situation.may_write:
        draft.end(Outcome.REFUSED, RESTING)
        return
    if not wish.text.strip():
        raise EngineError("there is no text to answer")
    draft.lm = mind.language_model.name
    session = _session(draft.job, wish)
    said = (*mind.sessions.said(session), _with_time(wish.text, draft, mind))
    question = Question(said, wish.schema, wish.maximum_tokens)
    completion = mind.language_model.complete(question, stopping, _teller(draft.job, wish, mind))
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
    mind.sessions.note(session, wish.text, draft.answer)
    draft.end(Outcome.ANSWER)


def _session(job: Job, wish: PromptRequest) -> str | None:
    """A session's name among all requesters'."""
    if wish.session is None or not isinstance(job, Request):
        return None
    return f"{job.requester}\0{wish.session}"


def _with_time(text: str, draft: ResultBuilder, mind: EngineContext) -> str:
    """The clock stands with the question: before it, the model would read everything anew."""
    if not mind.tells_time or draft.situation.clock_synced is False:
        return text
    return f"{parts_for(draft.language).told(datetime.now().astimezone())} {text}"


def _teller(
    job: Job, wish: PromptRequest, mind: EngineContext
) -> Callable[[str | None], None] | None:
    """Collects the pieces of an answer that its requester wants to see being written."""
    if not wish.stream or not isinstance(job, Request):
        return None
    pieces: list[str] = []

    def tell(piece: str | None) -> None:
        if piece is None:  # it is written anew
            pieces.clear()
            return
        pieces.append(piece)
        mind.tell(job, "".join(pieces))

    return tell


def _text_of(request: Request) -> str:
    return _wish_of(request).text


def _wish_of(request: Request) -> PromptRequest:
    try:
        return PromptRequest.unpacked(request.payload)
    except UnicodeDecodeError as error:
        raise EngineError(f"the text is not UTF-8, at byte {error.start}") from None
