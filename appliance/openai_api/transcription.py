"""POST /v1/audio/transcriptions: a recording to its words."""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.responses import PlainTextResponse

from appliance.openai_api.model_names import ModelNames
from appliance.openai_api.pending_requests import Asked
from appliance.openai_api.replies import ApiError, json_response
from appliance.values import Operation

if TYPE_CHECKING:
    from starlette.datastructures import FormData
    from starlette.requests import Request
    from starlette.responses import Response

    from appliance.config import Config
    from appliance.openai_api.pending_requests import PendingRequests
    from appliance.values import Result, TextSegment

FORMATS = ("json", "text", "verbose_json")
MOST_FIELDS = 20


class AudioTranscriptions:
    """The route; belongs to the event loop of the HTTP server."""

    def __init__(self, config: Config, names: ModelNames, requests: PendingRequests) -> None:
        self._language = config.device.language
        self._maximum_bytes = config.requests.maximum_bytes
        self._names = names
        self._requests = requests

    async def respond(self, request: Request, client: str) -> Response:
        """The words of the file in the form."""
        form = await self._form(request)
        fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
        ModelNames.check(fields.get("model", ""), self._names.speech, "speech to text")
        self._check_language(fields.get("language", ""))
        wanted = fields.get("response_format", "json")
        if wanted not in FORMATS:
            why = f"response_format must be one of {', '.join(FORMATS)}"
            raise ApiError(400, why, parameter="response_format")
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise ApiError(400, "the form has no file", parameter="file")
        recording = await file.read()
        await form.close()
        if not recording:
            raise ApiError(400, "the file is empty", parameter="file")
        asked = Asked.of(client, request)
        result = await self._requests.result_of(Operation.TRANSCRIBE, recording, asked, request)
        if wanted == "text":
            return PlainTextResponse(f"{result.text or ''}\n")
        return json_response(_verbose(result) if wanted == "verbose_json" else _short(result))

    async def _form(self, request: Request) -> FormData:
        """The form, which stays in memory: sound is never written to the disk here."""
        kind = request.headers.get("content-type", "")
        if kind.partition(";")[0].strip().lower() != "multipart/form-data":
            raise ApiError(415, "send multipart/form-data with the field `file`")
        parser = MultiPartParser(
            request.headers, request.stream(), max_files=1, max_fields=MOST_FIELDS
        )
        parser.spool_max_size = 2 * self._maximum_bytes
        try:
            return await parser.parse()
        except (MultiPartException, KeyError, ValueError) as error:
            raise ApiError(400, f"the form cannot be read: {error}") from None

    def _check_language(self, asked: str) -> None:
        if asked and asked.partition("-")[0].lower() != self._language.partition("-")[0]:
            why = f"the language of this device is {self._language}, not {asked[:20]!r}"
            raise ApiError(400, why, parameter="language")


def _short(result: Result) -> dict[str, Any]:
    return {"text": result.text or ""}


def _verbose(result: Result) -> dict[str, Any]:
    segments = result.segments or ()
    return {
        "task": "transcribe",
        "language": result.language,
        "duration": segments[-1].end_s if segments else None,
        "text": result.text or "",
        "confidence": result.confidence,
        "segments": [_segment(number, one) for number, one in enumerate(segments)],
    }


def _segment(number: int, segment: TextSegment) -> dict[str, Any]:
    """A segment with Whisper's figures, as far as they are known."""
    said = segment.text.encode()
    return {
        "id": number,
        "seek": round(segment.start_s * 100),
        "start": segment.start_s,
        "end": segment.end_s,
        "text": segment.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": math.log(segment.confidence) if segment.confidence else None,
        "compression_ratio": len(said) / len(zlib.compress(said)) if said else None,
        "no_speech_prob": segment.no_speech,
        "confidence": segment.confidence,
    }
