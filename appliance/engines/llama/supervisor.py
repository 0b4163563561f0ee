"""Starts, restarts, suspends and ends the process of the language model."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING

from appliance.child_process import ChildDied
from appliance.engines.llama.circuit_breaker import ModelCircuitBreaker
from appliance.engines.llama.running_server import CANCELLED, POLL_S, START, ServerProcess
from appliance.engines.llama.suspension import Suspender, WorkClock
from appliance.errors import EngineError, EngineMissing, Interrupted, ModelMissing

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from appliance.engines.llama.server_launcher import ServerLauncher

logger = logging.getLogger(__name__)

START_TIMEOUT_S = 180.0
"""Time limit for opening the model, in seconds; a slow SD card reads 1 GB in about 50 s."""

CANCEL_TIMEOUT_S = 2.0
"""Seconds for the process to stop a request, before it is killed, which costs a reload. A slow
board reads for a second between two checks whether to stop."""

ADVICE = "run: appliance models verify"
ADVICE_OWN_FILE = "fetch the file again, or name another in language_model.model"


class Supervisor:
    """Keeps one process with an open model; requests run in one thread, `suspender` in any."""

    def __init__(self, launcher: ServerLauncher) -> None:
        self.suspender = Suspender()
        self.breaker = ModelCircuitBreaker()
        self.restored = False
        """Whether the fixed part of the prompt came from the disk at the last start."""
        self._launcher = launcher
        self._process: ServerProcess | None = None
        self._wanted = False
        self._starts = 0

    @property
    def restarts(self) -> int:
        """Number of restarts of the process."""
        return max(0, self._starts - 1)

    @property
    def process_id(self) -> int | None:
        """Id of the running process; None if there is none."""
        return self._process.child.process_id if self._process else None

    def start(self) -> None:
        """Open the model, and wait for it.

        Raises:
            ModelMissing: the file is missing.
            EngineError: the model does not open, with the reason.

        """
        try:
            self._open(lambda: False)
        except ChildDied as death:
            raise EngineError(self._died_opening(death)) from death

    def process(self, must_stop: Callable[[], bool]) -> ServerProcess:
        """The process with an open model, after all suspensions have ended.

        Raises:
            ModelMissing: the file is missing.
            EngineError: the model does not open, with the reason.
            ChildDied: the process died while opening the model.
            Interrupted: `must_stop` returned True.

        """
        self.suspender.release_thread()
        process = self._open(must_stop)
        while self.suspender.is_held():
            if must_stop():
                raise Interrupted(CANCELLED)
            time.sleep(POLL_S)
        return process

    def restart_if_dead(self) -> None:
        """Restart a process that died, without waiting for it; for a time without requests."""
        process = self._process
        if not self._wanted:
            return
        if process is None:
            if not self.breaker.is_waiting():
                self.restart()
        elif not process.ready:
            self._poll_start(process)
        elif not process.child.alive():
            logger.warning("the language model process died while it was idle")
            self.discard(process)
            self.restart()

    def restart(self) -> None:
        """Start a process, without waiting for it; a failure goes to the circuit breaker."""
        with contextlib.suppress(EngineError, ModelMissing, ChildDied):
            self._launch()
            logger.info("the language model process starts again")

    def discard(self, process: ServerProcess | None) -> None:
        """End `process`, unless another request has replaced it already."""
        if process is not None and process is self._process:
            self._process = None
            self.suspender.attach(None)
            process.end()

    def cancel(self, process: ServerProcess, request_id: int) -> None:
        """Stop a request to free the process for the next; if that fails, end the process."""
        if process is not self._process:
            return
        with contextlib.suppress(ChildDied), self.suspender.overridden():
            process.child.send({"stop": request_id})
            if process.finishes(request_id, WorkClock(CANCEL_TIMEOUT_S, Suspender())):
                return
        self.discard(process)

    def close(self) -> None:
        """End the process; may be called twice."""
        self._wanted = False
        self.discard(self._process)

    def _launch(self) -> ServerProcess:
        """A process that has begun to open the model."""
        try:
            child = self._launcher.launch()
            self._starts += 1
        except EngineMissing as error:
            self.breaker.record_missing(str(error))
            raise
        except (EngineError, ModelMissing) as error:
            self.breaker.record_failure(str(error), permanent=True)
            raise
        except ChildDied as death:
            self.breaker.record_failure(self._died_opening(death), permanent=False)
            raise
        self._process = ServerProcess(child, WorkClock(START_TIMEOUT_S, self.suspender))
        self.suspender.attach(child)
        return self._process

    def _open(self, must_stop: Callable[[], bool]) -> ServerProcess:
        self._wanted = True
        process = self._process
        if process is None:
            if reason := self.breaker.reason_to_refuse():
                raise EngineError(reason)
            process = self._launch()
        if not process.ready:
            try:
                response = process.next_response(START, process.start_clock, must_stop)
            except ChildDied as death:
                self._fail(process, self._died_opening(death), permanent=False)
                raise
            self._handle_start(process, response)
        return process

    def _poll_start(self, process: ServerProcess) -> None:
        """See whether the model has opened; a failure goes to the circuit breaker."""
        with contextlib.suppress(EngineError):
            try:
                response = process.poll_start()
            except ChildDied as death:
                self._fail(process, self._died_opening(death), permanent=False)
                return
            if response is not None or process.start_clock.left_s() <= 0:
                self._handle_start(process, response)

    def _handle_start(self, process: ServerProcess, response: dict[str, Any] | None) -> None:
        """Raises EngineError if the model did not open."""
        if response is None:
            name = self._launcher.path.name
            reason = f"opening {name} took more than {START_TIMEOUT_S:.0f} s"
        elif "ready" not in response:
            advice = ADVICE_OWN_FILE if self._launcher.is_own_file else ADVICE
            reason = f"{response['error']}; {advice}"
        else:
            process.ready = True
            self.restored = response["restored"]
            self.breaker.record_opened()
            return
        self._fail(process, reason, permanent=True)
        raise EngineError(reason)

    def _fail(self, process: ServerProcess, reason: str, *, permanent: bool) -> None:
        if process is self._process:  # otherwise another request has reported it
            self.discard(process)
            self.breaker.record_failure(reason, permanent=permanent)

    def _died_opening(self, death: ChildDied) -> str:
        return f"{died(death)} while opening {self._launcher.path.name}"


def died(death: ChildDied) -> str:
    """The words for an owner."""
    return f"the language model process died ({death})"
