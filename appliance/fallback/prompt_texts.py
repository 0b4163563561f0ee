"""The fixed words of the language model's prompts, for each language."""

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
    """The words of one language: a file of `prompts/`."""

    headline: str
    """The line above the examples of the intents."""
    none: str
    """The label for "no intent is meant"."""
    not_commands: tuple[str, ...]
    """Example texts with that label, about topics that no sentence is about."""
    content_free: tuple[str, ...]
    """Texts without content: the model's preference for these is its bias."""
    wildcard_examples: tuple[str, ...]
    """Values for a wildcard in the examples."""
    no_tools: str
    """The answer to a program that wants the model to call functions."""
    unknown: str
    """The answer to a question of whose answer the model is not sure."""
    clock: str
    """The line that tells the model date and time."""
    weekdays: Annotated[tuple[str, ...], Meta(min_length=7, max_length=7)]
    """Names of the weekdays, Monday first."""
    months: Annotated[tuple[str, ...], Meta(min_length=12, max_length=12)]

    def clock_line(self, now: datetime) -> str:
        """`clock` with date and time."""
        return self.clock.format(
            weekday=self.weekdays[now.weekday()],
            day=now.day,
            month=self.months[now.month - 1],
            year=now.year,
            time=f"{now:%H:%M}",
        )


@functools.cache
def parts_for(language: str) -> PromptParts:
    """The texts of a language, `de` for `de-CH`.

    A language without a file has the English prompts, which small models know best.
    """
    file = resources.files(__package__).joinpath(f"prompts/{language.partition('-')[0]}.toml")
    if file.is_file():
        return msgspec.toml.decode(file.read_bytes(), type=PromptParts)
    return parts_for(FALLBACK)
