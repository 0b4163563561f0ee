"""The language model's process: reads requests as JSON lines, and ends with its parent.

In:  {"path", "settings", "threads", ...} once; then {"id", "turns": [...]} for an answer,
     {"id", "score": {...}} to score options, {"stop": id} to cancel a request.
Out: {"ready": true}, then for each request lines with its id: {"token"}..., and {"done"},
     {"scored"} or {"error"}.

A later request goes first: it is served at the next token of the answer that is being written,
which then continues.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import queue
import resource
import signal
import sys
import threading
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from appliance.engines.llama.loaded_model import LlamaModel

NICENESS = 5
"""Speech recognition goes first."""

OOM_SCORE_ADJUSTMENT = b"500"
"""If memory runs out, the kernel ends this process and not another."""

PR_SET_PDEATHSIG = 1

TOO_DEEP = "the schema is nested too deeply"


def main() -> int:
    """Serve until standard input ends."""
    _tie_to_parent()
    out = _take_stdout()
    start = json.loads(sys.stdin.readline() or "null")
    if start is None:
        return 0
    _limit_memory(start.pop("memory_mb"))
    inbox = _Inbox()
    # A thread reads: it notices a cancellation, and the parent's end, while the model computes.
    threading.Thread(target=inbox.read, daemon=True).start()
    from appliance.engines.llama.loaded_model import LlamaModel  # noqa: PLC0415 (pipes first)
    from appliance.engines.llama_library import ModelError  # noqa: PLC0415 (pipes first)

    try:
        model = LlamaModel(**start)
    except (ModelError, OSError, MemoryError) as error:
        _write(out, {"error": str(error) or "there is not enough memory"})
        return 1
    _write(out, {"ready": True, "restored": model.restored})
    service = _Service(model, inbox, out, ModelError)
    while True:
        service.serve(inbox.requests.get())


class _Inbox:
    """The messages of the parent that are still to be handled."""

    def __init__(self) -> None:
        self.requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.cancelled: set[int] = set()

    def read(self) -> None:
        """Until the pipe ends, and with it the process."""
        for line in sys.stdin:
            message = json.loads(line)
            if "stop" in message:
                self.cancelled.add(message["stop"])
            else:
                self.requests.put(message)
        os._exit(0)


class _Service:
    def __init__(
        self, model: LlamaModel, inbox: _Inbox, out: IO[str], model_error: type[Exception]
    ) -> None:
        self._model = model
        self._inbox = inbox
        self._out = out
        self._model_error = model_error

    def serve(self, request: dict[str, Any]) -> None:
        """Serve a request, and in between those that come meanwhile."""
        request_id = request["id"]
        try:
            self._model.use_threads(request["threads"])
            if "score" in request:
                self._respond(request_id, self._model.score_options(request["score"]))
            else:
                self._complete(request_id, request)
        except self._model_error as error:
            self._respond(request_id, {"error": str(error)})
        except MemoryError:
            self._respond(request_id, {"error": "there is not enough memory for this text"})
        except RecursionError:
            self._respond(request_id, {"error": TOO_DEEP})

    def _complete(self, request_id: int, request: dict[str, Any]) -> None:
        cancelled = self._inbox.cancelled
        for response in self._model.complete(request, lambda: request_id in cancelled):
            if response:
                self._respond(request_id, response)
            # After "done" the client may send its next request: that is not one within this.
            while "done" not in response and not self._inbox.requests.empty():
                self.serve(self._inbox.requests.get())
        cancelled.discard(request_id)

    def _respond(self, request_id: int, response: dict[str, Any]) -> None:
        _write(self._out, {"id": request_id, **response})


def _tie_to_parent() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the parent gets them, too, and ends us in time
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "wb", 0) as file:  # noqa: PTH123
        file.write(OOM_SCORE_ADJUSTMENT)
    with contextlib.suppress(OSError, AttributeError):  # not on Linux: the end of the pipe does it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit_memory(megabytes: int) -> None:
    """Limit the memory of the process; the mapped model file does not count."""
    if megabytes:
        size = megabytes * 1_000_000
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def _take_stdout() -> IO[str]:
    """The pipe to the parent; native code that prints goes to standard error from now on."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    return out


def _write(out: IO[str], message: dict[str, Any]) -> None:
    print(json.dumps(message), file=out, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
