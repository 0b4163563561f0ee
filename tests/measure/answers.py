"""What a language model knows: right, "I do not know" and wrong of 40 questions, and tokens/s.

    python tests/measure/answers.py MODEL.gguf [--questions QUESTIONS.jsonl] [--show]

A line of QUESTIONS has `text` and `right`, words of which one must be in the answer; an answer that
says one of them and something false besides counts as right, so read --show. The system prompt is
the default one. The last line of the output is the summary.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import Counter
from pathlib import Path

from appliance.config import LanguageModelSettings
from appliance.engines.llama.language_model import Llama
from appliance.engines.llama.server_launcher import ServerLauncher
from appliance.values import Question

QUESTIONS = Path(__file__).parents[1] / "fixtures" / "questions.jsonl"

UNKNOWN = re.compile(r"\b(not know|don't know|not sure|unable to|no information)\b", re.IGNORECASE)


def verdict(answer: str, right: list[str]) -> str:
    """`right`, `unknown` or `wrong`."""
    plain = answer.casefold()
    if any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", plain) for word in right):
        return "right"
    return "unknown" if UNKNOWN.search(answer) else "wrong"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--questions", type=Path, default=QUESTIONS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    lines = [json.loads(line) for line in arguments.questions.read_text("utf-8").splitlines()]
    settings = LanguageModelSettings()
    launcher = ServerLauncher(arguments.model, settings, arguments.threads, cache_folder=None)
    model = Llama(launcher)
    model.start()
    counts: Counter[str] = Counter()
    tokens, seconds = 0, 0.0
    for line in lines:
        began = time.monotonic()
        answer = model.complete(Question((line["text"],)), lambda: False)
        written = time.monotonic() - began - (answer.first_token_ms or 0.0) / 1000
        tokens, seconds = tokens + answer.generated_tokens - 1, seconds + written
        came = verdict(answer.text, line["right"])
        counts[came] += 1
        if arguments.show:
            print(f"{came:8} {line['text']}  {answer.text}")
    model.close()
    size = arguments.model.stat().st_size / 1e6
    print(
        f"{size:.0f} MB; right {counts['right']}, unknown {counts['unknown']}, wrong"
        f" {counts['wrong']} of {len(lines)}; {tokens / max(seconds, 1e-9):.0f} tokens/s after the"
        " first one"
    )


if __name__ == "__main__":
    main()
