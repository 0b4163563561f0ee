"""The answers about the appliance itself, in the language that is spoken."""

from __future__ import annotations

import functools
from importlib import resources

import msgspec

FALLBACK = "en"


class AnswerPhrases(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of `phrases/`; the names in braces are filled in."""

    weekday: str
    clock_unset: str
    name: str
    area: str
    no_area: str
    sentences: str
    no_sentences: str
    model: str
    model_speech: str
    temperature: str
    power: str
    no_sensor: str
    connected: str
    not_connected: str
    last_command: str
    no_command: str
    nothing_said: str
    volume: str
    muted: str
    unmuted: str
    decimal_point: str
    number: str
    about: str
    division_by_zero: str
    other_units: str
    days_until: str
    no_date: str


@functools.cache
def answer_phrases_for(language: str) -> AnswerPhrases:
    """The phrases of a language, `de` for `de-CH`; the English ones if there is no file."""
    name = f"phrases/{language.partition('-')[0]}.toml"
    file = resources.files(__package__).joinpath(name)
    if not file.is_file():
        return answer_phrases_for(FALLBACK)
    return msgspec.toml.decode(file.read_bytes(), type=AnswerPhrases)
