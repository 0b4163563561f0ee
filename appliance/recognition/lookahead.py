"""What a sentence is so far, asked in a thread of its own, so that hearing never waits for it."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.errors import EngineError, Interrupted
from appliance.values import SentenceProgress

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.values import Samples

    Lookahead = Callable[[Samples, bool, Callable[[], bool]], SentenceProgress]
    """What a sentence is of which only so much has been said: asked with the sound, whether there
    is time to be thorough, and a way to learn that more has been said; Interrupted then."""

logger = logging.getLogger(__name__)

PATIENCE = 0.2
"""Seconds that a turn waits for a question; a stop is noticed no later."""


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays do not compare to one bool
class EarlyVerdict:
    """What was made of the sentence at one moment."""

    samples: Samples
    """The sound that was asked about, the very object."""
    mark: int
    """Frames with speech in it: it holds for as long as no more are heard."""
    progress: SentenceProgress
    thorough: bool = False
    """Whether whoever takes the sound for a whole sentence would find the same."""


@dataclass(slots=True, eq=False)
class _Question:
    samples: Samples
    mark: int
    thorough: bool
    withdrawn: bool = False


class LookaheadQueue:
    """One question at a time; a newer one takes the place of one that still waits.

    `request`, `cancel` and `verdict` belong to the listener, `turn` to a Loop of its own.
    """

    def __init__(self, so_far: Lookahead) -> None:
        """`so_far` may take its time; it is called in the Loop's thread."""
        self._so_far = so_far
        self._changed = threading.Condition()
        self._question: _Question | None = None
        self._at_work: _Question | None = None
        self._verdict: EarlyVerdict | None = None
        self._failed = False

    def request(self, samples: Samples, mark: int, *, thorough: bool = False) -> None:
        """Have a sentence looked at that is still being spoken."""
        with self._changed:
            self._question = _Question(samples, mark, thorough)
            self._changed.notify()

    @property
    def pending(self) -> bool:
        """Whether the answer to a question is still to come."""
        return self._at_work is not None or self._question is not None

    @property
    def verdict(self) -> EarlyVerdict | None:
        """The newest answer, or None since `reset`."""
        return self._verdict

    def pending_thorough(self, mark: int) -> Samples | None:
        """The sound of a thorough question whose answer is still to come; None without one."""
        with self._changed:
            question = self._question or self._at_work
            same = question is not None and question.thorough and question.mark == mark
            return question.samples if question is not None and same else None

    def cancel(self) -> None:
        """More is being said: what was asked before is of no use, and need not be finished."""
        with self._changed:
            self._question = None
            if self._at_work is not None:
                self._at_work.withdrawn = True

    def reset(self) -> None:
        """Another sentence begins; an answer that is still to come counts no more."""
        with self._changed:
            self.cancel()
            self._verdict = None

    def turn(self) -> None:
        """Answer a question, or wait a moment for one."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._question is not None, PATIENCE):
                return
            question, self._question = self._question, None
            self._at_work = question
        if question is None:
            return
        so_far = self._answer_to(question)
        with self._changed:
            self._at_work = None
            if so_far is not None and not question.withdrawn:
                self._verdict = EarlyVerdict(
                    question.samples, question.mark, so_far, question.thorough
                )

    def _answer_to(self, question: _Question) -> SentenceProgress | None:
        try:
            return self._so_far(question.samples, question.thorough, lambda: question.withdrawn)
        except Interrupted:
            return None
        except EngineError as error:
            # The pauses decide then, as they do without us; the log need not say it each time.
            if not self._failed:
                logger.warning("the end of speech is found by pauses alone: %s", error)
            self._failed = True
            return SentenceProgress.UNKNOWN
