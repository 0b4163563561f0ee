"""Reads several commands in one text, each like a single one; all are understood or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.fallback.last_command import LastCommand
from appliance.grammar.compound_sentence import Part, asks_or_reports, parts_of
from appliance.grammar.times_of_several_commands import unclear_time

if TYPE_CHECKING:
    from appliance.fallback.cascade import Cascade
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Intent


class SeveralCommands:
    """Reads the parts of a text as declared sentences, or by their meaning."""

    def __init__(self, cascade: Cascade) -> None:
        self._cascade = cascade

    def declared(self, text: str, sentences: SentenceSet) -> tuple[tuple[Intent, ...], str | None]:
        """The intents if each part is a declared sentence, and the missing room of one, if any."""
        parts = sentences.parts(text)
        for part in parts:
            if part.reading is not None and part.reading.lacks_area:
                return (), sentences.lacking(part.text)
        return _intents_of(parts), None

    def meant(self, text: str, sentences: SentenceSet) -> tuple[tuple[Intent, ...], str | None]:
        """The intents if each part is a sentence, means the same as one, or refers to the last one.

        If the times of the commands are unclear, there are no intents, and the second value says
        why. The gate of the cascade holds for each part: no part is a question, a report, or for
        later.
        """

        def read(part: str, before: Part | None) -> Part | None:
            found = sentences.part(part)
            if found is not None and found.reading is not None:
                return None if found.reading.lacks_area else found
            if asks_or_reports(part, sentences.language):
                return None  # a question or report, such as "and the light is off", never acts
            intent = self._cascade.repair(part, sentences, is_part=True)
            if intent is None and before is not None:
                last = LastCommand(before.text, before.intent)
                refers = self._cascade.follow_up(part, last, sentences)
                part, intent = (part, None) if refers is None else (refers.text, refers.intent)
            if intent is None or sentences.declared[intent.name].never_by_voice:
                return None  # only its exact words may cause it
            return Part(part, intent)

        parts = parts_of(text, sentences.language, read)
        unclear = unclear_time(text, parts, sentences.language)
        return () if unclear else _intents_of(parts), unclear


def _intents_of(parts: tuple[Part, ...]) -> tuple[Intent, ...]:
    return tuple(part.intent for part in parts)
