"""The lists and rules that a block of sentences can use, and the list values that fit it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hassil.util import check_excluded_context, check_required_context

from appliance.values import AREA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hassil.intents import IntentData, SlotList, TextSlotList, TextSlotValue

ANY_CONTEXT = {"any_context": True}
"""Metadata of a list value without a known context; it fits every sentence."""


@dataclass(slots=True)
class BlockScope:
    """The lists and rules of one block, with the state of its compilation."""

    data: IntentData | None
    lists: Mapping[str, SlotList]
    rules: Mapping[str, Any]
    key: str
    rule_stack: list[str] = field(default_factory=list)
    context_keys: set[str] = field(default_factory=set)
    """Keys of the context that the list values of the sentence can set."""


def chosen_values(slots: TextSlotList, scope: BlockScope) -> list[int]:
    """Indices of the values that the sentences of the scope can use.

    If the sentences require a key of the context and some values of the list set it, the values
    that do not set it are left out: sentences about lamps take no name without a domain. The area
    is an exception, because it may also come from the speaker's room.
    """
    asked = set(scope.data.requires_context if scope.data else {}) - {AREA}
    answered = asked & {key for value in slots.values for key in value.context or {}}
    return [
        index
        for index, value in enumerate(slots.values)
        if value.metadata == ANY_CONTEXT
        or (answered <= set(value.context or {}) and _fits(value.context, scope))
    ]


def context_of(value: TextSlotValue, scope: BlockScope) -> dict[str, Any]:
    """The context that a value sets; for ANY_CONTEXT the context that the sentences require."""
    if value.metadata != ANY_CONTEXT or scope.data is None:
        return value.context or {}
    required = {key: asked for key, asked in scope.data.requires_context.items() if key != AREA}
    return {key: _first_allowed(asked) for key, asked in required.items()}


def _first_allowed(asked: Any) -> Any:
    """One of the values that `requires_context` allows for a key."""
    if isinstance(asked, dict):
        asked = asked.get("value")
    return asked[0] if isinstance(asked, list) and asked else asked


def _fits(context: Mapping[str, Any] | None, scope: BlockScope) -> bool:
    """Whether the sentences of the scope can use a list value with this context."""
    if scope.data is None:
        return True
    known = dict(context or {})
    return bool(
        check_required_context(scope.data.requires_context, known, allow_missing_keys=True)
        and check_excluded_context(scope.data.excludes_context, known)
    )
