"""Answers and errors in the form of OpenAI's interface."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from appliance.values import encode

UNAUTHORIZED, BUSY = 401, 429


class ApiError(Exception):
    """A request that is not done: status code, kind, and what the client should do."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, parameter: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        """Code for programs, such as `model_not_found`."""
        self.parameter = parameter
        """The part of the request that is wrong."""

    def content(self) -> dict[str, Any]:
        """The body in OpenAI's form."""
        error = {
            "message": str(self),
            "type": "server_error" if self.status >= 500 else "invalid_request_error",  # noqa: PLR2004
            "param": self.parameter,
            "code": self.code,
        }
        return {"error": error}

    def response(self) -> Response:
        """The response, with the headers that tell a client whether to try again."""
        headers = {"x-should-retry": "true" if self.status == BUSY else "false"}
        if self.status == UNAUTHORIZED:
            headers["www-authenticate"] = "Bearer"
        elif self.status == BUSY:
            headers["retry-after"] = "1"
        return json_response(self.content(), self.status, headers)


def json_response(
    content: Any, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """JSON as the rest of the appliance writes it."""
    return Response(encode(content), status, headers, media_type="application/json")
