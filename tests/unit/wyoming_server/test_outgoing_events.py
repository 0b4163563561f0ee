"""What is sent to a client is read by the protocol's own library."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from wyoming.event import async_read_event
from wyoming.intent import Intent as IntentEvent

from appliance.wyoming_server import outgoing_events as outgoing
from appliance.wyoming_server.connection import without_braces

if TYPE_CHECKING:
    from wyoming.event import Event


def events_in(sent: bytes) -> list[Event]:
    async def read() -> list[Event]:
        reader = asyncio.StreamReader()
        reader.feed_data(sent)
        reader.feed_eof()
        found = []
        while (event := await async_read_event(reader)) is not None:
            found.append(event)
        return found

    return asyncio.run(read())


def test_one_intent_stands_alone_and_several_are_framed() -> None:
    one = outgoing.intents([("A", {"x": 1})], "done", {"id": 1})
    (event,) = events_in(one)
    intent = IntentEvent.from_event(event)
    assert (intent.name, intent.text, intent.context) == ("A", "done", {"id": 1})

    several = events_in(outgoing.intents([("A", {}), ("B", {"y": "é"})], "done", None))
    kinds = [event.type for event in several]
    assert kinds == ["intents-start", "intent", "intent", "intents-stop"]
    first, second = (IntentEvent.from_event(event) for event in several[1:3])
    assert (first.text, second.text) == (None, "done")
    assert [(one.name, one.value) for one in second.entities] == [("y", "é")]


@pytest.mark.parametrize("size", [0, 1, 8_192])
def test_sound_is_in_the_payload(size: int) -> None:
    (event,) = events_in(outgoing.sound(22_050, bytes(size)))
    assert (event.payload or b"") == bytes(size)
    assert event.data == {"rate": 22_050, "width": 2, "channels": 1, "timestamp": None}


def test_a_value_that_somebody_said_cannot_become_a_template_at_the_client() -> None:
    assert without_braces({"item": "{{ states('x') }}{%", "number": 5}) == {
        "item": " states('x') %",
        "number": "5",
    }
