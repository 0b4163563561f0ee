"""A result in a few lines for a person at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.system.logs import printable

if TYPE_CHECKING:
    from appliance.values import Result


def readable(result: Result) -> list[str]:
    """The lines, at least one; the words come first, if there are any."""
    lines = [f'"{printable(result.text)}"'] if result.text else []
    for intent in result.commands:
        slots = " ".join(f"{name}={value}" for name, value in intent.slots.items())
        lines.append(f"understood: {intent.name} {printable(slots)}".rstrip())
    if result.commands:
        return lines
    if result.answer is not None:
        lines.append(f'answered: "{printable(result.answer)}"')
    else:
        reason = f" ({result.reason})" if result.reason else ""
        lines.append(f"{result.outcome.replace('_', ' ')}{reason}")
    return lines
