"""Checks that every list and rule that sentences name exists, and that none contains itself."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from hassil.expression import ListReference

from appliance.sentences import template_check
from appliance.sentences.home_assistant_builtins import OWNER_LISTS, shared_data
from appliance.sentences.problems import LocatedValue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hassil.expression import RuleReference, Sentence

    from appliance.sentences.problems import Problems
    from appliance.sentences.sentence_files import Gathered


def check_references(gathered: Gathered, problems: Problems) -> None:
    """Check all names, and add Home Assistant's lists and rules that are used to `gathered`."""
    search = _ReferenceSearch(gathered, problems)
    for blocks in gathered.blocks.values():
        for block in blocks:
            search.follow_block(block)
    for values in list(gathered.lists.values()):
        search.follow_values(values, {}, {})
    for name, rule in list(gathered.rules.items()):
        if not search.has_seen(name):
            search.follow(rule, {}, {})
    _check_circles(gathered, problems)


class _ReferenceSearch:
    """Follows names from the sentences, through the rules, to the lists."""

    def __init__(self, gathered: Gathered, problems: Problems) -> None:
        self._gathered = gathered
        self._problems = problems
        self._shared = shared_data(gathered.language)
        self._seen: set[tuple[str, int]] = set()

    def has_seen(self, rule: str) -> bool:
        return any(name == rule for name, _ in self._seen)

    def follow_block(self, block: LocatedValue) -> None:
        """A block's own lists and rules override those that all blocks share."""
        lists, rules = _mapping(block, "lists"), _mapping(block, "expansion_rules")
        sentences = block.value.get("sentences")
        for index, text in enumerate(sentences if isinstance(sentences, list) else ()):
            here = LocatedValue(block.document, (*block.path, "sentences", index), text)
            self.follow(here, lists, rules)
        for name, values in lists.items():
            here = LocatedValue(block.document, (*block.path, "lists", name), values)
            self.follow_values(here, lists, rules)

    def follow_values(
        self, values: LocatedValue, lists: dict[str, Any], rules: dict[str, Any]
    ) -> None:
        for text in _open_values(values.value):
            self.follow(LocatedValue(values.document, values.path, text), lists, rules)

    def follow(self, template: LocatedValue, lists: dict[str, Any], rules: dict[str, Any]) -> None:
        sentence = _read(template.value)
        for reference in template_check.references(sentence.expression) if sentence else ():
            if isinstance(reference, ListReference):
                self._follow_list(reference, template, lists)
            else:
                self._follow_rule(reference, template, lists, rules)

    def _follow_list(
        self, reference: ListReference, template: LocatedValue, lists: dict[str, Any]
    ) -> None:
        name, gathered = reference.list_name, self._gathered
        inline = reference.get_inline_range()
        if name in lists or name in gathered.lists:
            return
        if inline:
            bounds = dict(zip(("from", "to", "step"), inline, strict=True))
            gathered.lists[name] = LocatedValue(template.document, template.path, {"range": bounds})
        elif name in self._shared["lists"]:
            values = LocatedValue(template.document, template.path, self._shared["lists"][name])
            gathered.lists[name] = values
            self.follow_values(values, {}, {})
        elif name in OWNER_LISTS:  # left out with a warning, see sentence_check
            gathered.lists[name] = LocatedValue(template.document, template.path, {"values": []})
        else:
            what = f"list {{{name}}} does not exist{_did_you_mean(name, gathered.lists)}"
            self._problems.error(template.document, template.path, what)

    def _follow_rule(
        self,
        reference: RuleReference,
        template: LocatedValue,
        lists: dict[str, Any],
        rules: dict[str, Any],
    ) -> None:
        name, gathered = reference.rule_name, self._gathered
        key = (name, id(rules) if lists or rules else 0)
        if key in self._seen:
            return
        self._seen.add(key)
        if name in rules:
            self.follow(LocatedValue(template.document, template.path, rules[name]), lists, rules)
            return
        if name not in gathered.rules and name in self._shared["expansion_rules"]:
            body = self._shared["expansion_rules"][name]
            gathered.rules[name] = LocatedValue(template.document, template.path, body)
        if name in gathered.rules:
            self.follow(gathered.rules[name], lists, rules)
        else:
            self._seen.discard(key)  # so that every sentence that names it is reported
            what = f"rule <{name}> does not exist{_did_you_mean(name, gathered.rules)}"
            self._problems.error(template.document, template.path, what)


def _did_you_mean(name: str, known: dict[str, LocatedValue]) -> str:
    near = difflib.get_close_matches(name, map(str, known), n=1, cutoff=0.7)
    return f"; did you mean {near[0]}?" if near else ""


def _check_circles(gathered: Gathered, problems: Problems) -> None:
    rules = {name: rule.value for name, rule in gathered.rules.items()}
    shared = _uses(rules, {name: values.value for name, values in gathered.lists.items()})
    for place, own in _scopes(gathered, shared):
        # The shared ones have no circle at this point, so any circle contains one of the block's.
        circle = template_check.find_circle({**shared, **own}, own)
        if circle:
            kind, name = circle[0][0], circle[0][1:-1]
            placed, key = (
                (gathered.rules, "expansion_rules") if kind == "<" else (gathered.lists, "lists")
            )
            at = place if place is not None else placed[name]
            path = at.path if place is None else (*at.path, key, name)
            what = "a rule contains itself" if kind == "<" else "a list contains itself"
            problems.error(at.document, path, f"{what}: {' → '.join(circle)}")
            if place is None:
                return


def _scopes(
    gathered: Gathered, shared: dict[str, list[str]]
) -> Iterator[tuple[LocatedValue | None, dict[str, list[str]]]]:
    """References of the shared rules and lists, then those of each block with its own."""
    yield None, shared
    for blocks in gathered.blocks.values():
        for block in blocks:
            own = _uses(_mapping(block, "expansion_rules"), _mapping(block, "lists"))
            if own:
                yield block, own


def _uses(rules: Mapping[str, Any], lists: Mapping[str, Any]) -> dict[str, list[str]]:
    """Names that each rule and list uses directly; see `template_check.named`."""
    found = {
        f"<{name}>": template_check.named(sentence)
        for name, body in rules.items()
        if (sentence := _read(body))
    }
    for name, values in lists.items():
        parts = [sentence for text in _open_values(values) if (sentence := _read(text))]
        found[f"{{{name}}}"] = [one for part in parts for one in template_check.named(part)]
    return found


def _open_values(values: Any) -> Iterator[str]:
    """The values of a list that refer to lists or rules."""
    given = values.get("values") if isinstance(values, dict) else None
    for value in given if isinstance(given, list) else ():
        text = value.get("in") if isinstance(value, dict) else value
        if isinstance(text, str) and ("{" in text or "<" in text):
            yield text


def _read(text: Any) -> Sentence | None:
    """The template; None if it is not one, which was reported when its form was checked."""
    try:
        return template_check.read(text) if isinstance(text, str) else None
    except template_check.TemplateError:
        return None


def _mapping(block: LocatedValue, key: str) -> dict[str, Any]:
    value = block.value.get(key)
    return value if isinstance(value, dict) else {}
