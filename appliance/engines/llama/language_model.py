"""The language model as the appliance uses it; it runs in a child process, which may crash."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from appliance.child_process import ChildDied
from appliance.engines.llama.server_main import TOO_DEEP
from appliance.engines.llama.supervisor import Supervisor, died
from appliance.engines.llama.suspension import WorkClock
from appliance.errors import EngineDied, EngineError, Interrupted, ModelMissing
from appliance.values import Completion, OptionScores

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from appliance.engines.llama.running_server import ServerProcess
    from appliance.engines.llama.server_launcher import ServerLauncher
    from appliance.values import Question

logger = logging.getLogger(__name__)

WORTH_A_LINE_S = 5.0
"""Seconds of reading from which its progress is logged."""

MAXIMUM_STARTS = 3
"""Maximum number of attempts for a text if the process dies each time before it receives it."""

MENU_LIMIT_S = 900.0
"""Time limit for the first reading of the list of intents, in seconds; a busy board took more than
a minute. While it continues, each step has the time limit of an answer."""

OnToken = Callable[[str | None], None]
"""Receives each piece of an answer; None if the answer starts again from its beginning."""


class Llama:
    """A GGUF model in a child process.

    Make all requests in one thread, which must outlive them: the process dies with the thread
    that started it. `suspended`, `process_id` and `fault` are for every thread.
    """

    def __init__(self, launcher: ServerLauncher, name: str | None = None) -> None:
        self.name = name or launcher.path.stem
        self._active_threads = launcher.threads
        self._time_limit_s = launcher.settings.time_limit_s
        self._supervisor = Supervisor(launcher)
        self._request_ids = itertools.count(1)

    @property
    def process_id(self) -> int | None:
        """Id of the child process; None if there is none."""
        return self._supervisor.process_id

    @property
    def restarts(self) -> int:
        """Number of times its process died and was started again."""
        return self._supervisor.restarts

    @property
    def fault(self) -> str | None:
        """Why the model cannot be used at present; None if no reason is known."""
        return self._supervisor.breaker.fault

    @property
    def restored(self) -> bool:
        """Whether the fixed part of the prompt came from the disk at the last start."""
        return self._supervisor.restored

    def use_threads(self, count: int) -> None:
        """Set the number of threads from the next request on, at most that of the start."""
        self._active_threads = count

    def start(self) -> None:
        """Open the model; the first request does it otherwise.

        Raises:
            ModelMissing: the file is missing.
            EngineError: the model does not open, with the reason; `restart_if_dead` tries again.

        """
        self._supervisor.start()

    def restart_if_dead(self) -> None:
        """Restart a process that died, without waiting for it; for a time without requests."""
        self._supervisor.restart_if_dead()

    def suspended(self) -> AbstractContextManager[None]:
        """Suspend the process until this ends, or until the same thread makes a request.

        If several suspend it, it resumes with the last of them.
        """
        return self._supervisor.suspender.hold()

    def close(self) -> None:
        """End the process; may be called twice."""
        self._supervisor.close()

    def complete(
        self,
        question: Question,
        must_stop: Callable[[], bool],
        on_token: OnToken | None = None,
    ) -> Completion:
        """The answer; if the process dies, a new one is asked once more.

        Raises:
            EngineError: the model failed or took too long, with the reason.
            EngineDied: the process died twice at this text.
            Interrupted: `must_stop` returned True.

        """
        request = {
            "turns": question.turns,
            "schema": question.schema,
            "maximum_tokens": question.maximum_tokens,
            "extract_from": question.extract_from,
        }
        return Completion(**self._request(request, must_stop, on_token))

    def score_options(
        self, menu: str, text: str, options: Sequence[str], must_stop: Callable[[], bool]
    ) -> OptionScores:
        """The probability of each option after `menu` and `text`, if one of them must follow.

        Raises:
            EngineError, EngineDied, Interrupted: as `complete`.

        """
        request = {"score": {"menu": menu, "text": text, "options": list(options)}}
        return OptionScores(**self._request(request, must_stop))

    def _request(
        self,
        request: dict[str, Any],
        must_stop: Callable[[], bool],
        on_token: OnToken | None = None,
    ) -> dict[str, Any]:
        """The response; a second attempt if the process dies.

        A process that died before it received the text says nothing against the text.
        """
        deaths: Counter[type] = Counter()
        while True:
            try:
                return self._attempt(request, must_stop, on_token)
            except ModelMissing as missing:
                raise EngineError(str(missing)) from missing
            except ChildDied as death:
                deaths[type(death)] += 1
                if deaths[_NotSent] >= MAXIMUM_STARTS:
                    raise EngineError(f"{died(death)} before it received the text") from None
                if deaths[ChildDied] > 1:
                    self._supervisor.restart()  # so that the next request finds it ready
                    reason = f"{died(death)} twice at this text; it is not tried again"
                    raise EngineDied(reason) from None
                logger.warning("%s; restarting it", died(death))
            if on_token is not None:
                on_token(None)

    def _attempt(
        self, request: dict[str, Any], must_stop: Callable[[], bool], on_token: OnToken | None
    ) -> dict[str, Any]:
        """Raises ChildDied if the process died, or wrote nothing within its time limit."""
        request_id = next(self._request_ids)
        message = {"id": request_id, "threads": self._active_threads, **request}
        process = self._send(message, must_stop)
        try:
            response = self._receive(process, request_id, must_stop, on_token)
        except ChildDied:
            self._supervisor.discard(process)
            raise
        except (Interrupted, _MenuTooSlow):
            self._supervisor.cancel(process, request_id)
            raise
        finally:
            process.forget(request_id)
        self._supervisor.breaker.record_success()
        return response

    def _send(self, message: dict[str, Any], must_stop: Callable[[], bool]) -> ServerProcess:
        """The process that received the message; _NotSent if it died before."""
        process = None
        try:
            process = self._supervisor.process(must_stop)
            process.child.send(message)
        except RecursionError:
            raise EngineError(TOO_DEEP) from None
        except ChildDied as death:
            self._supervisor.discard(process)
            raise _NotSent(str(death)) from None
        return process

    def _receive(
        self,
        process: ServerProcess,
        request_id: int,
        must_stop: Callable[[], bool],
        on_token: OnToken | None,
    ) -> dict[str, Any]:
        clock = WorkClock(self._time_limit_s, self._supervisor.suspender)
        menu = _MenuReading(WorkClock(MENU_LIMIT_S, self._supervisor.suspender))
        first_token_ms: float | None = None
        while True:
            response = process.next_response(request_id, clock, must_stop)
            if response is None:
                self._supervisor.discard(process)
                raise self._timeout(wrote_nothing=first_token_ms is None)
            menu.check(response)
            if "reading" in response:
                clock = WorkClock(self._time_limit_s, self._supervisor.suspender)
                continue
            if "scored" in response:
                scored: dict[str, Any] = response["scored"]
                return scored
            if "done" in response:
                return {**response["done"], "first_token_ms": first_token_ms}
            if first_token_ms is None:
                first_token_ms = round(clock.seconds() * 1000, 1)
            if on_token is not None:
                on_token(response["token"])

    def _timeout(self, *, wrote_nothing: bool) -> Exception:
        """The error at a timeout: a process that wrote nothing hangs, and is tried again."""
        limit = f"{self._time_limit_s:g} s (language_model.time_limit_s)"
        if wrote_nothing:
            return ChildDied(f"it wrote nothing for {limit}")
        return EngineError(f"the language model was not done after {limit}")


MENU_TOO_SLOW = (
    f"the language model needs more than {MENU_LIMIT_S:g} s to read the list of intents; use a "
    "smaller model, or set cascade.choose = false"
)


class _MenuTooSlow(EngineError):
    """The list of intents is read too slowly; the process is not at fault."""


class _MenuReading:
    """Progress of the reading of a menu; each quarter of a slow one is logged."""

    def __init__(self, clock: WorkClock) -> None:
        self._clock = clock
        self._logged = 0

    def check(self, response: dict[str, Any]) -> None:
        """Take note of a response; EngineError if it is one, or if the menu takes too long."""
        if "error" in response:
            raise EngineError(response["error"])
        if "reading" not in response:
            return
        done, total = response["reading"]
        quarter, seconds = 4 * done // max(1, total), self._clock.seconds()
        if quarter > self._logged and seconds > WORTH_A_LINE_S:
            self._logged = quarter
            words = "the language model has read %d of %d tokens of the list of intents, in %.0f s"
            logger.info(words, done, total, seconds)
        if done < total and self._clock.left_s() <= 0:
            raise _MenuTooSlow(MENU_TOO_SLOW)


class _NotSent(ChildDied):
    """The process died before it received the message."""
