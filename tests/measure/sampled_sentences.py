"""Sentences drawn at random from Home Assistant's own, for a small house in a language."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hassil.expression import (
    Alternative,
    Expression,
    Group,
    ListReference,
    Permutation,
    RuleReference,
    TextChunk,
)
from hassil.intents import Intents, RangeSlotList, TextSlotList

from appliance.sentences.sentence_set import SentenceSet, load

HOUSES = tomllib.loads((Path(__file__).parent / "small_houses.toml").read_text("utf-8"))
LONGEST = 60
MOST_TRIES = 4000


class NotSampled(Exception):
    """This alternative has a wildcard, or a list without values."""


@cache
def house(language: str, folder: Path, cache_folder: Path) -> SentenceSet:
    """The sentences of a language with the names of its small house, whose files go to `folder`."""
    names = HOUSES[language]
    values = [
        {"in": name, "out": name, "context": {"domain": domain}, "metadata": {"domain": domain}}
        for domain, some in names.items()
        if domain not in ("area", "floor")
        for name in some
    ]
    lists = {"name": values, "area": names["area"], "floor": names["floor"]}
    written = {"language": language, "lists": {key: {"values": v} for key, v in lists.items()}}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lists.yaml").write_text(yaml.safe_dump(written, allow_unicode=True), "utf-8")
    return load(folder, language, builtin=True, area=names["area"][0], cache=cache_folder)


def sampled(sentences: SentenceSet, count: int, seed: int = 1) -> Iterator[str]:
    """Different sentences of declared words, each intent about equally often."""
    chance = random.Random(seed)  # noqa: S311
    intents, grammar = sentences.intents, sentences.grammar
    seen: set[Any] = set()
    names = [name for name, one in sorted(intents.intents.items()) if one.data]
    for number in range(MOST_TRIES):
        if len(seen) >= count:
            return
        blocks = intents.intents[names[number % len(names)]].data
        block = chance.choice(blocks)
        try:
            expression = chance.choice(block.sentences).expression
            text = " ".join(_said(expression, intents, block, chance).split())
        except NotSampled:
            continue
        reading = next(iter(grammar.readings(text)), None)
        if not reading or reading.wildcard_characters or reading.lacks_area or len(text) > LONGEST:
            continue
        if reading.meaning not in seen:
            seen.add(reading.meaning)
            yield text


def _said(one: Expression, intents: Intents, block: Any, chance: random.Random) -> str:
    """An expression with one of its alternatives, and one value of each list."""
    if isinstance(one, TextChunk):
        return one.original_text
    if isinstance(one, Alternative):
        return _said(chance.choice(one.items), intents, block, chance)
    if isinstance(one, Group):
        items = list(one.items)
        if isinstance(one, Permutation):
            chance.shuffle(items)
        return "".join(_said(item, intents, block, chance) for item in items)
    if isinstance(one, RuleReference):
        rules = {**intents.expansion_rules, **block.expansion_rules}
        if (rule := rules.get(one.rule_name)) is None:
            raise NotSampled
        return _said(rule.expression, intents, block, chance)
    return _value(one, intents, block, chance)


def _value(one: Expression, intents: Intents, block: Any, chance: random.Random) -> str:
    if isinstance(one, ListReference):
        values = block.slot_lists.get(one.list_name) or intents.slot_lists.get(one.list_name)
        if isinstance(values, TextSlotList) and values.values:
            return _said(chance.choice(values.values).text_in, intents, block, chance)
        if isinstance(values, RangeSlotList):
            return str(chance.choice(list(values.get_numbers())))
    raise NotSampled
