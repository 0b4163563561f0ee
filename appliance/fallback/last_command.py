"""Keeps the last command, to which "turn it off" and "the same in the bedroom" refer."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.fallback.mentioned_values import mentions
from appliance.text.normalise import words_of
from appliance.text.word_lists import word_lists_for
from appliance.values import Intent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from appliance.fallback.mentioned_values import Mention
    from appliance.fallback.sentence_patterns import Patterns, Words

SECONDS = 60.0
"""Seconds after a command in which "it" refers to it."""

SPEAKERS = 32
"""Number of speakers whose last command is kept; the one silent longest is forgotten first."""

TARGETS = ("name", "area", "floor", "domain", "device_class")
"""Slots that name the target of a command."""


STEPS = {"brightness": (20, 10), "volume_level": (20, 10), "temperature": (1, 1)}
"""Steps of a slot's value, a normal one and "a bit"; per cent or degrees."""

BOUNDS = {"brightness": (1, 100), "volume_level": (0, 100), "temperature": (1, 100)}
"""Lowest and highest value before and after a step: dimming does not turn a light off, and a colour
temperature is excluded."""


@dataclass(frozen=True, slots=True)
class LastCommand:
    """A command that was just carried out."""

    text: str
    intent: Intent

    @property
    def target(self) -> Mapping[str, object]:
        """The target of the command."""
        return target_of(self.intent)


class LastCommands:
    """The last command of each speaker, in memory only."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._said: OrderedDict[str, tuple[float, LastCommand]] = OrderedDict()

    def note(self, speaker: str, text: str, intent: Intent) -> None:
        """Keep what a speaker has commanded."""
        self._said.pop(speaker, None)
        self._said[speaker] = self._now(), LastCommand(text, intent)
        while len(self._said) > SPEAKERS:
            self._said.popitem(last=False)

    def forget(self, speaker: str) -> None:
        """Forget the last command, because "it" would be ambiguous."""
        self._said.pop(speaker, None)

    def of(self, speaker: str) -> LastCommand | None:
        """The last command, if it is at most SECONDS old."""
        said, last = self._said.get(speaker, (0.0, None))
        return last if last is not None and self._now() - said <= SECONDS else None


def target_of(intent: Intent) -> dict[str, object]:
    """The slots that name the target of a command."""
    return {name: value for name, value in intent.slots.items() if name in TARGETS}


def without_pronoun(text: str, last: LastCommand, patterns: Patterns, language: str) -> str | None:
    """`text` with the last command's target in place of "it"; None if there is no such word.

    A text that names a device or a room itself does not refer to the last command.
    """
    words, lists = words_of(text), word_lists_for(language)
    if any(_is_target(one, patterns) for one in mentions(text, patterns)):
        return None
    target = _target_words(words_of(last.text), patterns, lists.nouns)
    for at in range(len(words)):
        for length in (2, 1):
            if target and tuple(words[at : at + length]) in lists.pronouns:
                return " ".join((*words[:at], *target, *words[at + length :]))
    return None


def repeated_elsewhere(
    text: str, last: LastCommand, patterns: Patterns, language: str
) -> Iterator[str]:
    """The last command with the one value that `text` names: "the same in the bedroom"."""
    words, lists = words_of(text), word_lists_for(language)
    named = mentions(text, patterns)
    begin = next((n for n in (3, 2, 1) if tuple(words[:n]) in lists.again), 0)
    if not begin or len(named) != 1:
        return
    rest = [word for word in words[begin:] if word not in named[0].words]
    if not lists.links.issuperset(rest):
        return
    before = words_of(last.text)
    for mention in mentions(last.text, patterns):
        if _is_target(mention, patterns) and set(mention.values) & set(named[0].values):
            at = _place_of(mention.words, before)
            yield " ".join((*before[:at], *named[0].words, *before[at + len(mention.words) :]))


def with_other_value(
    text: str, last: LastCommand, patterns: Patterns, language: str
) -> Iterator[tuple[str, Intent]]:
    """The last command with more or less of its value, if `text` says so: "a bit brighter".

    Each text comes with the intent that it must have: the last one with this value changed. Without
    such a value in the last command there is no result.
    """
    step = word_lists_for(language).step_in(words_of(text))
    value = None if step is None else last.intent.slots.get(step[0])
    if step is None or isinstance(value, bool) or not isinstance(value, int | float):
        return
    slot, direction, small = step
    lowest, highest = BOUNDS[slot]
    changed = value + direction * STEPS[slot][small]
    wished = max(lowest, min(highest, changed))
    if wished == value or not lowest <= value <= highest:
        return
    intent = Intent(last.intent.name, {**last.intent.slots, slot: wished})
    before = words_of(last.text)
    for mention in mentions(last.text, patterns):
        if not _is_target(mention, patterns):
            at = _place_of(mention.words, before)
            after = before[at + len(mention.words) :]
            yield " ".join((*before[:at], str(wished), *after)), intent


def _is_target(mention: Mention, patterns: Patterns) -> bool:
    """Whether a mention is a room or a device, and not a number, a colour or a state."""
    return bool(set(mention.values) & {*TARGETS, *patterns.domains})


def _target_words(words: Words, patterns: Patterns, nouns: frozenset[str]) -> Words:
    """The words of a command that name its target: names, rooms and kinds of devices."""
    about = [at for at, word in enumerate(words) if word in nouns and at]
    for mention in mentions(" ".join(words), patterns):
        if _is_target(mention, patterns):
            at = _place_of(mention.words, words)
            about += range(at, at + len(mention.words))
    return words[min(about) : max(about) + 1] if about else ()


def _place_of(part: Sequence[str], words: Sequence[str]) -> int:
    places = range(len(words) - len(part) + 1)
    return next(at for at in places if tuple(words[at : at + len(part)]) == tuple(part))
