"""llama-cpp-python's own chat call in a process of its own: what the language model is held to.

In: {"path", "threads", "context_tokens"} once, then {"system", "question"} for each call;
out: {"ready": true}, then {"first_token_ms"} for each call.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from appliance.engines import llama_library


def main() -> int:
    """Serve until standard input ends."""
    order = json.loads(sys.stdin.readline())
    llama = llama_library.plain(
        order["path"],
        n_ctx=order["context_tokens"],
        n_threads=order["threads"],
        n_threads_batch=order["threads"],
    )
    print(json.dumps({"ready": True}), flush=True)
    for minute, line in enumerate(sys.stdin):
        spent = _first_token_ms(llama, minute % 60, **json.loads(line))
        print(json.dumps({"first_token_ms": spent}), flush=True)
    return 0


def _first_token_ms(llama: Any, minute: int, system: str, question: str) -> float:
    """As programs use it: a clock stands before the prompt, so that nothing of it is known."""
    prompt = f"It is 12:{minute:02}.\n{system}\n\n{question}"
    messages = [{"role": "user", "content": prompt}]
    began = time.perf_counter()
    for part in llama.create_chat_completion(messages, max_tokens=4, stream=True):
        if part["choices"][0]["delta"].get("content"):
            break
    return round((time.perf_counter() - began) * 1000, 1)


if __name__ == "__main__":
    raise SystemExit(main())
