"""The words that Home Assistant lends to every sentence file: its own lists, rules, skip words."""

from __future__ import annotations

import functools
from typing import Any

import home_assistant_intents


@functools.lru_cache(maxsize=2)
def lent(language: str) -> dict[str, dict[str, Any]]:
    """Of a language: `lists`, `expansion_rules`, `skip_words`; all empty where it has none.

    A file written for `custom_sentences` may use them without declaring them.
    """
    own = own_data(language)
    return {
        "lists": own.get("lists", {}),
        "expansion_rules": own.get("expansion_rules", {}),
        "skip_words": dict.fromkeys(own.get("skip_words", [])),
    }


@functools.lru_cache(maxsize=2)
def own_data(language: str) -> dict[str, Any]:
    """All that Home Assistant says in a language, as its package has it; {} where it has none."""
    found: dict[str, Any] = home_assistant_intents.get_intents(language) or {}
    return found


OWNERS_OWN = frozenset({"area", "floor", "name"})
"""Lists that Home Assistant fills with the owner's own things, so that no package has them."""
