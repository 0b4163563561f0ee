"""The sentences for timers, clock and questions about the appliance, beside the owner's own.

Those of Home Assistant's intents come from its package, in every language that it has. The others
are files of ours in `included/`. Their lists and rules get names of their own, so that the owner
may use the same names for others.
"""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING, Any

from appliance.grammar.text_parser import INCLUDED
from appliance.sentences import template_check
from appliance.sentences.home_assistant_builtins import OWNER_LISTS, builtin_data
from appliance.sentences.marked_yaml import Document
from appliance.sentences.problems import LocatedValue
from appliance.sentences.sentence_check import SentenceScope
from appliance.sentences.sentence_files import DeclaredIntent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from appliance.sentences.sentence_files import Gathered

HOME_ASSISTANT_INTENTS = (
    *("HassStartTimer", "HassCancelTimer", "HassCancelAllTimers", "HassIncreaseTimer"),
    *("HassDecreaseTimer", "HassPauseTimer", "HassUnpauseTimer", "HassTimerStatus"),
    *("HassGetCurrentTime", "HassGetCurrentDate"),
)

REFERENCE = re.compile(r"<(?P<rule>\w+)>|\{(?P<list>\w+)(?::(?P<slot>\w+))?\}")
"""A rule or a list in a template."""

PREFIX = "included_"


def add_included(gathered: Gathered) -> None:
    """Add the sentences of the language; none if there are none."""
    builtin = builtin_data(gathered.language)
    _add(gathered, "home-assistant-intents", builtin, HOME_ASSISTANT_INTENTS)
    own = _own_file(gathered.language)
    if own is not None:
        _add(gathered, own.name, own.value, own.value["intents"])


def _own_file(language: str) -> Document | None:
    name = f"{INCLUDED}/{language.partition('-')[0]}.yaml"
    path = resources.files(__package__).joinpath(name)
    with resources.as_file(path) as file:
        return Document.read(file, name) if file.is_file() else None


def _add(gathered: Gathered, source: str, data: Mapping[str, Any], names: Any) -> None:
    """Add the intents of one source, with the rules and lists that they use."""
    adder = _Adder(gathered, data)
    for name in names:
        intent = data.get("intents", {}).get(name)
        if intent is None:
            continue
        # Nothing that is only similar, and no guess of a model, should start or end a timer.
        guarded = DeclaredIntent(name, by_fuzzy=False, by_model=False)
        gathered.declared.setdefault(name, guarded)
        document = Document.of(source, {})
        for number, block in enumerate(intent["data"]):
            usable = adder.block(block)
            if usable["sentences"]:
                placed = LocatedValue(document, ("intents", name, "data", number), usable)
                gathered.blocks.setdefault(name, []).append(placed)


class _Adder:
    """Takes over templates, and every list and rule that they name."""

    def __init__(self, gathered: Gathered, data: Mapping[str, Any]) -> None:
        self._gathered = gathered
        self._rules = data.get("expansion_rules", {})
        self._lists = data.get("lists", {})
        self._wild = {name for name, values in self._lists.items() if values.get("wildcard")}
        self._read_rules = {n: template_check.read(body) for n, body in self._rules.items()}
        self._document = Document.of(INCLUDED, {})

    def block(self, block: Mapping[str, Any]) -> dict[str, Any]:
        """A block with renamed references, without sentences that cannot be used here."""
        usable = [one for one in block["sentences"] if self._is_usable(one)]
        kept = {key: block[key] for key in ("slots", "requires_context") if key in block}
        sentences = [self._renamed(sentence) for sentence in usable]
        return {**kept, "sentences": sentences, "metadata": {INCLUDED: True}}

    def _is_usable(self, text: str) -> bool:
        """False if it names a list that the owner does not declare, or may begin with any words."""
        named = {one for one in _lists_in(text, self._rules) if one in OWNER_LISTS}
        if named - self._gathered.lists.keys():
            return False
        expression = template_check.read(text).expression
        starts = SentenceScope({}, self._read_rules).may_start(expression)
        return starts.isdisjoint(self._wild)

    def _renamed(self, text: str) -> str:
        return REFERENCE.sub(self._rename, text)

    def _rename(self, reference: re.Match[str]) -> str:
        rule, listed, slot = reference["rule"], reference["list"], reference["slot"]
        if rule is not None:
            self._take_rule(rule)
            return f"<{PREFIX}{rule}>"
        if listed in OWNER_LISTS:
            return reference[0]
        placed = LocatedValue(self._document, ("lists", listed), self._lists[listed])
        self._gathered.lists.setdefault(f"{PREFIX}{listed}", placed)
        return f"{{{PREFIX}{listed}:{slot or listed}}}"

    def _take_rule(self, name: str) -> None:
        key = f"{PREFIX}{name}"
        if key not in self._gathered.rules:
            placed = LocatedValue(self._document, ("expansion_rules", name), "")
            self._gathered.rules[key] = placed  # before its body, which may name others
            body = self._renamed(self._rules[name])
            self._gathered.rules[key] = LocatedValue(placed.document, placed.path, body)


def _lists_in(text: str, rules: Mapping[str, str]) -> Iterator[str]:
    """Every list that a template names, also through its rules."""
    for reference in REFERENCE.finditer(text):
        if reference["list"] is not None:
            yield reference["list"]
        elif reference["rule"] in rules:
            yield from _lists_in(rules[reference["rule"]], rules)
