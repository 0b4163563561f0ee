"""What happens now, looked up and rendered once for all browsers that watch Live."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from appliance.page.access import Role
from appliance.page.event_streams import event

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from appliance.page.observed_activity import NumberedResult
    from appliance.page.page_request import PageRequest
    from appliance.page.page_services import PageServices

POLL_S = 0.25
"""Seconds between two looks for changes, while somebody watches."""

LEVEL_POLLS = 2
"""Looks between two levels of the microphone: it differs at each look, and is only to be seen."""

LEVEL_STEP_DB = 2
"""Steps in which the level is shown."""

SILENT_S = 10.0
"""Seconds without news after which a browser gets a sign of life."""

QUIET_DBFS = -60
"""The left end of the level display."""

MOST_RENDERED = 200
"""Rendered events that are kept: the last results in two languages for two roles."""

Snapshot = tuple[str, str, int | None, str]
"""Activity, state of the microphone, its level in dBFS, and the words that are being said."""


class LiveUpdates:
    """Belongs to the event loop of the HTTP server. Nothing runs while nobody watches."""

    def __init__(self, services: PageServices) -> None:
        self._activity = services.activity
        self._voice = services.voice
        self._recordings = services.recordings
        self._watching = 0
        self._looking: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._looks = 0
        self._level: int | None = None
        self._shown: tuple[Snapshot, int] | None = None
        """The snapshot, and the number of the newest result."""
        self._rendered: dict[tuple[Any, ...], bytes] = {}

    async def events(self, request: PageRequest) -> AsyncGenerator[bytes, None]:
        """The events for one browser, as they come."""
        seen, shown = 0, b""
        yield event("start", None)
        with self._watched():
            while True:
                news = self._news
                for numbered in self._activity.results(seen):
                    seen = numbered.number
                    yield self._result_event(request, numbered)
                now = self._now_event(request)
                if now != shown:
                    shown = now
                    yield now
                try:
                    await asyncio.wait_for(news.wait(), SILENT_S)
                except TimeoutError:
                    yield shown

    @contextlib.contextmanager
    def _watched(self) -> Any:
        """Look for changes meanwhile."""
        self._watching += 1
        if self._looking is None or self._looking.done():
            self._look()
            self._looking = asyncio.create_task(self._look_again())
        try:
            yield
        finally:
            self._watching -= 1

    async def _look_again(self) -> None:
        while self._watching:
            await asyncio.sleep(POLL_S)
            before = self._shown
            self._look()
            if self._shown != before:
                news, self._news = self._news, asyncio.Event()
                news.set()

    def _look(self) -> None:
        self._looks += 1
        if self._looks % LEVEL_POLLS == 0:
            level = self._voice.level_dbfs
            self._level = None if level is None else LEVEL_STEP_DB * round(level / LEVEL_STEP_DB)
        activity = self._activity
        snapshot = (str(activity.activity), str(self._voice.state), self._level, activity.words)
        self._shown = (snapshot, activity.newest)

    def _result_event(self, request: PageRequest, numbered: NumberedResult) -> bytes:
        def rendered() -> bytes:
            result = numbered.result
            kept = self._recordings.has(result.id)
            html = request.render("result", result=result, tried=False, kept=kept)
            return event("result", html)

        is_owner = request.role is Role.OWNER
        return self._once((numbered.number, request.language, is_owner), rendered)

    def _now_event(self, request: PageRequest) -> bytes:
        assert self._shown is not None  # noqa: S101  (somebody has looked)
        snapshot, texts = self._shown[0], request.texts
        activity, microphone, level, words = snapshot

        def rendered() -> bytes:
            now = {
                "activity": activity,
                "activity_text": texts[f"activity.{activity}"],
                "microphone": texts[f"microphone.{microphone}"],
                "level": None if level is None else max(0, level - QUIET_DBFS),
                "level_text": "" if level is None else f"{level} dBFS",
                "words": words,
            }
            return event("now", now)

        return self._once((snapshot, request.language), rendered)

    def _once(self, key: tuple[Any, ...], rendered: Callable[[], bytes]) -> bytes:
        """What was rendered for another browser, or a new rendering."""
        found = self._rendered.get(key)
        if found is None:
            found = self._rendered[key] = rendered()
            while len(self._rendered) > MOST_RENDERED:
                del self._rendered[next(iter(self._rendered))]
        return found
