"""Baseline of `appliance bench`: the plain chat call of llama-cpp-python, in a child process.

In:  {"path", "threads", "context_tokens"} once, then {"system", "question"} for each call.
Out: {"ready": true}, then {"first_token_ms"} for each call.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from appliance.engines import llama_library


def main() -> int:
    """Serve until standard input ends."""
    start = json.loads(sys.stdin.readline())
    llama = llama_library.plain(
        start["path"],
        n_ctx=start["context_tokens"],
        n_threads=start["threads"],
        n_threads_batch=start["threads"],
    )
    print(json.dumps({"ready": True}), flush=True)
    for minute, line in enumerate(sys.stdin):
        first_token_ms = _first_token_ms(llama, minute % 60, **json.loads(line))
        print(json.dumps({"first_token_ms": first_token_ms}), flush=True)
    return 0


def _first_token_ms(llama: Any, minute: int, system: str, question: str) -> float:
    """As voice assistants often use it: the prompt begins with the time, so no prefix is cached."""
    prompt = f"It is 12:{minute:02}.\n{system}\n\n{question}"
    messages = [{"role": "user", "content": prompt}]
    started = time.perf_counter()
    for part in llama.create_chat_completion(messages, max_tokens=4, stream=True):
        if part["choices"][0]["delta"].get("content"):
            break
    return round((time.perf_counter() - started) * 1000, 1)


if __name__ == "__main__":
    raise SystemExit(main())
