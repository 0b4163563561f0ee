"""Home Assistant's own sentences, lists, rules and skip words, from its package."""

from __future__ import annotations

import functools
from typing import Any

import home_assistant_intents

from appliance.text.normalise import words_of
from appliance.text.word_lists import word_lists_for


@functools.lru_cache(maxsize=2)
def shared_data(language: str) -> dict[str, dict[str, Any]]:
    """The `lists`, `expansion_rules` and `skip_words` that every file may use undeclared.

    All are empty if Home Assistant does not have the language. Files written for its
    `custom_sentences` depend on them. A skip word that says when, such as the German "gleich", is
    left out: a command is done at once.
    """
    data = builtin_data(language)
    times = word_lists_for(language).guards.get("time", frozenset())
    skipped = (word for word in data.get("skip_words", []) if words_of(word) not in times)
    return {
        "lists": data.get("lists", {}),
        "expansion_rules": data.get("expansion_rules", {}),
        "skip_words": dict.fromkeys(skipped),
    }


@functools.lru_cache(maxsize=2)
def builtin_data(language: str) -> dict[str, Any]:
    """All data of a language as the package has it; {} if it does not have the language."""
    found: dict[str, Any] = home_assistant_intents.get_intents(language) or {}
    return found


OWNER_LISTS = frozenset({"area", "floor", "name"})
"""Lists that the package leaves to the owner: Home Assistant fills them with its devices."""
