"""Live looks for changes once, and renders each of them once, however many browsers watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from appliance.events import JobFinished, StatusChanged, WordsHeard
from appliance.page import live_updates
from appliance.page.access import Role
from appliance.page.live_updates import LiveUpdates
from appliance.page.observed_activity import ObservedActivity
from appliance.page.page_texts import texts
from appliance.values import (
    Activity,
    MicrophoneState,
    Outcome,
    Result,
    Source,
    TextInput,
    Trigger,
)


class CountedPage:
    """A browser's request that counts what is rendered for it."""

    def __init__(self, language: str = "en", role: Role = Role.OWNER) -> None:
        self.language, self.role, self.texts = language, role, texts(language)
        self.rendered = 0

    def render(self, template: str, **_: Any) -> str:
        self.rendered += 1
        return template


class Watched:
    """Live with an activity and a microphone that a test changes."""

    def __init__(self) -> None:
        self.activity = ObservedActivity()
        self.voice = SimpleNamespace(level_dbfs=-40.0, state=MicrophoneState.OK)
        self.updates = LiveUpdates(
            cast(
                "Any",
                SimpleNamespace(
                    activity=self.activity,
                    voice=self.voice,
                    recordings=SimpleNamespace(has=lambda _: False),
                ),
            )
        )

    def events(self, page: CountedPage) -> AsyncGenerator[bytes, None]:
        return self.updates.events(cast("Any", page))

    def finish(self, name: str) -> None:
        job = TextInput(name, "lamp", Source.MQTT, Trigger.REQUEST)
        ended = Result(
            id=name,
            source=Source.MQTT,
            trigger=Trigger.REQUEST,
            language="en",
            outcome=Outcome.TRANSCRIPT,
            at="now",
        )
        self.activity.on_event(JobFinished(job, ended))


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_updates, "POLL_S", 0.01)


async def next_of(events: AsyncGenerator[bytes, None]) -> str:
    return (await asyncio.wait_for(anext(events), 10)).decode()


def test_each_result_is_rendered_once_for_all_with_the_same_language_and_role() -> None:
    async def watch() -> None:
        live = Watched()
        pages = [CountedPage(), CountedPage(), CountedPage("de"), CountedPage(role=Role.VIEWER)]
        streams = [live.events(page) for page in pages]
        for stream in streams:
            assert await next_of(stream) == "event: start\ndata: null\n\n"
            assert "event: now" in await next_of(stream)
        live.finish("a")
        for stream in streams:
            assert "event: result" in await next_of(stream)
        assert [page.rendered for page in pages] == [1, 0, 1, 1]
        for stream in streams:
            await stream.aclose()

    asyncio.run(watch())


def test_a_change_comes_as_it_happens_and_a_level_that_hardly_differs_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_updates, "LEVEL_POLLS", 1)

    async def watch() -> None:
        live = Watched()
        stream = live.events(CountedPage())
        await next_of(stream)
        assert "-40 dBFS" in await next_of(stream)
        live.voice.level_dbfs = -40.6
        await asyncio.sleep(0.1)
        live.finish("a")
        assert "event: result" in await next_of(stream)
        live.activity.on_event(WordsHeard("turn on"))
        assert "turn on" in await next_of(stream)
        live.voice.level_dbfs = -20.4
        assert "-20 dBFS" in await next_of(stream)
        live.activity.on_event(StatusChanged(Activity.LISTENING))
        assert "listening" in await next_of(stream)
        await stream.aclose()

    asyncio.run(watch())


def test_nothing_runs_while_nobody_watches_and_a_silent_stream_gives_signs_of_life(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_updates, "SILENT_S", 0.05)

    async def watch() -> None:
        live = Watched()
        live.voice.level_dbfs = None
        stream = live.events(CountedPage())
        await next_of(stream)
        first = await next_of(stream)
        assert await next_of(stream) == first
        await stream.aclose()
        await asyncio.sleep(0.1)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        again = live.events(CountedPage())
        await next_of(again)
        assert "event: now" in await next_of(again)
        await again.aclose()

    asyncio.run(watch())
