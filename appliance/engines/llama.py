"""The language model, as the appliance sees it: a child process that may crash, hang or die."""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
from collections import defaultdict, deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from appliance.engines import gguf_file
from appliance.engines.child import Child, ChildDied
from appliance.errors import EngineDied, EngineError, Interrupted, ModelMissing
from appliance.values import Completion, Weighing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from appliance.config import LanguageModel
    from appliance.values import Question

logger = logging.getLogger(__name__)

MODULE = "appliance.engines.llama_process"

LOADING = 180.0
"""Seconds that opening the model may take; a slow card reads 1 GB in about 50."""

LOOK_EVERY = 0.005
"""Seconds between two looks whether to stop, and whether somebody speaks."""

LET_GO = 0.15
"""Seconds for the process to break off by itself; then it is killed, which costs a reload."""

BESIDE_THE_FILE_MB = 512
"""Memory that the process may take beside the size of its file, where no limit is set."""


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
        self._child: Child | None = None
        self._pausing = threading.Lock()
        self._pauses: set[object] = set()
        self._ready = False
        self._wanted = False
        self._numbers = itertools.count(1)
        self._events: dict[int, deque[dict[str, Any]]] = defaultdict(deque)
        self.restored = False
        """Whether the fixed part of the prompt came from the disk."""

    @property
    def process_id(self) -> int | None:
        """Of the child, for whoever counts its memory; None while there is none."""
        return self._child.process_id if self._child else None

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
        if not self._wanted or (self._child is not None and self._child.alive()):
            return
        logger.warning("the language model process died while it was idle; it is started again")
        self._drop()
        with contextlib.suppress(EngineError, ModelMissing):  # told at the next request
            self._child = self._open()

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
        self._pause(self._pauses.add, one)
        try:
            yield
        finally:
            self._pause(self._pauses.discard, one)

    def close(self) -> None:
        """End the process; may be called twice."""
        self._wanted = False
        self._drop()

    def _drop(self) -> None:
        if self._child is not None:
            self._child.kill()
        self._child, self._ready = None, False
        self._events.clear()

    def _pause(self, change: Callable[[object], None], one: object) -> None:
        with self._pausing:
            change(one)
            child = self._child
            if child is not None and self._ready:
                child.pause() if self._pauses else child.go_on()

    def _go_on(self, child: Child) -> None:
        """Something is asked of it: what was paused before is over, and does not come back."""
        with self._pausing:
            self._pauses.clear()
            child.go_on()

    def _await_ready(self, stopping: Callable[[], bool]) -> Child:
        self._wanted = True
        if self._child is None:
            self._child = self._open()
        if not self._ready:
            event = self._next_event(self._child, 0, LOADING, stopping)
            if event is None:
                self._drop()
                raise EngineError(f"opening {self._path.name} took more than {LOADING:.0f} s")
            self._ready = "ready" in event
            if not self._ready:
                self._drop()
                own = self._path == Path(self._settings.model).expanduser()
                raise EngineError(f"{event['error']}; {OWN_FILE if own else 'run: ' + VERIFY}")
            self.restored = event["restored"]
        return self._child

    def _open(self) -> Child:
        gguf_file.check(self._path)
        adapter = self._settings.adapter and str(Path(self._settings.adapter).expanduser())
        if adapter:
            gguf_file.check(Path(adapter))
        child = Child(MODULE, self._threads)
        settings = {**msgspec.to_builtins(self._settings), "adapter": adapter}
        child.send(
            {
                "path": str(self._path),
                "settings": settings,
                "threads": self._threads,
                "states": str(self._states) if self._states else None,
                "memory_mb": self._memory_mb(),
            }
        )
        return child

    def _memory_mb(self) -> int:
        own = self._path.stat().st_size // 1_000_000  # where weights are laid out anew
        return self._settings.memory_limit_mb or own + BESIDE_THE_FILE_MB

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
                self._child = self._open()  # ready again for who comes next
            raise EngineDied(f"{_died(death)} twice at this text; it is not tried again") from None

    def _ask(
        self, order: dict[str, Any], stopping: Callable[[], bool], tell: Callable[[str], None]
    ) -> dict[str, Any]:
        """One try. ChildDied when the process died, or said nothing at all in its time."""
        number = next(self._numbers)
        child = None
        try:
            child = self._await_ready(stopping)
            self._go_on(child)
            child.send({"id": number, "threads": self.working, **order})
            return self._collect(child, number, stopping, tell)
        except ChildDied:
            if child is None or self._child is child:
                self._drop()
            raise
        finally:
            self._events.pop(number, None)

    def _collect(
        self,
        child: Child,
        number: int,
        stopping: Callable[[], bool],
        tell: Callable[[str], None],
    ) -> dict[str, Any]:
        clock = _Clock()
        first_token_ms: float | None = None
        while True:
            left = self._settings.time_limit_s - clock.seconds()
            event = self._next_event(child, number, left, clock.without(stopping))
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

    def _next_event(
        self, child: Child, number: int, seconds: float, stopping: Callable[[], bool]
    ) -> dict[str, Any] | None:
        """The next line for an order; None when the time is over, or else somebody's turn.

        Lines for other orders are kept for them: one may be asked while another is written.
        """
        until = time.monotonic() + seconds
        while True:
            if self._events[number]:
                return self._events[number].popleft()
            began = time.monotonic()
            if stopping():
                self._break_off(child, number)
                raise Interrupted("the appliance stopped, or the request was cancelled")
            until += time.monotonic() - began
            if self._child is not child:
                raise ChildDied("it ended at another text meanwhile")
            if self._events[number]:
                continue
            left = until - time.monotonic()
            if left <= 0:
                return None
            event = child.receive(min(LOOK_EVERY, left))
            if event is not None:
                self._events[event.get("id", 0)].append(event)

    def _break_off(self, child: Child, number: int) -> None:
        """Leave the process ready for the next text, or else leave none."""
        until = time.monotonic() + LET_GO
        try:
            if self._ready and number:
                self._go_on(child)  # it could not let go
                child.send({"stop": number})
            while self._ready and number and time.monotonic() < until:
                event = child.receive(max(0.0, until - time.monotonic()))
                if event and event.get("id") != number:
                    self._events[event.get("id", 0)].append(event)
                elif event and "token" not in event:
                    return
        except ChildDied:
            pass  # it is gone, which is as good
        self._drop()


class _Clock:
    """Counts the time that an order took, without the time that was given to others."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self._began

    def without(self, look: Callable[[], bool]) -> Callable[[], bool]:
        def looked() -> bool:
            began = time.monotonic()
            answer = look()
            self._began += time.monotonic() - began
            return answer

        return looked


def _nobody(_: str) -> None:
    return


def _died(death: ChildDied) -> str:
    return f"the language model process died ({death})"
