"""The language model's own process: JSON lines in, JSON lines out; it dies with its parent.

In:  {"path", "settings", "threads"} once; {"text"} for each answer; {"stop": true} to break off.
Out: {"ready": true}, then for each text {"token"}..., and {"done"} or {"error"}.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import queue
import signal
import sys
import threading
from typing import IO, Any

NICENESS = 5
"""Speech recognition goes first."""

PR_SET_PDEATHSIG = 1


def main() -> int:
    """Serve until standard input ends."""
    _live_with_parent()
    out = _own_output()
    texts: queue.SimpleQueue[str] = queue.SimpleQueue()
    stop = threading.Event()
    order = json.loads(sys.stdin.readline() or "null")
    if order is None:
        return 0
    # Read by a thread: a stop, and the parent's end, are noticed while the model computes.
    threading.Thread(target=_listen, args=(texts, stop), daemon=True).start()
    from appliance.engines.llama_model import LlamaModel, ModelError  # noqa: PLC0415 (pipes first)

    try:
        model = LlamaModel(**order)
    except ModelError as error:
        _say(out, {"error": str(error)})
        return 1
    _say(out, {"ready": True})
    while True:
        text = texts.get()
        stop.clear()
        try:
            for event in model.write(text, stop.is_set):
                _say(out, event)
        except ModelError as error:
            _say(out, {"error": str(error)})


def _live_with_parent() -> None:
    for wish in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wish, signal.SIG_IGN)  # the parent is told, and ends us when it is ready
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    with contextlib.suppress(OSError, AttributeError):  # no Linux: the end of the pipe does it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _own_output() -> IO[str]:
    """Keep the pipe for ourselves: what native code prints must not mix with our lines."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    return out


def _listen(texts: queue.SimpleQueue[str], stop: threading.Event) -> None:
    for line in sys.stdin:
        order = json.loads(line)
        if "text" in order:
            texts.put(order["text"])
        else:
            stop.set()
    os._exit(0)


def _say(out: IO[str], event: dict[str, Any]) -> None:
    print(json.dumps(event), file=out, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
