"""What a sentence is so far, asked in a thread of its own, so that hearing never waits for it."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.errors import EngineError
from appliance.values import SoFar

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.values import Samples

logger = logging.getLogger(__name__)

PATIENCE = 0.2
"""Seconds that a turn waits for a question; a stop is noticed no later."""


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays do not compare to one bool
class Verdict:
    """What was made of the sentence at one moment."""

    samples: Samples
    """The sound that was asked about, the very object."""
    mark: int
    """Frames with speech in it: it holds for as long as no more are heard."""
    so_far: SoFar


class Meaning:
    """One question at a time; a newer one takes the place of one that still waits.

    `ask` and `verdict` belong to the listener, `turn` to a Loop of its own.
    """

    def __init__(self, so_far: Callable[[Samples], SoFar]) -> None:
        """`so_far` may take its time; it is called in the Loop's thread."""
        self._so_far = so_far
        self._changed = threading.Condition()
        self._question: tuple[Samples, int] | None = None
        self._asked = 0
        self._verdict: Verdict | None = None
        self._answering = False
        self._failed = False

    def ask(self, samples: Samples, mark: int) -> None:
        """Have a sentence looked at that is still being spoken."""
        with self._changed:
            self._question = (samples, mark)
            self._changed.notify()

    @property
    def busy(self) -> bool:
        """Whether the answer to a question is still to come."""
        return self._answering or self._question is not None

    @property
    def verdict(self) -> Verdict | None:
        """The newest answer, or None since `forget`."""
        return self._verdict

    def forget(self) -> None:
        """Another sentence begins; an answer that is still to come counts no more."""
        with self._changed:
            self._asked += 1
            self._question = self._verdict = None

    def turn(self) -> None:
        """Answer a question, or wait a moment for one."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._question is not None, PATIENCE):
                return
            question, self._question = self._question, None
            self._answering = question is not None
            sentence = self._asked
        if question is None:
            return
        samples, mark = question
        try:
            so_far = self._so_far(samples)
        except EngineError as error:
            # The pauses decide then, as they do without us; the log need not say it each time.
            if not self._failed:
                logger.warning("the end of speech is found by pauses alone: %s", error)
            self._failed, so_far = True, SoFar.UNKNOWN
        with self._changed:
            self._answering = False
            if sentence == self._asked:
                self._verdict = Verdict(samples, mark, so_far)
