"""Another word for a value of a list: finds it in what was said, and writes it into the list."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from appliance.errors import EditRefused
from appliance.sentences.home_assistant_builtins import OWNER_LISTS
from appliance.sentences.included_sentences import PREFIX
from appliance.sentences.marked_yaml import Document, end_of, is_list, is_mapping, node_of
from appliance.sentences.taught_sentence import BY_HAND, FILE
from appliance.text.normalise import normalise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Intent

LONGEST = 60
"""Characters of a name."""


@dataclass(frozen=True, slots=True)
class NamedValue:
    """A value of a list that can be said: a device, a room, a colour."""

    list_name: str
    out: str
    """The published value, as text."""
    spellings: tuple[str, ...]
    """Its names, normalised."""


def named_values(sentences: SentenceSet) -> list[NamedValue]:
    """The values of all lists of words, without those of the included sentences."""
    found = []
    for list_name in sentences.intents.slot_lists:
        if list_name.startswith(PREFIX):
            continue
        names: dict[str, list[str]] = {}
        for spelling, out in sentences.spellings(list_name).items():
            names.setdefault(out, []).append(spelling)
        found += [NamedValue(list_name, out, tuple(texts)) for out, texts in names.items()]
    return found


def alias_in(
    values: Sequence[NamedValue], said: str, meant: str, meaning: Intent
) -> tuple[str, NamedValue] | None:
    """The words of `said` that stand where `meant` names a value, and that value.

    None if the two differ in more than that. `meaning` is that of `meant`.
    """
    spoken, known = normalise(said).split(), normalise(meant).split()
    before = _common(spoken, known)
    behind = _common(spoken[before:][::-1], known[before:][::-1])
    slots = {str(value) for value in meaning.slots.values()}
    meant_values = [one for one in values if one.out in slots]
    found: list[tuple[int, str, NamedValue]] = []
    for value in meant_values:
        for start, end in _places(known, value.spellings):
            # All that differs is within the name; an article in front of it may be missing.
            left, missing = len(known) - end, known[before:start]
            words = spoken[min(start, before) : len(spoken) - left]
            if left > behind or len(missing) > 1 or not words or words == known[start:end]:
                continue
            if not any(list(_places(missing, one.spellings)) for one in meant_values):
                found.append((len(words), " ".join(words), value))
    if not found:
        return None
    _, words_said, value = min(found, key=lambda one: one[0])
    return words_said, value


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """The number of words with which both begin."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _places(words: Sequence[str], spellings: Sequence[str]) -> Iterator[tuple[int, int]]:
    for spelling in spellings:
        parts = spelling.split()
        for start in range(len(words) - len(parts) + 1):
            if parts and list(words[start : start + len(parts)]) == parts:
                yield start, start + len(parts)


def with_list_value(text: str, list_name: str, out: str, alias: str) -> str | None:
    """The text of a sentence file in which a list has one more name for a value.

    None if the file does not declare the list. All other lines stay.

    Raises:
        EditRefused: it is written in a form in which nothing can be added here.
        SentencesError: the file is not YAML.

    """
    content = Document(FILE, text).value
    if not isinstance(content, dict) or list_name not in (content.get("lists") or {}):
        return None
    declared = content["lists"][list_name]
    node = _values_of(node_of(text), list_name)
    if not isinstance(declared, dict) or not is_list(node) or not node.value:
        raise EditRefused(BY_HAND)
    known = next((one for one in declared["values"] if _out(one) == out), None)
    more = {**known} if isinstance(known, dict) else {}
    more = {**more, "in": alias, "out": more.get("out", out)}
    item = "{" + ", ".join(f"{key}: {_json(value)}" for key, value in more.items()) + "}"
    if node.flow_style:
        end = end_of(node.value[-1])
        return f"{text[:end]}, {item}{text[end:]}"
    end = text.find("\n", end_of(node))
    end = len(text) if end < 0 else end
    return f"{text[:end]}\n{' ' * node.start_mark.column}- {item}{text[end:]}"


def with_new_list(text: str, list_name: str, out: str, alias: str) -> str:
    """The text of a sentence file with a list of the owner's whose values are those of devices.

    Raises:
        EditRefused: another list of this name belongs to Home Assistant's sentences, and would be
            replaced; or the file has lists already.

    """
    root = node_of(text)
    if list_name not in OWNER_LISTS:
        raise EditRefused(f"the list {{{list_name}}} is in no file of yours")
    if root is not None and (not is_mapping(root) or root.flow_style or _value(root, "lists")):
        raise EditRefused(BY_HAND)
    ended = text if not text or text.endswith("\n") else f"{text}\n"
    item = f"{{in: {_json(alias)}, out: {_json(out)}}}"
    return f"{ended}lists:\n  {list_name}:\n    values:\n      - {item}\n"


def _values_of(root: Any, list_name: str) -> Any:
    found = root
    for key in ("lists", list_name, "values"):
        found = _value(found, key)
    return found


def _value(mapping: Any, key: str) -> Any:
    if not is_mapping(mapping):
        return None
    return next((value for name, value in mapping.value if name.value == key), None)


def _out(value: Any) -> str:
    """The published value of an entry of a list."""
    return str(value.get("out", value.get("in"))) if isinstance(value, dict) else str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
