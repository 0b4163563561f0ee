"""Adds one sentence with its meaning to the text of a sentence file; other lines stay."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from appliance.errors import EditRefused
from appliance.sentences.marked_yaml import Document, end_of, is_list, is_mapping, node_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.values import Intent

FILE = "taught.yaml"
"""File for sentences that are added with a meaning."""

SPECIAL = re.compile(r"[()\[\]{}<>|\\;]")
"""Characters that cannot be part of a word in a template."""

OWN_FILE = "own.yaml"
"""File for sentences that are added with a name."""

BY_HAND = "the file has a form in which nothing can be added here; add the sentence by hand"


def template_of(said: str) -> str:
    """A text as a template without special characters.

    Raises:
        EditRefused: no word is left.

    """
    words = " ".join(SPECIAL.sub(" ", said).split()).strip(" .,!?:…")
    if not any(char.isalnum() for char in words):
        raise EditRefused("write the words that were said")
    return words


def with_sentence(text: str, template: str, meaning: Intent, response: str = "") -> str:
    """The text of a sentence file in which `template` means this intent with exactly its slots.

    Args:
        text: of the file; empty for a new one.
        template: from `template_of`, or one that the owner wrote.
        meaning: whose name and slots count.
        response: what is said then, if the intent has no sentence in the file yet.

    Raises:
        EditRefused: the file is written in another form than this writes.
        SentencesError: the file is not YAML.

    """
    Document(FILE, text)
    root = node_of(text)
    block = [f"- sentences: [{json.dumps(template, ensure_ascii=False)}]"]
    if meaning.slots:
        slots = json.dumps(meaning.slots, ensure_ascii=False, default=str)
        block.append(f"  slots: {slots}")
    said = [f"  response: {json.dumps(response, ensure_ascii=False)}"] if response else []
    intent = [f"{json.dumps(meaning.name)}:", *said, "  data:", *_indented(block, 4)]
    if root is None:
        before = text if not text or text.endswith("\n") else f"{text}\n"
        return before + "".join(f"{line}\n" for line in ["intents:", *_indented(intent, 2)])
    intents = _value(root, "intents")
    if not is_mapping(intents) or intents.flow_style or not intents.value:
        raise EditRefused(BY_HAND)
    known = _value(intents, meaning.name)
    if known is None:
        return _after(text, intents, _indented(intent, intents.value[0][0].start_mark.column))
    data = _value(known, "data")
    if not is_list(data) or data.flow_style or not data.value:
        raise EditRefused(BY_HAND)
    return _after(text, data, _indented(block, data.start_mark.column))


def _value(mapping: Any, key: str) -> Any:
    """The node of a key; None if there is none."""
    if not is_mapping(mapping):
        raise EditRefused(BY_HAND)
    return next((value for name, value in mapping.value if name.value == key), None)


def _indented(lines: Sequence[str], columns: int) -> list[str]:
    return [f"{' ' * columns}{line}" for line in lines]


def _after(text: str, node: Any, lines: Sequence[str]) -> str:
    """The text with lines behind the last line of a node."""
    end = text.find("\n", end_of(node))
    end = len(text) if end < 0 else end
    return text[:end] + "".join(f"\n{line}" for line in lines) + text[end:]
