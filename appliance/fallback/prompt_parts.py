"""What stands in a prompt beside the operator's own words, in the language that is spoken."""

from __future__ import annotations

import functools
from importlib import resources
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

if TYPE_CHECKING:
    from datetime import datetime

FALLBACK = "en"


class PromptParts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of `prompts/`."""

    headline: str
    """Stands above the examples of the operator's intents."""
    none: str
    """The option that no intent is meant."""
    not_commands: tuple[str, ...]
    """Examples of it; they are about nothing that a sentence could be about."""
    nothing: tuple[str, ...]
    """Texts that ask for nothing: what the model prefers then is its habit, not its choice."""
    anything: tuple[str, ...]
    """What may stand in the place of a wildcard, in an example."""
    negations: frozenset[str]
    """Words that turn a sentence round."""
    counting: frozenset[str]
    """Words that say how many or how much; a repair neither adds one nor leaves one out."""
    undoing: frozenset[str]
    """Words that ask to take something back; where a text has one, no wildcard is filled."""
    clock: str
    """Tells the model date and time, before a question."""
    weekdays: Annotated[tuple[str, ...], Meta(min_length=7, max_length=7)]
    """From Monday on."""
    months: Annotated[tuple[str, ...], Meta(min_length=12, max_length=12)]

    def told(self, now: datetime) -> str:
        """Date and time in words."""
        return self.clock.format(
            weekday=self.weekdays[now.weekday()],
            day=now.day,
            month=self.months[now.month - 1],
            year=now.year,
            time=f"{now:%H:%M}",
        )


@functools.cache
def parts_for(language: str) -> PromptParts:
    """Those of a language; of one without a file the English ones, which small models know best.

    `de-CH` is served by `de`.
    """
    file = resources.files(__package__).joinpath(f"prompts/{language.partition('-')[0]}.toml")
    if file.is_file():
        return msgspec.toml.decode(file.read_bytes(), type=PromptParts)
    # English negations would be other words there: "no" is "in the" in Portuguese.
    none: frozenset[str] = frozenset()
    return msgspec.structs.replace(parts_for(FALLBACK), negations=none, counting=none, undoing=none)
