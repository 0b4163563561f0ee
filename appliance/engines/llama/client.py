"""The language model, as the appliance sees it: a child process that may crash, hang or die."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from appliance.engines.child_process import ChildDied
from appliance.engines.llama.server import TOO_DEEP
from appliance.engines.llama.server_process import LOOK_EVERY, STOPPED
from appliance.engines.llama.supervisor import Supervisor, died
from appliance.engines.llama.work_clock import Pauses, WorkClock
from appliance.errors import EngineDied, EngineError, Interrupted, ModelMissing
from appliance.values import Completion, Weighing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.engines.llama.server_process import ResponseLines
    from appliance.values import Question

logger = logging.getLogger(__name__)

LET_GO = 2.0
"""Seconds for the process to break off by itself; then it is killed, which costs a reload. A slow
board reads for a second between two looks whether to stop."""

TRIES_TO_OPEN = 3
"""For one text, where the process dies before it can be asked."""

Tell = Callable[[str | None], None]
"""Takes each piece of a text; None where it begins anew."""


class Llama(Supervisor):
    """A GGUF model behind a pipe, for one thread that outlives its calls; any may pause it."""

    def complete(
        self,
        question: Question,
        stopping: Callable[[], bool],
        tell: Tell | None = None,
    ) -> Completion:
        """The answer; a process that dies of the question is started again, and asked once more.

        `tell` is given each piece of the answer as it is written, and None where it is written
        anew from its beginning.
        """
        order = {
            "said": question.said,
            "schema": question.schema,
            "maximum_tokens": question.maximum_tokens,
        }
        done = self._twice(order, stopping, tell or _nobody)
        return Completion(**done)

    def weigh(
        self, menu: str, text: str, options: Sequence[str], stopping: Callable[[], bool]
    ) -> Weighing:
        """How likely each option is to follow `menu` and `text`, if one of them must."""
        order = {"weigh": {"menu": menu, "text": text, "options": list(options)}}
        return Weighing(**self._twice(order, stopping, _nobody))

    def _twice(
        self, order: dict[str, Any], stopping: Callable[[], bool], tell: Tell
    ) -> dict[str, Any]:
        """What came of an order. Tried again once where the process died of it, or beside it.

        One that was gone before it was asked says nothing against the text.
        """
        deaths: Counter[bool] = Counter()
        while True:
            try:
                return self._ask(order, stopping, tell)
            except ModelMissing as missing:
                raise EngineError(str(missing)) from missing
            except ChildDied as death:
                unasked = isinstance(death, _Unasked)
                deaths[unasked] += 1
                if deaths[True] >= TRIES_TO_OPEN:
                    raise EngineError(f"{died(death)} before it could be asked") from None
                if deaths[False] > 1:
                    self._begin_anew()  # ready again for who comes next
                    twice = f"{died(death)} twice at this text; it is not tried again"
                    raise EngineDied(twice) from None
                logger.warning("%s; it is started again", died(death))
            self.restarts += 1
            tell(None)

    def _ask(
        self, order: dict[str, Any], stopping: Callable[[], bool], tell: Tell
    ) -> dict[str, Any]:
        """One try. ChildDied when the process died, or said nothing at all in its time."""
        number = next(self._numbers)
        lines = self._asked({"id": number, "threads": self.working, **order}, stopping)
        try:
            done = self._collect(lines, number, stopping, tell)
        except ChildDied:
            if self._lines is lines:
                self._drop()
            raise
        except Interrupted:
            if self._lines is lines:
                self._break_off(lines, number)
            raise
        finally:
            lines.forget(number)
        self._failures.worked()
        return done

    def _asked(self, order: dict[str, Any], stopping: Callable[[], bool]) -> ResponseLines:
        """The process that has the order; _Unasked where there is none."""
        lines = None
        try:
            self._pauses.end_own(self._go_on)
            lines = self._await_ready(stopping)
            while self._pauses.held():  # somebody speaks just now
                if stopping():
                    raise Interrupted(STOPPED)
                time.sleep(LOOK_EVERY)
            lines.child.send(order)
        except RecursionError:
            raise EngineError(TOO_DEEP) from None
        except ChildDied as death:
            if lines is not None and self._lines is lines:
                self._drop()
            raise _Unasked(str(death)) from None
        return lines

    def _collect(
        self,
        lines: ResponseLines,
        number: int,
        stopping: Callable[[], bool],
        tell: Tell,
    ) -> dict[str, Any]:
        clock = WorkClock(self._settings.time_limit_s, self._pauses)
        first_token_ms: float | None = None
        while True:
            event = lines.next(number, clock, stopping)
            if event is None:
                self._give_up(hung=first_token_ms is None)
            elif "error" in event:
                raise EngineError(event["error"])
            elif "weighed" in event:
                weighed: dict[str, Any] = event["weighed"]
                return weighed
            elif "done" in event:
                return {**event["done"], "first_token_ms": first_token_ms}
            else:
                if first_token_ms is None:
                    first_token_ms = round(clock.seconds() * 1000, 1)
                tell(event["token"])

    def _give_up(self, *, hung: bool) -> NoReturn:
        """The time is over: what wrote nothing hangs, and is tried again; the rest is too slow."""
        self._drop()
        limit = f"{self._settings.time_limit_s:g} s (language_model.time_limit_s)"
        if hung:
            raise ChildDied(f"it said nothing for {limit}")
        raise EngineError(f"the language model was not done after {limit}")

    def _break_off(self, lines: ResponseLines, number: int) -> None:
        """Leave the process ready for the next text, or else leave none."""
        with (
            contextlib.suppress(ChildDied),  # it is gone, which is as good
            self._pauses.lifted(self._go_on, self._stand_still),
        ):
            lines.child.send({"stop": number})
            if lines.ends_by_itself(number, WorkClock(LET_GO, Pauses())):
                return
        self._drop()


class _Unasked(ChildDied):
    """The process was gone before it had the order."""


def _nobody(_: str | None) -> None:
    return
