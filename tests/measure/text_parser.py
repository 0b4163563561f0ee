"""The text parser against hassil's own `recognize_best`: the same meanings, and how fast.

    python tests/measure/text_parser.py [--languages en,de] [--sentences 200] [--seed 1]

Sentences come from the templates of the starter set and of Home Assistant's own sentences, with a
home of some 60 devices. Both ways read every sentence in one run. What differs is printed, and
exits with 1.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hassil import Intents, recognize_best, string_matcher

from appliance.sentences.sentence_set import SentenceSet, load
from measure.languages import HOUSES, SpokenHome

LANGUAGES = ("starter", "en", "de", "fr", "es", "it", "nl")

ENGLISH = SpokenHome(("kitchen", "living room", "bedroom"), "lamp", "fan", ())

MAKES = {
    "cover": "Velux",
    "lock": "Nuki",
    "media_player": "Sonos",
    "climate": "Tado",
    "vacuum": "Roborock",
    "switch": "Shelly",
    "sensor": "Netatmo",
    "scene": "Disco",
    "todo": "Bring",
}
"""A name of a device for each domain; the same in every language."""

Meaning = tuple[str, tuple[tuple[str, str], ...]] | None
"""Intent and slots, comparable; None if no sentence fits."""


def home(language: str, folder: Path) -> SentenceSet:
    """Home Assistant's sentences with the areas, floors and devices of a home."""
    house = HOUSES.get(language, ENGLISH)
    areas = house.areas
    kinds = [("light", house.lamp), ("fan", house.fan), *MAKES.items()]
    names = [(name, domain) for domain, name in kinds]
    names += [
        (f"{name} {area}{number}", domain)
        for domain, name in kinds
        for area in areas
        for number in ("", " 2")
    ]
    lists = {
        "name": [{"in": name, "out": name, "context": {"domain": d}} for name, d in names],
        "area": [*areas, *(f"Zone {number}" for number in range(15))],
        "floor": ["1", "2"],
    }
    own = {"language": language, "lists": {name: {"values": lists[name]} for name in lists}}
    (folder / "own.yaml").write_text(json.dumps(own), "utf-8")
    return load(folder, language, builtin=True)


def sampled(sentences: SentenceSet, count: int, seed: int) -> list[str]:
    """Sentences of the templates, "gin" for what a wildcard takes."""
    texts = {text.replace("\N{HORIZONTAL ELLIPSIS}", "gin") for _, text in sentences.examples(3)}
    return random.Random(seed).sample(sorted(texts), min(count, len(texts)))  # noqa: S311


def comparable(intent: str, slots: Mapping[str, Any]) -> Meaning:
    """Numbers as text, no capitals: 5 is 5.0 is "5"."""
    plain = {
        name: f"{value + 0:g}" if isinstance(value, int | float) else f"{value}".casefold().strip()
        for name, value in slots.items()
    }
    return intent, tuple(sorted(plain.items()))


def ours(sentences: SentenceSet, text: str) -> Meaning:
    """What the text parser makes of a text."""
    intent = sentences.parse(text)
    return comparable(intent.name, intent.slots) if intent else None


class ForgetfulCache(dict[Any, Any]):
    """Keeps nothing.

    hassil keeps the number words of a range by its bounds only, so that the -20 of one range
    becomes the 20 of another with the same bounds and another multiplier.
    """

    def __setitem__(self, key: Any, value: Any) -> None:
        """Nothing."""


def hassils(intents: Intents, text: str) -> Meaning:
    """What hassil makes of it, asked as Home Assistant asks."""
    found = recognize_best(text, intents, best_slot_name="name")
    slots = {name: entity.value for name, entity in found.entities.items()} if found else {}
    return comparable(found.intent.name, slots) if found else None


def hassils_without_cache(intents: Intents, text: str) -> Meaning:
    """The same, with the right numbers."""
    string_matcher._RANGE_TRIE_CACHE = defaultdict(ForgetfulCache)
    try:
        return hassils(intents, text)
    finally:
        string_matcher._RANGE_TRIE_CACHE = defaultdict(dict)


def timed(parse: Callable[[str], Meaning], texts: list[str]) -> tuple[list[Meaning], list[float]]:
    """What each text means, and the milliseconds that it took."""
    meanings, spent = [], []
    for text in texts:
        begin = time.perf_counter()
        meanings.append(parse(text))
        spent.append((time.perf_counter() - begin) * 1000)
    return meanings, spent


def figures(spent: list[float]) -> str:
    """Median and 95th percentile."""
    ordered = sorted(spent)
    return f"{statistics.median(ordered):.1f} | {ordered[int(0.95 * (len(ordered) - 1))]:.1f}"


def rows(options: argparse.Namespace) -> Iterator[tuple[str, list[str]]]:
    """For each language a row of the table, and the sentences that differ."""
    for language in options.languages.split(","):
        with tempfile.TemporaryDirectory() as folder:
            starter = language == "starter"
            sentences = load(None, "en") if starter else home(language, Path(folder))
        texts = sampled(sentences, options.sentences, options.seed)
        ours(sentences, texts[0])  # compiles the grammar
        mine, my_times = timed(lambda text: ours(sentences, text), texts)  # noqa: B023
        others, other_times = timed(lambda text: hassils(sentences.intents, text), texts)  # noqa: B023
        differing = [
            f"  {text!r}\n    ours:   {own}\n    hassil: {other}"
            for text, own, other in zip(texts, mine, others, strict=True)
            if own != other and own != hassils_without_cache(sentences.intents, text)
        ]
        equal = len(texts) - len(differing)
        row = f"| {language} | {len(texts)} | {equal} | {len(differing)} | {figures(my_times)}"
        yield f"{row} | {figures(other_times)} |", differing


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--languages", default=",".join(LANGUAGES))
    parser.add_argument("--sentences", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shown", type=int, default=5, help="differing sentences to print")
    options = parser.parse_args()
    print("| language | sentences | equal | differing | ms | p95 | hassil ms | p95 |")
    print("|---|---|---|---|---|---|---|---|")
    all_differing = 0
    for row, differing in rows(options):
        all_differing += len(differing)
        print("\n".join([row, *differing[: options.shown]]), flush=True)
    return 1 if all_differing else 0


if __name__ == "__main__":
    sys.exit(main())
