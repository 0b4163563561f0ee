"""The events that are sent to a client, as bytes; the only file that imports wyoming."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from wyoming import asr, audio, error, handle, info, intent, ping, pipeline, snd, tts, wake
from wyoming.satellite import RunSatellite
from wyoming.version import __version__ as protocol_version

from appliance import __version__
from appliance.jobs.result_builder import SAID_STOP
from appliance.values import SAMPLE_RATE, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wyoming.event import Eventable

    from appliance.values import Result
    from appliance.wyoming_server.services import Services

Context = dict[str, Any] | None

COMMANDS = "commands"
"""The model that hears declared sentences."""

DICTATION = "dictation"
"""The model that writes every word."""


def as_bytes(*events: Eventable) -> bytes:
    """The frames of some events."""
    return b"".join(_frame(one) for one in events)


def _frame(eventable: Eventable) -> bytes:
    event = eventable.event()
    data = msgspec.json.encode(event.data) if event.data else b""
    payload = event.payload or b""
    header: dict[str, Any] = {"type": event.type, "version": protocol_version}
    if data:
        header["data_length"] = len(data)
    if payload:
        header["payload_length"] = len(payload)
    return msgspec.json.encode(header) + b"\n" + data + payload


def describe(services: Services) -> bytes:
    """The services of this appliance, always in the same order and under the same names."""
    name, languages = services.name, [services.language]

    def made(what: str, description: str) -> dict[str, Any]:
        return {
            "name": what,
            "description": description,
            "attribution": info.Attribution("appliance", ""),
            "installed": True,
            "version": __version__,
        }

    models = [
        info.AsrModel(**made(COMMANDS, "the declared sentences"), languages=languages),
        info.AsrModel(**made(DICTATION, "every word"), languages=languages),
    ]
    if services.dictation:
        models.reverse()  # a client that names no model means the first
    answers = made(name, "answers of a language model")
    found = info.Info(
        asr=[
            info.AsrProgram(
                **made(name, "speech to text"),
                models=models,
                supports_transcript_streaming=True,
                requires_external_vad=False,
                prefers_auto_gain_enabled=False,
                prefers_noise_reduction_enabled=False,
            )
        ],
        intent=[
            info.IntentProgram(
                **made(name, "text to intent"),
                models=[info.IntentModel(**made(COMMANDS, "the sentences"), languages=languages)],
            )
        ],
    )
    if services.answers:
        found.handle = [
            info.HandleProgram(
                **answers,
                models=[info.HandleModel(**answers, languages=languages)],
            )
        ]
    if (synthesizer := services.synthesizer) is not None:
        voice = info.TtsVoice(**made(synthesizer.name, "the voice"), languages=languages)
        found.tts = [
            info.TtsProgram(
                **made(name, "text to speech"), voices=[voice], supports_synthesize_streaming=True
            )
        ]
    if services.wake_words:
        words = [
            info.WakeModel(
                **made(word.name, "wake word"),
                languages=languages,
                phrase=word.name.replace("_", " "),
            )
            for word in services.wake_words
        ]
        found.wake = [info.WakeProgram(**made(name, "wake words"), models=words)]
    return as_bytes(found)


def pong(text: str | None) -> bytes:
    """The answer to a ping."""
    return as_bytes(ping.Pong(text=text))


def failed(text: str, code: str) -> bytes:
    """Why something cannot be done."""
    return as_bytes(error.Error(text=text, code=code))


def transcript(text: str, language: str, context: Context) -> bytes:
    """The words that were said; empty if they are not a declared sentence."""
    return as_bytes(
        asr.TranscriptStart(context=context, language=language),
        *((asr.TranscriptChunk(text=text),) if text else ()),
        asr.Transcript(text=text, context=context, language=language),
        asr.TranscriptStop(),
    )


def words_of(result: Result) -> str | None:
    """The words that answer a transcription; None if it failed.

    A command that is not to be carried out gets no words: the client would act on them.
    """
    match result.outcome:
        case Outcome.INTENT | Outcome.TRANSCRIPT:
            return result.text or ""
        case Outcome.CANCELLED if result.reason == SAID_STOP:
            return result.text or ""
        case Outcome.FAILED | Outcome.CANCELLED | Outcome.EXPIRED:
            return None
    return ""


def intents(
    found: Sequence[tuple[str, Mapping[str, Any]]], response: str | None, context: Context
) -> bytes:
    """The intents of one sentence, each with its slots; `response` goes with the last one."""
    made = [
        intent.Intent(
            name=name,
            entities=[intent.Entity(slot, value) for slot, value in slots.items()],
            context=context,
        )
        for name, slots in found
    ]
    made[-1].text = response
    if len(made) == 1:
        return as_bytes(made[0])
    return as_bytes(intent.IntentsStart(), *made, intent.IntentsStop())


def not_recognized(context: Context) -> bytes:
    """The text is none of the sentences."""
    return as_bytes(intent.NotRecognized(context=context))


def not_handled(text: str | None, context: Context) -> bytes:
    """Nothing was done."""
    return as_bytes(handle.NotHandled(text=text, context=context))


def handled(text: str, context: Context) -> bytes:
    """An answer in words."""
    return as_bytes(handle.Handled(text=text, context=context))


def sound_start(rate: int) -> bytes:
    """Speech follows: 16 bits, one channel."""
    return as_bytes(audio.AudioStart(rate=rate, width=2, channels=1))


def sound(rate: int, pcm: bytes) -> bytes:
    """A piece of speech."""
    return as_bytes(audio.AudioChunk(rate=rate, width=2, channels=1, audio=pcm))


def sound_stop() -> bytes:
    """The end of the speech."""
    return as_bytes(audio.AudioStop())


def synthesize_stopped() -> bytes:
    """All pieces of a text were spoken."""
    return as_bytes(tts.SynthesizeStopped())


def detection(name: str, timestamp_ms: int, context: Context) -> bytes:
    """A wake word was heard."""
    return as_bytes(wake.Detection(name=name, timestamp=timestamp_ms, context=context))


def describe_satellite(name: str, area: str, wake_words: Sequence[str]) -> bytes:
    """What a satellite is: where it stands, and what wakes it."""
    satellite = info.Satellite(
        name=name,
        description="a microphone and a loudspeaker",
        attribution=info.Attribution("appliance", ""),
        installed=True,
        version=__version__,
        area=area or None,
        has_vad=True,
        active_wake_words=list(wake_words),
        max_active_wake_words=len(wake_words),
        supports_trigger=True,
    )
    return as_bytes(info.Info(satellite=satellite))


def greeting() -> bytes:
    """To a satellite: who are you; what you hear is recognised here."""
    return as_bytes(info.Describe(), RunSatellite())


def are_you_there() -> bytes:
    """A ping."""
    return as_bytes(ping.Ping())


def listen_for_reply() -> bytes:
    """To a satellite: listen to the reply to the question that was just played there."""
    asr_only = pipeline.PipelineStage.ASR
    return as_bytes(pipeline.RunPipeline(start_stage=asr_only, end_stage=asr_only))


def begin_reply() -> bytes:
    """From a satellite: the sound of a reply follows."""
    return listen_for_reply() + sound_start(SAMPLE_RATE)


def begin_speech(word: str | None, context: Context) -> bytes:
    """From a satellite: somebody speaks, after this wake word if there was one."""
    run = pipeline.RunPipeline(
        start_stage=pipeline.PipelineStage.ASR,
        end_stage=pipeline.PipelineStage.TTS,
        wake_word_name=word,
    )
    woken = () if word is None else (wake.Detection(name=word, context=context),)
    return as_bytes(*woken, run, audio.AudioStart(rate=SAMPLE_RATE, width=2, channels=1))


def played() -> bytes:
    """From a satellite: what it was to say has been said."""
    return as_bytes(snd.Played())


def not_detected(context: Context) -> bytes:
    """The sound ended without a wake word."""
    return as_bytes(wake.NotDetected(context=context))
