"""The JSON body of a request, within a limit: small JSON may need a hundred times its size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.openai_api.replies import ApiError

if TYPE_CHECKING:
    from starlette.requests import Request

LARGEST_BODY_BYTES = 1_000_000


async def body_of(request: Request) -> bytes:
    """The whole body.

    Raises:
        ApiError: it is larger than `LARGEST_BODY_BYTES`.

    """
    pieces, size = [], 0
    async for piece in request.stream():
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST_BODY_BYTES:
            raise ApiError(413, f"the body is larger than {LARGEST_BODY_BYTES:,} bytes")
    return b"".join(pieces)
