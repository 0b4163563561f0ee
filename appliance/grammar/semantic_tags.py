"""The semantic tags of the network: what it means for the parser to pass a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SentenceEnd:
    """A sentence of the intent ends here; `fixed` are the slots that it always has."""

    intent: str
    fixed: dict[str, Any]
    requires: dict[str, Any]
    excludes: dict[str, Any]
    metadata: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class SlotStart:
    """The words of the slot begin here."""

    slot: str
    """Empty for what hassil calls a capture, which fills no slot."""
    free: bool
    """Whether a wildcard takes the words."""


@dataclass(frozen=True, slots=True)
class ListValue:
    """The words of the slot end here; they mean `value`, or themselves if it is None."""

    value: Any
    context: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class NumberValue:
    """The words of the slot end here; `values` has the number of each spelling."""

    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class WildcardValue:
    """The words of the slot end here; a wildcard took them, and they mean themselves."""
