"""llama-cpp-python's own chat call in a process of its own: what the language model is held to.

In: {"path", "threads", "context_tokens", "system", "questions"}; out: {"first_token_ms": [...]}.
"""

from __future__ import annotations

import json
import sys

from appliance.engines.llama_library import plain_first_token_ms


def main() -> int:
    """One order, one answer."""
    order = json.loads(sys.stdin.readline())
    print(json.dumps({"first_token_ms": plain_first_token_ms(**order)}), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
