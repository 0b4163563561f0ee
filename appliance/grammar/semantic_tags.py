"""What passing through a state of the network means, for the parser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SentenceEnd:
    """Meaning: this sentence belongs to the intent; `fixed` are slots that it always gives."""

    intent: str
    fixed: dict[str, Any]
    requires: dict[str, Any]
    excludes: dict[str, Any]
    context: dict[str, Any]
    """What is known before anything is said."""
    metadata: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class SlotStart:
    """Meaning: the slot's words begin here."""

    slot: str
    """"" for a capture, which is no slot."""
    free: bool
    """Whether a wildcard takes the words."""


@dataclass(frozen=True, slots=True)
class ListValue:
    """Meaning: the slot's words end here and stand for `value`, or if it is None for themselves."""

    value: Any
    context: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class NumberValue:
    """Meaning: the slot's words end here and are a number of the table."""

    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class WildcardValue:
    """Meaning: the slot's words end here and stand for themselves."""
