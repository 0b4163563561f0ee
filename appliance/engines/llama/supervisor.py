"""The language model's process as it comes and goes: opened, paused, looked after, ended."""

from __future__ import annotations

import contextlib
import itertools
import logging
from typing import TYPE_CHECKING

from appliance.engines.child_process import ChildDied
from appliance.engines.llama.circuit_breaker import RetryPolicy
from appliance.engines.llama.server_launcher import is_own, opened
from appliance.engines.llama.server_process import OPENING, ResponseLines
from appliance.engines.llama.work_clock import Pauses, WorkClock
from appliance.errors import EngineError, ModelMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from appliance.config import LanguageModelSettings
    from appliance.engines.child_process import Child

logger = logging.getLogger(__name__)

LOADING = 180.0
"""Seconds that opening the model may take; a slow card reads 1 GB in about 50."""

VERIFY = "appliance models verify"

OWN_FILE = "fetch the file again, or name another in language_model.model"


class Supervisor:
    """What keeps a process with an open model; the rest asks it."""

    def __init__(
        self,
        path: Path,
        settings: LanguageModelSettings,
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
        self._lines: ResponseLines | None = None
        self._pauses = Pauses()
        self._failures = RetryPolicy()
        self._wanted = False
        self._numbers = itertools.count(1)
        self.restored = False
        """Whether the fixed part of the prompt came from the disk."""

    @property
    def process_id(self) -> int | None:
        """Of the child, for whoever counts its memory; None while there is none."""
        return self._lines.child.process_id if self._lines else None

    @property
    def fault(self) -> str | None:
        """Why it cannot be used just now; None where nothing is known against it. Any thread."""
        return self._failures.fault

    def start(self) -> None:
        """Open the model and read the fixed part of the prompt; done by complete() if not before.

        Raises:
            ModelMissing: there is no such file.
            EngineError: the file is no model that can be opened, with the reason; `look_after`
                tries again, with pauses.

        """
        try:
            self._await_ready(lambda: False)
        except ChildDied as death:
            raise EngineError(died_opening(death, self._path)) from death

    def look_after(self) -> None:
        """Asked while nobody asks it anything: start what has died, without waiting for it."""
        lines = self._lines
        if not self._wanted:
            return
        if lines is None:
            if not self._failures.too_early():
                self._begin_anew()
        elif not lines.ready:
            self._glance(lines)
        elif not lines.child.alive():
            logger.warning("the language model process died while it was idle")
            self._drop()
            self._begin_anew()

    def _begin_anew(self) -> None:
        logger.info("the language model process is started again")
        with contextlib.suppress(EngineError, ModelMissing, ChildDied):  # noted
            self._begin()

    def _glance(self, lines: ResponseLines) -> None:
        """Whether it has opened its model meanwhile; what keeps it from that is noted."""
        with contextlib.suppress(EngineError):  # noted
            try:
                event = lines.glance()
            except ChildDied as death:
                self._fail(lines, died_opening(death, self._path), refused=False)
                return
            if event is not None or lines.opening.left() <= 0:
                self._take_opening(lines, event)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Have the process stand still, whatever it does, until the same thread asks something.

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
        if self._lines is not None:
            self._lines.child.pause()

    def _go_on(self) -> None:
        if self._lines is not None:
            self._lines.child.go_on()

    def _begin(self) -> ResponseLines:
        """A process that opens the model; it stands still where somebody speaks just now."""
        try:
            lines = ResponseLines(self._open(), WorkClock(LOADING, self._pauses))
        except (EngineError, ModelMissing) as error:
            self._failures.note(str(error), refused=True)
            raise
        except ChildDied as death:
            self._failures.note(died_opening(death, self._path), refused=False)
            raise
        self._lines = lines
        self._pauses.keep(self._stand_still)
        return lines

    def _await_ready(self, stopping: Callable[[], bool]) -> ResponseLines:
        self._wanted = True
        lines = self._lines
        if lines is None:
            if reason := self._failures.refuses():
                raise EngineError(reason)
            lines = self._begin()
        if not lines.ready:
            try:
                event = lines.next(OPENING, lines.opening, stopping)
            except ChildDied as death:
                self._fail(lines, died_opening(death, self._path), refused=False)
                raise
            self._take_opening(lines, event)
        return lines

    def _take_opening(self, lines: ResponseLines, event: dict[str, Any] | None) -> None:
        """What came of opening it; EngineError where it is not open."""
        if event is None:
            reason = f"opening {self._path.name} took more than {LOADING:.0f} s"
        elif "ready" not in event:
            own = is_own(self._path, self._settings)
            reason = f"{event['error']}; {OWN_FILE if own else 'run: ' + VERIFY}"
        else:
            lines.ready = True
            self.restored = event["restored"]
            self._failures.opened()
            return
        self._fail(lines, reason, refused=True)
        raise EngineError(reason)

    def _fail(self, lines: ResponseLines, reason: str, *, refused: bool) -> None:
        if self._lines is lines:  # else it was told at another text meanwhile
            self._drop()
            self._failures.note(reason, refused=refused)

    def _open(self) -> Child:
        return opened(self._path, self._settings, self._threads, self._states)


def died(death: ChildDied) -> str:
    """In the words for an owner."""
    return f"the language model process died ({death})"


def died_opening(death: ChildDied, path: Path) -> str:
    """The same, of one that had not opened its model yet."""
    return f"{died(death)} while it opened {path.name}"
