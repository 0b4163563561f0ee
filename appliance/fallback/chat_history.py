"""Follow-up questions: what was said before in a session, bounded in number, length and time."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SESSIONS = 32
"""Sessions that are remembered; of more, the one that was silent longest is forgotten."""

CHARACTERS = 2_000
"""Of a session's questions and answers together: they must be read again at each turn."""


class ChatHistory:
    """Questions and answers by session; in memory only, gone with the process."""

    def __init__(
        self, turns: int, minutes: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._turns = turns
        self._seconds = minutes * 60
        self._now = now
        self._sessions: OrderedDict[str, tuple[float, deque[tuple[str, str]]]] = OrderedDict()

    def said(self, session: str | None) -> tuple[str, ...]:
        """Questions and answers so far, in turn; none where the session is new or over."""
        if session is None or session not in self._sessions:
            return ()
        touched, turns = self._sessions[session]
        if self._now() - touched > self._seconds:
            del self._sessions[session]
            return ()
        return tuple(text for turn in turns for text in turn)

    def note(self, session: str | None, question: str, answer: str) -> None:
        """A question was answered."""
        if session is None or not self._turns:
            return
        self.said(session)  # forgets what is too old
        _, turns = self._sessions.pop(session, (0.0, deque[tuple[str, str]](maxlen=self._turns)))
        turns.append((question, answer))
        while len(turns) > 1 and sum(len(q) + len(a) for q, a in turns) > CHARACTERS:
            turns.popleft()
        self._sessions[session] = (self._now(), turns)
        while len(self._sessions) > SESSIONS:
            self._sessions.popitem(last=False)
