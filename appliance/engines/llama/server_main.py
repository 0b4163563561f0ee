"""The language model's process: reads requests as JSON lines, and ends with its parent.

In:  {"path", "settings", "threads", ...} once; then {"id", "turns": [...]} for an answer,
     {"id", "score": {...}} to score options, {"stop": id} to cancel a request.
Out: {"ready": true}, then for each request lines with its id: {"token"}..., and {"done"},
     {"scored"} or {"error"}. While a menu is read: {"reading": [tokens so far, of all]}...

A later request goes first: it is served at the next token of the answer that is being written,
which then continues.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import resource
import sys
import threading
from typing import IO, TYPE_CHECKING, Any

from appliance.child_process_setup import take_stdout, tie_to_parent

if TYPE_CHECKING:
    from appliance.engines.llama.loaded_model import LlamaModel

CANCELLED_WHILE_READING = "it was cancelled while the menu was read"
TOO_DEEP = "the schema is nested too deeply"


def main() -> int:
    """Serve until standard input ends."""
    tie_to_parent()
    out = os.fdopen(take_stdout(), "w", encoding="utf-8", buffering=1)
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
        """Read messages until the pipe ends, and with it the process."""
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
                self._score(request_id, request["score"])
            else:
                self._complete(request_id, request)
        except self._model_error as error:
            self._respond(request_id, {"error": str(error)})
        except MemoryError:
            self._respond(request_id, {"error": "there is not enough memory for this text"})
        except RecursionError:
            self._respond(request_id, {"error": TOO_DEEP})

    def _score(self, request_id: int, options: dict[str, Any]) -> None:
        cancelled = self._inbox.cancelled

        def report(done: int, total: int) -> None:
            if request_id in cancelled:
                raise self._model_error(CANCELLED_WHILE_READING)
            self._respond(request_id, {"reading": [done, total]})

        try:
            self._respond(request_id, self._model.score_options(options, report))
        finally:
            cancelled.discard(request_id)

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


def _limit_memory(megabytes: int) -> None:
    """Limit the memory of the process; the mapped model file does not count."""
    if megabytes:
        size = megabytes * 1_000_000
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def _write(out: IO[str], message: dict[str, Any]) -> None:
    print(json.dumps(message), file=out, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
