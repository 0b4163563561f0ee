"""What becomes of a streamed answer that nobody takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from appliance.openai_api.chat import StreamedAnswer


async def pieces() -> AsyncIterator[bytes]:
    yield b"first"
    await asyncio.sleep(60)


def test_a_stream_whose_client_has_left_before_the_first_piece_is_ended() -> None:
    ended = []

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(event: object) -> None:
        pass

    answer = StreamedAnswer(pieces(), lambda: ended.append(True))
    scope = {"type": "http", "asgi": {"spec_version": "2.3"}}
    asyncio.run(answer(scope, receive, send))
    assert ended == [True]
