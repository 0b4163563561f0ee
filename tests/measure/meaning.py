"""How other people's texts are understood: by the grammar, repair, proposer and model in turn.

    python tests/measure/meaning.py COMMANDS.jsonl [--house house.yaml] [--near NEAR.jsonl]
        [--area ROOM] [--model MODEL.gguf] [--show]

A line of COMMANDS.jsonl has `text` and `intents`, any of which is right; with an empty list every
action is false. `name` and `domain` say which device is meant, `cat` is the kind of text. A line of
NEAR.jsonl has `text` and `may`, the intents that may act; it is tried on the starter sentences.
Without --house the commands are tried on the starter sentences, too; with it on Home Assistant's
sentences. The last line of the output is the summary.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from appliance.config import LanguageModelSettings
from appliance.engines.llama.language_model import Llama
from appliance.engines.llama.server_launcher import ServerLauncher
from appliance.fallback.cascade import Cascade, TextSource
from appliance.sentences import sentence_set as sentence_files
from appliance.text.normalise import words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from appliance.protocols import LanguageModel
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Intent

STEPS = ("grammar", "repair", "proposer", "model")
"""In their order; each counts what the steps before it found, too."""

WHOLE = {"all", "every", "everything", "everywhere", "lights", "fans", "whole", "house", "home"}
"""A text with one of these words may mean more than one device."""

TARGETS = ("name", "area", "floor", "device_class")


@dataclass(frozen=True, slots=True)
class Understood:
    """What became of one text after each step."""

    line: Mapping[str, Any]
    intents: tuple[Intent | None, ...]
    milliseconds: float


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def sentences_with(house: Path | None, language: str) -> SentenceSet:
    if house is None:
        return sentence_files.load(None, language)
    with TemporaryDirectory() as folder:
        place = Path(folder) / language
        place.mkdir()
        shutil.copy(house, place)
        return sentence_files.load(Path(folder), language, builtin=True)


def understood(
    line: Mapping[str, Any], sentences: SentenceSet, model: LanguageModel | None
) -> Understood:
    """One text through the steps of the cascade."""
    text = line["text"]
    began = time.monotonic()
    found = [sentences.parse(text)]
    found.append(found[-1] or CASCADE.repair(text, sentences))
    found.append(found[-1] or CASCADE.propose(text, sentences, TextSource.TYPED))
    spent = (time.monotonic() - began) * 1000
    if model is not None:
        intent = found[-1]
        if intent is None:
            choice = CASCADE.choose(text, sentences, model, lambda: False, spoken=False)
            intent = choice.intent if choice is not None else None
        found.append(intent)
    return Understood(line, tuple(found), spent)


CASCADE = Cascade()


def verdict(line: Mapping[str, Any], intent: Intent | None) -> str:
    """`right`, `wrong`, `refused`; for a text that is no command, `false` or `right`."""
    if not line["intents"]:
        return "right" if intent is None else "false"
    if intent is None:
        return "refused"
    if intent.name not in line["intents"] or _is_other_device(line, intent):
        return "wrong"
    return "wrong" if _is_wider(line["text"], intent) else "right"


def _is_other_device(line: Mapping[str, Any], intent: Intent) -> bool:
    named = intent.slots.get("name")
    if line.get("name") is None:
        return False
    if named is not None:
        literal = f" {' '.join(words_of(str(named)))} " in f" {' '.join(words_of(line['text']))} "
        return not literal and str(named).casefold() != str(line["name"]).casefold()
    area = words_of(str(intent.slots.get("area", "")))
    domain = intent.slots.get("domain", line.get("domain"))
    return domain != line.get("domain") or not set(area) <= set(words_of(str(line["name"])))


def _is_wider(text: str, intent: Intent) -> bool:
    """Whether everything of a kind is meant though the text says no such thing."""
    whole = "domain" in intent.slots and not any(slot in intent.slots for slot in TARGETS)
    whole = whole or str(intent.slots.get("area")) == "all"
    return whole and WHOLE.isdisjoint(words_of(text))


def report(found: Iterable[Understood], step: int, *, show: bool) -> Counter[str]:
    """Print one step's verdicts by kind of text; return them all together."""
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    total: Counter[str] = Counter()
    for one in found:
        intent = one.intents[step]
        came = verdict(one.line, intent)
        role = "commands" if one.line["intents"] else "others"
        kinds[f"{role}: {one.line.get('cat', '-')}"][came] += 1
        total[f"{role} {came}"] += 1
        if show and (came in ("wrong", "false") or came == "refused"):
            what = f"{intent.name} {intent.slots}" if intent else "-"
            print(f"    {came:8} {one.line['text']}  ->  {what}")
    for kind, counts in sorted(kinds.items()):
        print(f"  {kind:40} {dict(counts)}")
    return total


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("commands", type=Path)
    parser.add_argument("--house", type=Path)
    parser.add_argument("--near", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--language", default="en")
    parser.add_argument("--area", default="", help="room of the speaker")
    parser.add_argument("--show", action="store_true", help="print each text that is not right")
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    sentences = sentences_with(arguments.house, arguments.language).in_area(arguments.area)
    near_sentences = sentences_with(None, arguments.language)
    model = None
    if arguments.model is not None:
        launcher = ServerLauncher(arguments.model, LanguageModelSettings(), 1, cache_folder=None)
        model = Llama(launcher)
        model.start()
    found = [understood(line, sentences, model) for line in lines_of(arguments.commands)]
    near = lines_of(arguments.near) if arguments.near else []
    tried = [understood(line, near_sentences, model) for line in near]
    if model is not None:
        model.close()
    parts = []
    for step, name in enumerate(STEPS[: 4 if model else 3]):
        print(f"{name}:")
        parts.append(f"{name}: {_summary(report(found, step, show=arguments.show))}")
        wrong = [one for one in tried if _acts_wrongly(one, step)]
        for one in wrong:
            print(f"  near, but acts: {one.line['text']} -> {one.intents[step]}")
        if near:
            parts[-1] += f", near-commands wrong {len(wrong)} of {len(near)}"
    times = sorted(one.milliseconds for one in found)
    p95 = times[int(0.95 * (len(times) - 1))]
    parts.append(f"ms without the model p50 {statistics.median(times):.0f} p95 {p95:.0f}")
    print("; ".join(parts))


def _acts_wrongly(one: Understood, step: int) -> bool:
    intent = one.intents[step]
    return intent is not None and intent.name not in one.line["may"]


def _summary(total: Counter[str]) -> str:
    commands = sum(count for what, count in total.items() if what.startswith("commands"))
    others = sum(count for what, count in total.items() if what.startswith("others"))
    shares = ", ".join(
        f"{what} {total[f'commands {what}']}" for what in ("right", "wrong", "refused")
    )
    share = 100 * total["commands right"] / max(1, commands)
    return re.sub(
        r"\s+",
        " ",
        f"{shares} of {commands} ({share:.1f} % right), false actions"
        f" {total['others false']} of {others}",
    )


if __name__ == "__main__":
    main()
