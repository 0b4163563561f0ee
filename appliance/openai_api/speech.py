"""POST /v1/audio/speech: a text as sound, if a voice is installed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta
from starlette.responses import Response

from appliance.audio.encode import FORMATS, encoded
from appliance.dialogue.speech_output import sentences_in
from appliance.errors import UNREADABLE_JSON, EngineError
from appliance.openai_api.json_body import body_of
from appliance.openai_api.model_names import ModelNames
from appliance.openai_api.replies import ApiError
from appliance.values import Spoken

if TYPE_CHECKING:
    from starlette.requests import Request

    from appliance.protocols import Synthesizer


class SpeechRequest(msgspec.Struct, frozen=True):
    """The body; a voice is not chosen, because one is installed."""

    input: Annotated[str, Meta(min_length=1, max_length=4096)]
    model: str = ""
    voice: str = ""
    response_format: str = "mp3"


class AudioSpeech:
    """The route; belongs to the event loop of the HTTP server."""

    def __init__(self, synthesizer: Synthesizer | None, names: ModelNames) -> None:
        self._synthesizer = synthesizer
        self._names = names
        self._turn = asyncio.Lock()
        """One text at a time, so that sound is made in the order in which it was asked for."""

    async def respond(self, request: Request, client: str) -> Response:
        """The sound of a text."""
        form = _form(await body_of(request))
        ModelNames.check(form.model, self._names.voice, "text to speech")
        kind = FORMATS.get(form.response_format)
        if kind is None or self._synthesizer is None:
            why = f"response_format must be one of {', '.join(FORMATS)}"
            raise ApiError(400, why, parameter="response_format")
        try:
            async with self._turn:
                spoken = await self._speak(form.input, request)
                sound = await asyncio.to_thread(encoded, spoken, form.response_format)
        except EngineError as error:
            raise ApiError(422, str(error)) from None
        return Response(sound, media_type=kind)

    async def _speak(self, text: str, request: Request) -> Spoken:
        """Sentence by sentence; the rest is left out once the client has left."""
        assert self._synthesizer is not None  # noqa: S101
        spoken: list[Spoken] = []
        for sentence in sentences_in(text):
            if await request.is_disconnected():
                raise ConnectionError
            spoken.append(await asyncio.to_thread(self._synthesizer.speak, sentence))
        if not spoken:
            raise ApiError(400, "there is nothing to say", parameter="input")
        return Spoken(np.concatenate([one.samples for one in spoken]), spoken[0].rate)


def _form(body: bytes) -> SpeechRequest:
    try:
        return msgspec.json.decode(body, type=SpeechRequest)
    except UNREADABLE_JSON as error:
        raise ApiError(400, f"the body cannot be used: {error}") from None
