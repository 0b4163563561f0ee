"""The events that a client sends, as checked types; every other event is ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from appliance.errors import WyomingError

if TYPE_CHECKING:
    from appliance.wyoming_server.frame_reader import Frame

LOWEST_RATE, HIGHEST_RATE = 8_000, 48_000
"""Hertz."""


class IncomingEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the types; its fields are those of the protocol, others are ignored."""


class Describe(IncomingEvent, frozen=True):
    """Asks for `info`."""


class Ping(IncomingEvent, frozen=True):
    """Asks for `pong`, with the same text."""

    text: str | None = None


class SelectProgram(IncomingEvent, frozen=True):
    """Chooses a program by its name; there is one of each kind, so it changes nothing."""

    name: str = ""


class Transcribe(IncomingEvent, frozen=True):
    """Speech follows, whose words are wanted."""

    name: str | None = None
    language: str | None = None
    context: dict[str, Any] | None = None
    vad_sensitivity: str | None = None
    transcript_names: list[str] | None = None
    """Names that may be said; None: those that were given before."""


class Detect(IncomingEvent, frozen=True):
    """Sound follows, in which wake words are wanted."""

    names: list[str] | None = None
    context: dict[str, Any] | None = None


class AudioStart(IncomingEvent, frozen=True):
    """Sound begins: linear PCM of 16 bits."""

    rate: Annotated[int, Meta(ge=LOWEST_RATE, le=HIGHEST_RATE)]
    width: Annotated[int, Meta(ge=2, le=2)]
    channels: Annotated[int, Meta(ge=1, le=2)]


class AudioChunk(AudioStart, frozen=True):
    """A piece of it, in the payload."""

    pcm: bytes = b""


class AudioStop(IncomingEvent, frozen=True):
    """The sound is over."""


class Recognize(IncomingEvent, frozen=True):
    """A text whose intent is wanted."""

    text: str
    context: dict[str, Any] | None = None


class HeardText(Recognize, frozen=True):
    """A text that was heard: its intent is wanted, or an answer in words."""


class IntentToHandle(IncomingEvent, frozen=True):
    """An intent that the client asks to have carried out."""

    name: str
    context: dict[str, Any] | None = None


class VoiceChoice(msgspec.Struct, frozen=True):
    """A voice; there is one, so only its language counts."""

    name: str | None = None
    language: str | None = None


class Synthesize(IncomingEvent, frozen=True):
    """A text to be spoken."""

    text: str
    voice: VoiceChoice | None = None
    context: dict[str, Any] | None = None


class SynthesizeStart(IncomingEvent, frozen=True):
    """A text to be spoken comes in pieces."""

    voice: VoiceChoice | None = None
    context: dict[str, Any] | None = None


class SynthesizeChunk(IncomingEvent, frozen=True):
    """A piece of it."""

    text: str


class SynthesizeStop(IncomingEvent, frozen=True):
    """The end of the text."""


class WhichSatellite(msgspec.Struct, frozen=True):
    """The part of `info` about a satellite."""

    name: str
    area: str | None = None
    supports_trigger: bool | None = None
    """Whether it listens when it is told to."""


class SatelliteInfo(IncomingEvent, frozen=True):
    """What a satellite is."""

    satellite: WhichSatellite | None = None


class Pong(IncomingEvent, frozen=True):
    """The answer to a ping."""


class RunSatellite(IncomingEvent, frozen=True):
    """Whoever sends this to a satellite recognises what it hears, from now on."""


class PauseSatellite(IncomingEvent, frozen=True):
    """It does not, for the time being."""


class RunPipeline(IncomingEvent, frozen=True):
    """A satellite hears somebody, and sends the sound from now on; or it is to listen."""

    wake_word_name: str | None = None
    end_stage: str | None = None

    @property
    def is_reply(self) -> bool:
        """Whether only the words are wanted: the reply to a question."""
        return self.end_stage == "asr"


class Played(IncomingEvent, frozen=True):
    """A satellite has played what it was sent."""


class DetectedWord(IncomingEvent, frozen=True):
    """The wake word that a satellite has detected."""

    name: str | None = None
    context: dict[str, Any] | None = None


class VoiceStopped(IncomingEvent, frozen=True):
    """Whoever recognises has heard that the sentence is over."""


class Failure(IncomingEvent, frozen=True):
    """Something could not be done."""

    text: str = ""
    code: str | None = None


KINDS: dict[str, type[IncomingEvent]] = {
    "describe": Describe,
    "ping": Ping,
    "select-program": SelectProgram,
    "transcribe": Transcribe,
    "detect": Detect,
    "audio-start": AudioStart,
    "audio-chunk": AudioChunk,
    "audio-stop": AudioStop,
    "recognize": Recognize,
    "transcript": HeardText,
    "intent": IntentToHandle,
    "synthesize": Synthesize,
    "synthesize-start": SynthesizeStart,
    "synthesize-chunk": SynthesizeChunk,
    "synthesize-stop": SynthesizeStop,
    "info": SatelliteInfo,
    "pong": Pong,
    "run-satellite": RunSatellite,
    "pause-satellite": PauseSatellite,
    "run-pipeline": RunPipeline,
    "played": Played,
    "detection": DetectedWord,
    "voice-stopped": VoiceStopped,
    "error": Failure,
}


def event_of(frame: Frame) -> IncomingEvent | None:
    """The event in a frame; None if it is of another type, which is ignored.

    Raises:
        WyomingError: it lacks what it needs, or holds what cannot be used.

    """
    kind = KINDS.get(frame.type)
    if kind is None:
        return None
    data = {**frame.data, "pcm": frame.payload} if kind is AudioChunk else frame.data
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        advice = ""
        if issubclass(kind, AudioStart):
            advice = f"; send 16-bit sound, 1 or 2 channels, {LOWEST_RATE} to {HIGHEST_RATE} Hz"
        raise WyomingError(f"{frame.type}: {error}{advice}") from None
