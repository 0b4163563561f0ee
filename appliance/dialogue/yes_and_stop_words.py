"""Words that confirm, and phrases that end everything, in the spoken language."""

from __future__ import annotations

import functools
from importlib import resources

import msgspec

from appliance.text.normalise import words_of

FALLBACK = "en"

LONGEST_YES = 4
"""Maximum number of words; a longer reply means something else."""


class Phrases(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of `phrases/`."""

    yes_or_no: str
    """Spoken after a question."""
    yes: frozenset[str]
    """Words that confirm. Every word of a reply must be one of these, so that noise never
    confirms."""
    stop: frozenset[str]
    """Phrases that end everything."""

    def means_stop(self, text: str) -> bool:
        """Whether a text is one of the phrases that end everything, also said twice."""
        words = words_of(text)
        half = words[: len(words) // 2]
        said = half if half and words == half + half else words
        return " ".join(said) in self.stop

    def means_yes(self, text: str) -> bool:
        """Whether every word of a reply confirms."""
        words = words_of(text)
        known = self.yes | phrases_for(FALLBACK).yes | {"please"}
        return 0 < len(words) <= LONGEST_YES and all(word in known for word in words)


@functools.cache
def phrases_for(language: str) -> Phrases:
    """The words of a language, `de` for `de-CH`; the English ones if there is no file."""
    file = resources.files(__package__).joinpath(f"phrases/{language.partition('-')[0]}.toml")
    if not file.is_file():
        return phrases_for(FALLBACK)
    written = msgspec.toml.decode(file.read_bytes(), type=Phrases)
    return Phrases(
        yes_or_no=written.yes_or_no,
        yes=frozenset(word for one in written.yes for word in words_of(one)),
        stop=frozenset(" ".join(words_of(phrase)) for phrase in written.stop),
    )
