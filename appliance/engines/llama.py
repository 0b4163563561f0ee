"""The language model, as the appliance sees it: a child process that may crash, hang or die."""

from __future__ import annotations

import contextlib
import itertools
import logging
from typing import TYPE_CHECKING, Any, NoReturn

from appliance.engines.child import ChildDied
from appliance.engines.llama_lines import Lines
from appliance.engines.llama_opening import is_own, opened
from appliance.engines.llama_time import Clock, Pauses
from appliance.errors import EngineDied, EngineError, Interrupted, ModelMissing
from appliance.values import Completion, Weighing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from appliance.config import LanguageModel
    from appliance.engines.child import Child
    from appliance.values import Question

logger = logging.getLogger(__name__)

LOADING = 180.0
"""Seconds that opening the model may take; a slow card reads 1 GB in about 50."""

LET_GO = 0.15
"""Seconds for the process to break off by itself; then it is killed, which costs a reload."""

VERIFY = "appliance models verify"

OWN_FILE = "fetch the file again, or name another in language_model.model"


class Llama:
    """A GGUF model behind a pipe, for one thread that outlives its calls; any may pause it."""

    def __init__(
        self,
        path: Path,
        settings: LanguageModel,
        threads: int,
        name: str | None = None,
        states: Path | None = None,
    ) -> None:
        self.name = name or path.stem
        self.restarts = 0
        """Times that the process had to be started again."""
        self._path = path
        self._settings = settings
        self._threads = threads
        self.working = threads
        """Of the threads, how many may work from the next order on."""
        self._states = states
        self._lines: Lines | None = None
        self._pauses = Pauses()
        self._wanted = False
        self._numbers = itertools.count(1)
        self.restored = False
        """Whether the fixed part of the prompt came from the disk."""

    @property
    def process_id(self) -> int | None:
        """Of the child, for whoever counts its memory; None while there is none."""
        return self._lines.child.process_id if self._lines else None

    def start(self) -> None:
        """Open the model and read the fixed part of the prompt; done by complete() if not before.

        Raises:
            ModelMissing: there is no such file.
            EngineError: the file is no model that can be opened, with the reason.

        """
        try:
            self._await_ready(lambda: False)
        except ChildDied as death:
            self.close()
            raise EngineError(f"{_died(death)} while it opened {self._path.name}") from death

    def look_after(self) -> None:
        """Start a process that has died while nobody asked it anything; does not wait for it."""
        if not self._wanted or (self._lines is not None and self._lines.child.alive()):
            return
        logger.warning("the language model process died while it was idle; it is started again")
        self._drop()
        with contextlib.suppress(EngineError, ModelMissing):  # told at the next request
            self._lines = Lines(self._open())

    def complete(
        self,
        question: Question,
        stopping: Callable[[], bool],
        tell: Callable[[str], None] | None = None,
    ) -> Completion:
        """The answer; a process that dies of the question is started again, and asked once more.

        `tell` is given each piece of the answer as it is written.
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

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Have the process stand still, whatever it does, until something is asked of it.

        For any thread: what several have paused goes on when the last of them is done.
        """
        one = object()
        self._pauses.begin(one, self._stand_still)
        try:
            yield
        finally:
            self._pauses.end(one, self._go_on)

    def close(self) -> None:
        """End the process; may be called twice."""
        self._wanted = False
        self._drop()

    def _drop(self) -> None:
        lines, self._lines = self._lines, None
        if lines is not None:
            lines.give_up()

    def _stand_still(self) -> None:
        if self._lines is not None and self._lines.ready:
            self._lines.child.pause()

    def _go_on(self) -> None:
        if self._lines is not None and self._lines.ready:
            self._lines.child.go_on()

    def _await_ready(self, stopping: Callable[[], bool]) -> Lines:
        self._wanted = True
        if self._lines is None:
            self._lines = Lines(self._open())
        lines = self._lines
        if not lines.ready:
            event = lines.next(0, Clock(LOADING, self._pauses), stopping)
            if event is None:
                self._drop()
                raise EngineError(f"opening {self._path.name} took more than {LOADING:.0f} s")
            lines.ready = "ready" in event
            if not lines.ready:
                self._drop()
                own = is_own(self._path, self._settings)
                raise EngineError(f"{event['error']}; {OWN_FILE if own else 'run: ' + VERIFY}")
            self.restored = event["restored"]
        return lines

    def _open(self) -> Child:
        return opened(self._path, self._settings, self._threads, self._states)

    def _twice(
        self, order: dict[str, Any], stopping: Callable[[], bool], tell: Callable[[str], None]
    ) -> dict[str, Any]:
        """What came of an order. Tried again once where the process died of it, or beside it."""
        try:
            return self._ask(order, stopping, tell)
        except ChildDied as death:
            logger.warning("%s; it is started again", _died(death))
        try:
            self.restarts += 1
            return self._ask(order, stopping, tell)
        except ChildDied as death:
            with contextlib.suppress(EngineError):
                self._lines = Lines(self._open())  # ready again for who comes next
            raise EngineDied(f"{_died(death)} twice at this text; it is not tried again") from None

    def _ask(
        self, order: dict[str, Any], stopping: Callable[[], bool], tell: Callable[[str], None]
    ) -> dict[str, Any]:
        """One try. ChildDied when the process died, or said nothing at all in its time."""
        number = next(self._numbers)
        lines = None
        try:
            lines = self._await_ready(stopping)
            self._pauses.end_all(lines.child.go_on)
            lines.child.send({"id": number, "threads": self.working, **order})
            return self._collect(lines, number, stopping, tell)
        except ChildDied:
            if lines is None or self._lines is lines:
                self._drop()
            raise
        except Interrupted:
            if lines is None or self._lines is lines:
                self._break_off(number)
            raise
        finally:
            if lines is not None:
                lines.forget(number)

    def _collect(
        self,
        lines: Lines,
        number: int,
        stopping: Callable[[], bool],
        tell: Callable[[str], None],
    ) -> dict[str, Any]:
        clock = Clock(self._settings.time_limit_s, self._pauses)
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

    def _break_off(self, number: int) -> None:
        """Leave the process ready for the next text, or else leave none."""
        lines = self._lines
        if lines is not None and lines.ready:
            with contextlib.suppress(ChildDied):  # it is gone, which is as good
                self._pauses.end_all(lines.child.go_on)  # it could not let go
                lines.child.send({"stop": number})
                if lines.ends_by_itself(number, Clock(LET_GO, Pauses())):
                    return
        self._drop()


def _nobody(_: str) -> None:
    return


def _died(death: ChildDied) -> str:
    return f"the language model process died ({death})"
