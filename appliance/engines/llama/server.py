"""The language model's own process: JSON lines in, JSON lines out; it dies with its parent.

In:  {"path", "settings", "threads", ...} once; then {"id", "said": [...]} for each answer,
     {"id", "weigh": {...}} to weigh options, {"stop": id} to break an answer off.
Out: {"ready": true}, then for each order lines with its id: {"token"}..., and {"done"},
     {"weighed"} or {"error"}.

What comes later goes first: an order that comes while a text is written is done at the next
token, and then the text goes on.
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
    from appliance.engines.llama.model import LlamaModel

NICENESS = 5
"""Speech recognition goes first."""

EXPENDABLE = b"500"
"""Where the kernel must end a process for lack of memory, it shall be this one."""

PR_SET_PDEATHSIG = 1

TOO_DEEP = "the schema cannot be met: it is nested too deeply"


def main() -> int:
    """Serve until standard input ends."""
    _live_with_parent()
    out = _own_output()
    order = json.loads(sys.stdin.readline() or "null")
    if order is None:
        return 0
    _bound_memory(order.pop("memory_mb"))
    inbox = _Inbox()
    # Read by a thread: a stop, and the parent's end, are noticed while the model computes.
    threading.Thread(target=inbox.listen, daemon=True).start()
    from appliance.engines.llama.model import LlamaModel  # noqa: PLC0415
    from appliance.engines.llama_library import ModelError  # noqa: PLC0415 (pipes first)

    try:
        model = LlamaModel(**order)
    except (ModelError, OSError, MemoryError) as error:
        _say(out, {"error": str(error) or "there is not enough memory"})
        return 1
    _say(out, {"ready": True, "restored": model.restored})
    service = _Service(model, inbox, out, ModelError)
    while True:
        service.do(inbox.orders.get())


class _Inbox:
    """What the parent sent and is not done yet."""

    def __init__(self) -> None:
        self.orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.stopped: set[int] = set()

    def listen(self) -> None:
        """Until the pipe ends, and with it the process."""
        for line in sys.stdin:
            order = json.loads(line)
            if "stop" in order:
                self.stopped.add(order["stop"])
            else:
                self.orders.put(order)
        os._exit(0)


class _Service:
    def __init__(
        self, model: LlamaModel, inbox: _Inbox, out: IO[str], refusal: type[Exception]
    ) -> None:
        self._model = model
        self._inbox = inbox
        self._out = out
        self._refusal = refusal

    def do(self, order: dict[str, Any]) -> None:
        """An order, and before it goes on those that come meanwhile."""
        number = order["id"]
        try:
            self._model.work_with(order["threads"])
            if "weigh" in order:
                self._tell(number, self._model.weigh(order["weigh"]))
            else:
                self._write(number, order)
        except self._refusal as error:
            self._tell(number, {"error": str(error)})
        except MemoryError:
            self._tell(number, {"error": "there is not enough memory for this text"})
        except RecursionError:
            self._tell(number, {"error": TOO_DEEP})

    def _write(self, number: int, order: dict[str, Any]) -> None:
        stopped = self._inbox.stopped
        for event in self._model.write(order, lambda: number in stopped):
            if event:
                self._tell(number, event)
            # Who was told that it is done may ask at once; that is no text within this one.
            while "done" not in event and not self._inbox.orders.empty():
                self.do(self._inbox.orders.get())
        stopped.discard(number)

    def _tell(self, number: int, event: dict[str, Any]) -> None:
        _say(self._out, {"id": number, **event})


def _live_with_parent() -> None:
    for wish in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wish, signal.SIG_IGN)  # the parent is told, and ends us when it is ready
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "wb", 0) as file:  # noqa: PTH123
        file.write(EXPENDABLE)
    with contextlib.suppress(OSError, AttributeError):  # no Linux: the end of the pipe does it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _bound_memory(megabytes: int) -> None:
    """What the process may have of its own; the mapped model file does not count into it."""
    if megabytes:
        size = megabytes * 1_000_000
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def _own_output() -> IO[str]:
    """Keep the pipe for ourselves: what native code prints must not mix with our lines."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    return out


def _say(out: IO[str], event: dict[str, Any]) -> None:
    print(json.dumps(event), file=out, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
