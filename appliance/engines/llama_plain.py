"""llama-cpp-python's own chat call in a process of its own: what the language model is held to.

In: {"path", "threads", "context_tokens", "system", "questions"}; out: {"first_token_ms": [...]}.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from appliance.engines import llama_library


def main() -> int:
    """One order, one answer."""
    order = json.loads(sys.stdin.readline())
    print(json.dumps({"first_token_ms": first_token_ms(**order)}), flush=True)
    return 0


def first_token_ms(
    path: str, threads: int, context_tokens: int, system: str, questions: list[str]
) -> list[float]:
    """Milliseconds to the first token, question by question.

    As programs use it: a clock stands before the prompt, so that nothing of it is known.
    """
    llama = llama_library.plain(
        path, n_ctx=context_tokens, n_threads=threads, n_threads_batch=threads
    )
    spent = []
    for number, question in enumerate(questions):
        messages: list[Any] = [
            {"role": "user", "content": f"It is 12:{number:02}.\n{system}\n\n{question}"},
        ]
        began = time.perf_counter()
        for part in llama.create_chat_completion(messages, max_tokens=4, stream=True):
            if part["choices"][0]["delta"].get("content"):
                break
        spent.append(round((time.perf_counter() - began) * 1000, 1))
    return spent


if __name__ == "__main__":
    raise SystemExit(main())
