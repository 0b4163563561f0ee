"""What a language model takes out of texts: valid, right and invented of 30 tasks in six languages.

    python tests/measure/extraction.py MODEL.gguf [--tasks TASKS.jsonl] [--free] [--show]

A line of TASKS has `text`, `schema`, `language` and `right`, the JSON that is right. An answer
is invented if it has a string or number that is not in the text. `--free` lets the model
write any value, for comparison. The last line of the output is the summary.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema

from appliance.config import LanguageModelSettings
from appliance.engines.llama.language_model import Llama
from appliance.engines.llama.server_launcher import ServerLauncher
from appliance.errors import EngineError
from appliance.values import Question

if TYPE_CHECKING:
    from collections.abc import Iterator

TASKS = Path(__file__).parents[1] / "fixtures" / "extractions.jsonl"


def answered(model: Llama, task: dict[str, Any], *, free: bool) -> tuple[Any, int]:
    """The JSON, or None if it failed; and the number of tokens."""
    text = task["text"]
    question = Question((text,), task["schema"], None, None if free else text)
    try:
        found = model.complete(question, lambda: False)
    except EngineError as error:
        print(f"  {error}")
        return None, 0
    return json.loads(found.text), found.generated_tokens


def values_in(found: Any) -> Iterator[str]:
    """The strings and numbers, as they may be written in the text."""
    if isinstance(found, dict):
        for value in found.values():
            yield from values_in(value)
    elif isinstance(found, list):
        for value in found:
            yield from values_in(value)
    elif isinstance(found, str | int | float) and not isinstance(found, bool):
        yield str(found)


def is_invented(found: Any, text: str) -> bool:
    plain = text.casefold().replace(",", ".")
    return any(value.casefold().replace(",", ".") not in plain for value in values_in(found))


@dataclass(frozen=True, slots=True)
class Extracted:
    """What a model took out of all texts."""

    counts: Counter[str]
    """`valid`, `right`, `invented`."""
    languages: Counter[str]
    """Right ones by language."""
    tasks: int
    tokens_per_s: float
    """With the reading of the texts."""


def extracted(path: Path, tasks_file: Path, *, free: bool = False, show: bool = False) -> Extracted:
    """Give a model each text."""
    tasks = [json.loads(line) for line in tasks_file.read_text("utf-8").splitlines()]
    model = Llama(ServerLauncher(path, LanguageModelSettings(), 1, cache_folder=None))
    counts: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    tokens, began = 0, time.monotonic()
    for task in tasks:
        found, generated = answered(model, task, free=free)
        tokens += generated
        valid = jsonschema.Draft202012Validator(task["schema"]).is_valid(found)
        right = found == task["right"]
        counts["valid"] += valid
        counts["right"] += right
        counts["invented"] += is_invented(found, task["text"])
        languages[task["language"]] += right
        if show and not right:
            print(f"  {task['text']}  ->  {found}")
    seconds = time.monotonic() - began
    model.close()
    return Extracted(counts, languages, len(tasks), tokens / seconds)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--tasks", type=Path, default=TASKS)
    parser.add_argument("--free", action="store_true")
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    found = extracted(arguments.model, arguments.tasks, free=arguments.free, show=arguments.show)
    print("  right by language:", dict(found.languages))
    print(
        f"{found.counts['valid']} valid, {found.counts['right']} right,"
        f" {found.counts['invented']} invented of {found.tasks};"
        f" {found.tokens_per_s:.0f} tokens/s with the reading"
    )


if __name__ == "__main__":
    main()
