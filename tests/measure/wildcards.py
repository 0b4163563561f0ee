"""What a language model puts into wildcards: other ways to say three sentences that have one.

python tests/measure/wildcards.py MODEL.gguf

Beside the three stand the starter sentences. `but for an article`: without its first word.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from appliance.config import LanguageModelSettings
from appliance.engines.llama.language_model import Llama
from appliance.engines.llama.server_launcher import ServerLauncher
from appliance.fallback.cascade import Cascade
from appliance.sentences import sentence_set as sentence_files
from appliance.text.normalise import words_of

if TYPE_CHECKING:
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Intent

TEXTS = Path(__file__).parent.parent / "fixtures/wildcards.jsonl"

STARTER = Path(sentence_files.__file__).parent.parent / "intents/en"

OWN = """\
language: en
intents:
  ListAdd: {data: [{sentences: ["add {item} to (my|the) shopping list"]}]}
  Remind: {data: [{sentences: ["remind me to {task}"]}]}
  Note: {data: [{sentences: ["note {text}"]}]}
lists:
  item: {wildcard: true}
  task: {wildcard: true}
  text: {wildcard: true}
"""


def declared() -> SentenceSet:
    with TemporaryDirectory() as folder:
        for file in STARTER.glob("*.yaml"):
            (Path(folder) / file.name).write_text(file.read_text("utf-8"), "utf-8")
        (Path(folder) / "own.yaml").write_text(OWN, "utf-8")
        return sentence_files.load(Path(folder), "en")


def verdict(intent: Intent | None, wanted: dict[str, Any]) -> str:
    if intent is None:
        return "refused"
    if intent.name != wanted.get("intent"):
        return "wrong"
    got = [words_of(str(value)) for value in intent.slots.values()]
    due = [words_of(value) for value in wanted["slots"].values()]
    if got == due:
        return "right"
    return "but for an article" if got == [words[1:] for words in due] else "wrong"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gguf", type=Path)
    sentences, cascade = declared(), Cascade()
    model = Llama(ServerLauncher(parser.parse_args().gguf, LanguageModelSettings(), 1))
    tally: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for line in TEXTS.read_text("utf-8").splitlines():
        wanted = json.loads(line)
        assert sentences.parse(wanted["text"]) is None, "the grammar takes it"
        intent = cascade.repair(wanted["text"], sentences)
        if intent is None:
            choice = cascade.choose(wanted["text"], sentences, model, lambda: False, spoken=False)
            intent = choice.intent if choice else None
        found = verdict(intent, wanted)
        tally["intent" in wanted][found] += 1
        if found == "wrong" and intent is not None:
            print(
                f"{wanted['text']!r}: {intent.name} {dict(intent.slots)} {intent.confidence}",
                file=sys.stderr,
            )
    model.close()
    print(json.dumps({"commands": tally[True], "no commands": tally[False]}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
