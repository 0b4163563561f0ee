"""The routes of OpenAI's interface, and who may use them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Route

from appliance.errors import ApplianceError
from appliance.http_server.limits import TooMuch
from appliance.http_server.site import Site
from appliance.openai_api.chat import ChatCompletions
from appliance.openai_api.model_names import ModelNames
from appliance.openai_api.replies import ApiError, json_response
from appliance.openai_api.speech import AudioSpeech
from appliance.openai_api.tokens import ClientTokens
from appliance.openai_api.transcription import AudioTranscriptions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from appliance.config import Config
    from appliance.openai_api.pending_requests import PendingRequests
    from appliance.protocols import Synthesizer

    Endpoint = Callable[[Request, str], Awaitable[Response]]
    """Takes the request and the client's name."""

OVERHEAD_BYTES = 65_536
"""Maximum size of a form besides the recording."""


def site(config: Config, requests: PendingRequests, synthesizer: Synthesizer | None) -> Site:
    """The site of `http.listen`."""
    api = OpenAiApi(config, requests, synthesizer)
    return Site(
        name="http",
        settings=config.http,
        app=api.application(),
        maximum_body_bytes=config.requests.maximum_bytes + OVERHEAD_BYTES,
        certificate_file=config.http.certificate_file,
        key_file=config.http.key_file,
    )


class OpenAiApi:
    """Its methods belong to the event loop of the HTTP server."""

    def __init__(
        self, config: Config, requests: PendingRequests, synthesizer: Synthesizer | None
    ) -> None:
        self._owner = config.name
        self._tokens = ClientTokens(config.state_directory)
        self._names = ModelNames(config, synthesizer)
        self._chat = ChatCompletions(config, self._names, requests)
        self._transcriptions = AudioTranscriptions(config, self._names, requests)
        self._speech = AudioSpeech(synthesizer, self._names)

    def application(self) -> Starlette:
        """Every route."""
        return Starlette(
            routes=[
                Route("/v1/models", self._guarded(self._models), methods=["GET"]),
                *(
                    Route(path, self._guarded(endpoint), methods=["POST"])
                    for path, endpoint in (
                        ("/v1/chat/completions", self._chat.respond),
                        ("/v1/audio/transcriptions", self._transcriptions.respond),
                        ("/v1/audio/speech", self._speech.respond),
                    )
                ),
            ],
            exception_handlers={404: _not_found, 405: _not_found, TooMuch: _too_much},
        )

    def _guarded(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            try:
                return await endpoint(request, await self._client_of(request))
            except ApiError as error:
                return error.response()

        return guarded

    async def _client_of(self, request: Request) -> str:
        """Who asks."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            try:
                name = await asyncio.to_thread(self._tokens.client_of, token.strip())
            except (ApplianceError, OSError):
                why = "the tokens cannot be read; on the board run: appliance token list"
                raise ApiError(503, why, code="tokens_unreadable") from None
            if name is not None:
                return name
        why = "no valid token; make one on the board: appliance token add NAME"
        raise ApiError(401, why, code="invalid_api_key")

    async def _models(self, request: Request, client: str) -> Response:
        models = [
            {"id": name, "object": "model", "created": 0, "owned_by": self._owner}
            for name in self._names.all
        ]
        return json_response({"object": "list", "data": models})


async def _too_much(_: Request, error: Exception) -> Response:
    return ApiError(getattr(error, "status", 413), str(error)).response()


async def _not_found(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    why = f"there is no {request.method} {request.url.path[:100]} here"
    return ApiError(status, why).response()
