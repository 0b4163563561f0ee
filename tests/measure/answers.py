"""What a language model knows: right, "I do not know" and wrong of 40 questions, and tokens/s.

    python tests/measure/answers.py MODEL.gguf [--questions QUESTIONS.jsonl] [--least N] [--show]

A line of QUESTIONS has `text` and `right`, words of which one must be in the answer; none, if only
"I do not know" is right, and `topic`. An answer that says one of them and something false besides
counts as right, so read --show. --least is language_model.least_certainty: an answer of which the
model is less sure counts as unknown, as the appliance does not give it. --curve shows what other
values would give, and the best one for each topic chosen without its questions. The system prompt
is the default one. The last line of the output is the summary.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Answered:
    """The verdict on an answer of which the model was `certainty` sure."""

    topic: str
    verdict: str
    certainty: float

    def at(self, least: float) -> str:
        """The verdict if less sure answers are not given."""
        return self.verdict if self.certainty >= least else "unknown"


@dataclass(frozen=True, slots=True)
class Knowledge:
    """All answers of a model, and its speed."""

    answers: Sequence[Answered]
    tokens_per_s: float

    def counts(self, least: float) -> Counter[str]:
        return Counter(one.at(least) for one in self.answers)


def known(path: Path, questions: Path, threads: int, *, show: bool = False) -> Knowledge:
    """Ask a model each question."""
    lines = [json.loads(line) for line in questions.read_text("utf-8").splitlines()]
    launcher = ServerLauncher(path, LanguageModelSettings(), threads, cache_folder=None)
    model = Llama(launcher)
    model.start()
    answers = []
    tokens, seconds = 0, 0.0
    for line in lines:
        began = time.monotonic()
        answer = model.complete(Question((line["text"],)), lambda: False)
        written = time.monotonic() - began - (answer.first_token_ms or 0.0) / 1000
        tokens, seconds = tokens + answer.generated_tokens - 1, seconds + written
        sure = answer.certainty or 0.0
        one = Answered(line.get("topic", ""), verdict(answer.text, line["right"]), sure)
        answers.append(one)
        if show:
            print(f"{one.verdict:8} {sure:.2f} {line['text']}  {answer.text}")
    model.close()
    return Knowledge(answers, tokens / max(seconds, 1e-9))


LEVELS = tuple(round(0.3 + 0.01 * step, 2) for step in range(51))
MOST_WRONG = 0.05
"""Share of wrong answers at which --curve chooses a level."""


def print_curve(found: Knowledge) -> None:
    for level in LEVELS[::5]:
        print(f"  least certainty {level:.2f}: {dict(found.counts(level))}")
    held_out: Counter[str] = Counter()
    for topic in sorted({one.topic for one in found.answers}):
        others = [one for one in found.answers if one.topic != topic]
        level = least_level(others)
        here = Counter(one.at(level) for one in found.answers if one.topic == topic)
        held_out += here
        print(f"  {topic}: {dict(here)} at {level:.2f}, the level of the other topics")
    print(f"  held out: {dict(held_out)}")


def least_level(answers: Sequence[Answered]) -> float:
    """The lowest level at which at most MOST_WRONG of all answers are wrong."""
    for level in LEVELS:
        if sum(one.at(level) == "wrong" for one in answers) <= MOST_WRONG * len(answers):
            return level
    return LEVELS[-1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--questions", type=Path, default=QUESTIONS)
    parser.add_argument("--threads", type=int, default=1)
    default = LanguageModelSettings().least_certainty
    parser.add_argument("--least", type=float, default=default)
    parser.add_argument("--curve", action="store_true")
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    found = known(arguments.model, arguments.questions, arguments.threads, show=arguments.show)
    if arguments.curve:
        print_curve(found)
    counts = found.counts(arguments.least)
    size = arguments.model.stat().st_size / 1e6
    print(
        f"{size:.0f} MB; right {counts['right']}, unknown {counts['unknown']}, wrong"
        f" {counts['wrong']} of {len(found.answers)}; {found.tokens_per_s:.0f} tokens/s after the"
        " first one"
    )


if __name__ == "__main__":
    main()
