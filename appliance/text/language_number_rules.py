"""Spellings of numbers that the rules of a language lack: halves, short units."""

from __future__ import annotations

import functools
from importlib import resources

import msgspec

from appliance.text.language_codes import family


class NumberSpelling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of `numbers/`; {} stands for a number."""

    negative: tuple[str, ...] = ()
    """Words before a negative number, besides those of the language's own rules."""
    half: tuple[str, ...] = ()
    """A whole number and half of one."""
    half_otherwise: tuple[str, ...] = ()
    """Other spellings of it, used only if a text has the number in digits."""
    half_after_unit: tuple[str, ...] = ()
    """Spellings with the unit before the half: "4 heures et demie"."""
    at_start: dict[str, tuple[str, ...]] = {}
    """Replacements for the beginning of a number in words."""
    inside: dict[str, tuple[str, ...]] = {}
    """Replacements for any part of a number in words."""
    units: dict[str, tuple[str, ...]] = {}
    """Short forms of `hours`, `minutes` and `seconds` after a number."""

    def also(self, text: str) -> list[str]:
        """Other spellings of a number than `text`, its words by the language's rules."""
        started = [
            other + text.removeprefix(begin)
            for begin, others in self.at_start.items()
            if text.startswith(begin)
            for other in others
        ]
        within = [
            one.replace(part, other)
            for part, others in self.inside.items()
            for one in (text, *started)
            if part in one
            for other in others
        ]
        return [*started, *within]


@functools.cache
def number_spelling(language: str) -> NumberSpelling:
    """The spellings of a language, `de` for `de-CH`; an empty one if there is no file."""
    file = resources.files(__package__).joinpath(f"numbers/{family(language)}.toml")
    if not file.is_file():
        return NumberSpelling()
    return msgspec.toml.decode(file.read_bytes(), type=NumberSpelling)
