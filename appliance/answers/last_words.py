"""The last command and the last answer, for "what did I say" and "repeat that"."""

from __future__ import annotations

from appliance.events import Event, JobFinished
from appliance.values import ACTING_OPERATIONS, Outcome, Request

ABOUT_IT = frozenset({"AskLastCommand", "RepeatAnswer"})
"""Intents that ask for the last words, and are not remembered themselves."""


class LastWords:
    """Observes the last command and answer, in memory only."""

    def __init__(self) -> None:
        self.command: str | None = None
        """The words of the last command that was understood."""
        self.answer: str | None = None
        """The last answer."""

    def on_event(self, event: Event) -> None:
        """Remember a spoken or sent command and its answer."""
        if not isinstance(event, JobFinished):
            return
        job, result = event.job, event.result
        if isinstance(job, Request) and job.operation not in ACTING_OPERATIONS:
            return
        if result.outcome not in (Outcome.INTENT, Outcome.ANSWER):
            return
        if not any(intent.name in ABOUT_IT for intent in result.commands):
            self.command, self.answer = result.text, result.answer or self.answer
