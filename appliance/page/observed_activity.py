"""Live data for the page: the state, the words that are being said, and the last results."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.events import (
    JobFinished,
    MicrophoneChanged,
    SessionChanged,
    StatusChanged,
    UtteranceHeard,
    WordsHeard,
)
from appliance.values import Activity, Outcome

if TYPE_CHECKING:
    from appliance.events import Event
    from appliance.values import Result, Session

NOT_UNDERSTOOD = frozenset({Outcome.NOT_UNDERSTOOD, Outcome.REFUSED})

KEPT = 50
"""Results that are shown; they are in memory only."""


@dataclass(frozen=True, slots=True)
class NumberedResult:
    """A result, counted since the start."""

    number: int
    result: Result
    area: str = ""
    """The room of the speaker; empty: that of the appliance."""


class ObservedActivity:
    """An observer: any thread may tell it, and any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._results: deque[NumberedResult] = deque(maxlen=KEPT)
        self._misunderstood: deque[Result] = deque(maxlen=KEPT)
        self._count = 0
        self._words = ""
        self._activity = Activity.STARTING
        self._session: Session | None = None

    def on_event(self, event: Event) -> None:
        """Take note of it."""
        with self._lock:
            match event:
                case StatusChanged(activity):
                    self._activity = activity
                case SessionChanged(session):
                    self._session = session
                case WordsHeard(text):
                    self._words = text
                case UtteranceHeard() | MicrophoneChanged():
                    self._words = ""
                case JobFinished(job, result):
                    self._count += 1
                    self._results.append(NumberedResult(self._count, result, job.area))
                    if result.outcome in NOT_UNDERSTOOD:
                        self._misunderstood.append(result)

    @property
    def activity(self) -> Activity:
        """The activity of the whole device."""
        return self._activity

    @property
    def session(self) -> Session | None:
        """The session that goes on, or the last one; None before the first."""
        return self._session

    @property
    def words(self) -> str:
        """The words that are being said now; empty if nobody speaks."""
        return self._words

    @property
    def misunderstood(self) -> list[Result]:
        """The last ones that were not understood or were refused, the oldest first."""
        with self._lock:
            return list(self._misunderstood)

    @property
    def newest(self) -> int:
        """The number of the newest result; 0 before the first."""
        return self._count

    def area_of(self, result_id: str) -> str:
        """The room in which a result's speaker was; empty if it is not known."""
        with self._lock:
            return next((one.area for one in self._results if one.result.id == result_id), "")

    def results(self, after: int = 0) -> list[NumberedResult]:
        """The results after this number, the oldest first."""
        with self._lock:
            return [one for one in self._results if one.number > after]
