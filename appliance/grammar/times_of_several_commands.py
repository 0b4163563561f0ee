"""Checks for which of several commands a time is meant: "wake me at 7 and open it".

A time that is said for one command may apply to the next one, too, and one at the end to all before
it. Nothing may be done too early, so a time is unclear unless the text settles it: each command has
a time, the other one has "now", the time stands before its own command and after the others ("close
it and in 5 minutes open it"), or it is only the length of a timer. The words are in the table
`when` in `text/word_lists/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.text.normalise import words_of
from appliance.text.number_words import digits_of_words
from appliance.text.word_lists import place_of_any, word_lists_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from appliance.text.word_lists import WordLists
    from appliance.values import Intent

    class SaidCommand(Protocol):
        """One command of a sentence."""

        @property
        def text(self) -> str:
            """The command as a complete sentence."""

        @property
        def intent(self) -> Intent:
            """The meaning of the command."""


LATER = "conversation_command"
"""The slot with a command that is not done at once."""

AT_A_TIME = frozenset({"AlarmSet", "ReminderSet", "CommandAtTime"})
"""Intents that always refer to a later moment."""

NAMES = ("name", "area", "floor")
"""Slots whose words do not express a time: "the night light"."""

LATEST_HOUR = 24


def unclear_time(text: str, commands: Sequence[SaidCommand], language: str) -> str | None:
    """Reason, for a person, why the times of the commands in `text` are unclear; None if clear."""
    lists = word_lists_for(language)
    found = [_SaidTime(command, lists, language) for command in commands]
    timed = next((at for at, one in enumerate(found) if one.has_time), None)
    open_ended = [at for at, one in enumerate(found) if not one.is_settled]
    if timed is None:
        timer = next((at for at, one in enumerate(found) if one.is_timer), len(found))
        in_order = place_of_any(lists.when.sequence, words_of(text)) is not None
        if not in_order or all(at < timer for at in open_ended):
            return None
        return f'"{found[timer].text}" may have to end first: say one after the other'
    if not open_ended or (found[timed].begins_with_time and open_ended[-1] < timed):
        return None
    return (
        f'"{found[timed].text}" has a time and "{found[open_ended[0]].text}" has none: say one '
        'after the other, or a time or "now" with each'
    )


class _SaidTime:
    """The time that one command states."""

    def __init__(self, command: SaidCommand, lists: WordLists, language: str) -> None:
        self.text = command.text
        self._lists, self._when = lists, lists.when
        said, digits = words_of(command.text), digits_of_words(language)
        names = {word for slot in NAMES for word in words_of(str(_slot(command.intent, slot)))}
        words = [digits.get(word, word) for word in said if word not in names]
        asks = lists.guard_of_kind(lists.content(said, begins=False), "question")
        later = LATER in command.intent.slots or command.intent.name in AT_A_TIME
        length = self._has_length(words)
        self.is_timer = length and not later and self._has(self._when.timers, words)
        self._words = _without(self._when.loose, words)
        has_moment = any(map(self._is_time, self._words)) or self._has_hour(words)
        self.has_time = not asks and (later or has_moment or (length and not self.is_timer))
        at_once = self._has(self._when.at_once, said)
        self.is_settled = self.has_time or asks or self.is_timer or at_once
        """Whether another command's time certainly does not apply to it."""

    @property
    def begins_with_time(self) -> bool:
        """Whether the command begins with its time: "in 5 minutes open the gate"."""
        for word in self._words:
            if word.isdecimal() or (word,) in self._when.units or self._is_time(word):
                return True
            if word not in self._lists.links and (word,) not in self._when.one:
                return False
        return False

    def _has_length(self, words: Sequence[str]) -> bool:
        """Whether there is a number of hours, minutes or seconds."""
        place = place_of_any(self._when.units, words)
        if place is None or place[0] == 0:
            return False
        before = words[place[0] - 1]
        return before.isdecimal() or (before,) in self._when.one

    def _has_hour(self, words: Sequence[str]) -> bool:
        """Whether there is "at 7", and no unit of another measure after the number."""
        for at, word in enumerate(words):
            if word.isdecimal() and int(word) <= LATEST_HOUR:
                measured = any(
                    tuple(words[at + 1 : at + 1 + length]) in self._when.other_units
                    for length in (1, 2)
                )
                after = any(
                    tuple(words[max(0, at - length) : at]) in self._when.hours_after
                    for length in (1, 2)
                )
                if after and not measured:
                    return True
        return False

    def _is_time(self, word: str) -> bool:
        return (word,) in self._lists.guards.get("time", frozenset())

    @staticmethod
    def _has(phrases: frozenset[tuple[str, ...]], words: Sequence[str]) -> bool:
        return place_of_any(phrases, words) is not None


def _slot(intent: Intent, name: str) -> object:
    return intent.slots.get(name, "")


def _without(phrases: frozenset[tuple[str, ...]], words: Sequence[str]) -> list[str]:
    found = list(words)
    while (place := place_of_any(phrases, found)) is not None:
        del found[place[0] : place[1]]
    return found
