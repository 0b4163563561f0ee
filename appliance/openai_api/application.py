"""The routes of OpenAI's interface, and who may use them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Route

from appliance.http_server.site import Site
from appliance.openai_api.replies import ApiError, json_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from appliance.config import Config
    from appliance.openai_api.tokens import ClientTokens

    Endpoint = Callable[[Request, str], Awaitable[Response]]
    """Takes the request and the client's name."""

OVERHEAD_BYTES = 65_536
"""That a form may have beside the recording."""


def site(config: Config, tokens: ClientTokens) -> Site:
    """What `http.listen` serves."""
    api = OpenAiApi(config, tokens)
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

    def __init__(self, config: Config, tokens: ClientTokens) -> None:
        self._config = config
        self._tokens = tokens

    def application(self) -> Starlette:
        """Every route."""
        return Starlette(
            routes=[
                Route("/v1/models", self._guarded(self._models), methods=["GET"]),
            ],
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
            name = await asyncio.to_thread(self._tokens.client_of, token.strip())
            if name is not None:
                return name
        why = "no valid token; make one on the board: appliance token add NAME"
        raise ApiError(401, why, code="invalid_api_key")

    async def _models(self, request: Request, client: str) -> Response:
        models = [
            {"id": name, "object": "model", "created": 0, "owned_by": self._config.name}
            for name in self._config.models
        ]
        return json_response({"object": "list", "data": models})
