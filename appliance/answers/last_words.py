"""The last command and the last answer, for "what did I say" and "repeat that"."""

from __future__ import annotations

from appliance.events import Event, JobFinished
from appliance.values import ACTING_OPERATIONS, Outcome, Request

ABOUT_IT = frozenset({"AskLastCommand", "RepeatAnswer"})
"""Questions about the last words are not the last words."""


class LastWords:
    """An observer; it remembers nothing over a restart."""

    def __init__(self) -> None:
        self.command: str | None = None
        """What was understood last, in the words that were used."""
        self.answer: str | None = None
        """What was answered last."""

    def on_event(self, event: Event) -> None:
        """Remember what was said, or sent to be done."""
        if not isinstance(event, JobFinished):
            return
        job, result = event.job, event.result
        if isinstance(job, Request) and job.operation not in ACTING_OPERATIONS:
            return
        if result.outcome not in (Outcome.INTENT, Outcome.ANSWER):
            return
        if not any(intent.name in ABOUT_IT for intent in result.commands):
            self.command, self.answer = result.text, result.answer or self.answer
