"""Earlier questions and answers of a session, bounded in number, length and age."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SESSIONS = 32
"""Maximum number of sessions; the one that was idle longest is dropped first."""

CHARACTERS = 2_000
"""Maximum length of a session's questions and answers, because the model reads them at each
turn."""


class ChatHistory:
    """Questions and answers by session, in memory only."""

    def __init__(
        self, most_turns: int, minutes: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._most_turns = most_turns
        self._seconds = minutes * 60
        self._now = now
        self._sessions: OrderedDict[str, tuple[float, deque[tuple[str, str]]]] = OrderedDict()

    def turns(self, session: str | None) -> tuple[str, ...]:
        """Earlier questions and answers, alternating; empty if the session is new or expired."""
        if session is None or session not in self._sessions:
            return ()
        touched, turns = self._sessions[session]
        if self._now() - touched > self._seconds:
            del self._sessions[session]
            return ()
        return tuple(text for turn in turns for text in turn)

    def add(self, session: str | None, question: str, answer: str) -> None:
        """Keep a question and its answer."""
        if session is None or not self._most_turns:
            return
        self.turns(session)  # drops the session if it is expired
        _, turns = self._sessions.pop(
            session, (0.0, deque[tuple[str, str]](maxlen=self._most_turns))
        )
        turns.append((question, answer))
        while len(turns) > 1 and sum(len(q) + len(a) for q, a in turns) > CHARACTERS:
            turns.popleft()
        self._sessions[session] = (self._now(), turns)
        while len(self._sessions) > SESSIONS:
            self._sessions.popitem(last=False)
