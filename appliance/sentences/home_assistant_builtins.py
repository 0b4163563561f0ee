"""Home Assistant's own sentences, lists, rules and skip words, from its package."""

from __future__ import annotations

import functools
from typing import Any

import home_assistant_intents


@functools.lru_cache(maxsize=2)
def shared_data(language: str) -> dict[str, dict[str, Any]]:
    """The `lists`, `expansion_rules` and `skip_words` that every file may use undeclared.

    All are empty if Home Assistant does not have the language. Files written for its
    `custom_sentences` depend on them.
    """
    data = builtin_data(language)
    return {
        "lists": data.get("lists", {}),
        "expansion_rules": data.get("expansion_rules", {}),
        "skip_words": dict.fromkeys(data.get("skip_words", [])),
    }


@functools.lru_cache(maxsize=2)
def builtin_data(language: str) -> dict[str, Any]:
    """All data of a language as the package has it; {} if it does not have the language."""
    found: dict[str, Any] = home_assistant_intents.get_intents(language) or {}
    return found


OWNER_LISTS = frozenset({"area", "floor", "name"})
"""Lists that the package leaves to the owner: Home Assistant fills them with its devices."""
