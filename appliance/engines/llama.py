"""The language model, as the appliance sees it: a child process that may crash, hang or die."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from appliance.engines.child import Child, ChildDied
from appliance.errors import EngineDied, EngineError, Interrupted, ModelMissing
from appliance.values import Completion

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from appliance.config import LanguageModel

logger = logging.getLogger(__name__)

MODULE = "appliance.engines.llama_process"

LOADING = 180.0
"""Seconds that opening the model may take; a slow card reads 1 GB in about 50."""

LOOK_EVERY = 0.05
"""Seconds between two looks whether to stop."""

LET_GO = 0.15
"""Seconds for the process to break off by itself; then it is killed, which costs a reload."""

GGUF = b"GGUF"
"""The first bytes of every model file that llama.cpp opens."""


class Llama:
    """A GGUF model behind a pipe. For one thread at a time; that thread must outlive its calls."""

    def __init__(
        self, path: Path, settings: LanguageModel, threads: int, name: str | None = None
    ) -> None:
        self.name = name or path.stem
        self._path = path
        self._settings = settings
        self._threads = threads
        self._child: Child | None = None
        self._ready = False

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
            raise EngineError(f"{_died(death)} while it opened {self._path.name}") from death

    def complete(self, text: str, stopping: Callable[[], bool]) -> Completion:
        """The answer to `text`; a process that dies of it is started again, and asked once more."""
        try:
            return self._ask(text, stopping)
        except ChildDied as death:
            logger.warning("%s; it is started again", _died(death))
        try:
            return self._ask(text, stopping)
        except ChildDied as death:
            raise EngineDied(f"{_died(death)} twice at this text; it is not tried again") from None

    def close(self) -> None:
        """End the process; may be called twice."""
        if self._child is not None:
            self._child.kill()
        self._child, self._ready = None, False

    def _await_ready(self, stopping: Callable[[], bool]) -> Child:
        if self._child is None:
            self._child = self._open()
        if not self._ready:
            event = self._next_event(self._child, time.monotonic() + LOADING, stopping)
            if event is None:
                self.close()
                raise EngineError(f"opening {self._path.name} took more than {LOADING:.0f} s")
            self._ready = "ready" in event
            if not self._ready:
                self.close()
                raise EngineError(f"{event['error']}; run: appliance models verify")
        return self._child

    def _open(self) -> Child:
        try:
            with self._path.open("rb") as file:
                magic = file.read(len(GGUF))
        except FileNotFoundError:
            raise ModelMissing(f"there is no {self._path}; run: appliance models pull") from None
        except OSError as error:
            raise EngineError(f"{self._path} cannot be read: {error.strerror}") from error
        if magic != GGUF:
            raise EngineError(f"{self._path} is not a GGUF file; run: appliance models verify")
        child = Child(MODULE, self._threads)
        child.send(
            {
                "path": str(self._path),
                "settings": msgspec.to_builtins(self._settings),
                "threads": self._threads,
            }
        )
        return child

    def _ask(self, text: str, stopping: Callable[[], bool]) -> Completion:
        """One try. ChildDied when the process died, or said nothing at all in its time."""
        try:
            child = self._await_ready(stopping)
            asked_at = time.monotonic()
            child.send({"text": text})
            return self._collect(child, asked_at, stopping)
        except ChildDied:
            self.close()
            raise

    def _collect(self, child: Child, asked_at: float, stopping: Callable[[], bool]) -> Completion:
        limit = asked_at + self._settings.time_limit_s
        first_token_ms: float | None = None
        while True:
            event = self._next_event(child, limit, stopping)
            if event is None:
                self._give_up(child, hung=first_token_ms is None)
            elif "error" in event:
                raise EngineError(event["error"])
            elif "done" in event:
                return Completion(**event["done"], first_token_ms=first_token_ms)
            elif first_token_ms is None:
                first_token_ms = round((time.monotonic() - asked_at) * 1000, 1)

    def _give_up(self, child: Child, *, hung: bool) -> NoReturn:
        """The time is over: what wrote nothing hangs, and is tried again; the rest is too slow."""
        child.kill()
        limit = f"{self._settings.time_limit_s:g} s (language_model.time_limit_s)"
        if hung:
            raise ChildDied(f"it said nothing for {limit}")
        self.close()
        raise EngineError(f"the language model was not done after {limit}")

    def _next_event(
        self, child: Child, until: float, stopping: Callable[[], bool]
    ) -> dict[str, Any] | None:
        """The next line from the process; None when `until` has come."""
        while time.monotonic() < until:
            if stopping():
                self._break_off(child)
                raise Interrupted("the appliance stopped, or the request was cancelled")
            event = child.receive(min(LOOK_EVERY, max(0.0, until - time.monotonic())))
            if event is not None:
                return event
        return None

    def _break_off(self, child: Child) -> None:
        """Leave the process ready for the next text, or else leave none."""
        until = time.monotonic() + LET_GO
        try:
            if self._ready:
                child.send({"stop": True})
            while self._ready and time.monotonic() < until:
                event = child.receive(until - time.monotonic())
                if event and ("done" in event or "error" in event):
                    return
        except ChildDied:
            pass  # it is gone, which is as good
        self.close()


def _died(death: ChildDied) -> str:
    return f"the language model process died ({death})"
