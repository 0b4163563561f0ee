"""Judges a sentence that is still being spoken: complete, a beginning, or neither."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from appliance.grammar.compound_sentence import goes_on
from appliance.grammar.possible_endings import SentenceCompletions, WhatFollows
from appliance.recognition.grammar_recogniser import LONGEST_COMMAND_S, stop_if_outdated
from appliance.text.normalise import normalise
from appliance.values import SAMPLE_RATE, SentenceProgress

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.decoding.sentence_recogniser import RecognisedSentence
    from appliance.engines.whisper.encoded_audio import EncodedAudio
    from appliance.recognition.grammar_recogniser import GrammarRecogniser
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Samples

SURE_CONFIDENCE = 0.8
"""Minimum confidence of a complete sentence that may end listening; below it the pause decides."""

FEWEST_WORDS = 2
"""Minimum number of words of the beginning of a sentence; any noise resembles one word."""

BROKEN_OFF = ("...", "\u2026", "-")
"""Endings that Whisper writes if a word or a sentence is broken off."""


class EarlyRecogniser:
    """Recognises early and keeps the results, in case the same sound is the whole sentence."""

    def __init__(self, recogniser: GrammarRecogniser) -> None:
        self._recogniser = recogniser
        self._known: deque[tuple[Samples, SentenceSet, RecognisedSentence, EncodedAudio]] = deque(
            maxlen=2
        )
        """The newest looks, one of which may become the sentence."""
        self._completions: SentenceCompletions | None = None

    def look(
        self,
        samples: Samples,
        sentences: SentenceSet,
        *,
        thorough: bool = False,
        outdated: Callable[[], bool] = lambda: False,
        on_words: Callable[[str], None] | None = None,
    ) -> SentenceProgress:
        """The progress of the sentence so far.

        Args:
            samples: the sound until now.
            sentences: those that may be said.
            thorough: take as much time as for a finished sentence.
            outdated: called now and then; True if the answer is not needed any more.
            on_words: receives the words of this sound, even if more has been said since.

        Raises:
            EngineError: the model failed; Interrupted, which is one, if it became outdated.

        """
        if len(samples) > LONGEST_COMMAND_S * SAMPLE_RATE:
            return SentenceProgress.UNKNOWN
        completions = self._completions_of(sentences)
        given_up = outdated if on_words is None else lambda: False
        found, audio = self._recogniser.decode_early(
            samples, sentences, thorough=thorough, outdated=given_up
        )
        if on_words is not None and (words := found.text or found.free_text):
            on_words(words)
        sure = found.reading is not None and found.confidence >= SURE_CONFIDENCE
        more = goes_on(normalise(found.free_text), normalise(found.text), sentences.language)
        complete = sure and not more and not _is_guessed(found.text, found.free_text)
        if complete or thorough:
            self._known.append((samples, sentences, found, audio))
        if more and found.text:
            return SentenceProgress.INCOMPLETE  # another command follows
        if not complete:
            return _beginning(completions, found.free_text)
        stop_if_outdated(outdated)
        return self._complete(completions, samples, sentences, found.text)

    def knows(self, samples: Samples) -> bool:
        """Whether a look at exactly this sound was kept."""
        return any(known[0] is samples for known in self._known)

    def take_known(
        self, samples: Samples, sentences: SentenceSet
    ) -> tuple[RecognisedSentence, EncodedAudio] | None:
        """Return the result of a look at exactly this sound, and forget every look."""
        looks = (one for one in self._known if one[0] is samples and one[1] is sentences)
        known = next(looks, None)
        self._known.clear()
        return None if known is None else (known[2], known[3])

    def _complete(
        self,
        completions: SentenceCompletions,
        samples: Samples,
        sentences: SentenceSet,
        text: str,
    ) -> SentenceProgress:
        follows = completions.what_follows(text)
        if follows is WhatFollows.NOTHING:
            return SentenceProgress.COMPLETE
        if follows is WhatFollows.SAME:
            # Any ending is right; but a late "today" alone would become a sentence that nobody
            # said.
            return SentenceProgress.SOUNDS_OVER
        if follows is WhatFollows.ONE and self._recogniser.sounds_finished(
            samples, sentences, text
        ):
            return SentenceProgress.SOUNDS_OVER
        return SentenceProgress.COULD_GO_ON

    def _completions_of(self, sentences: SentenceSet) -> SentenceCompletions:
        grammar = self._recogniser.prepare(sentences)
        if self._completions is None or self._completions.grammar is not grammar:
            self._completions = SentenceCompletions(grammar, sentences.intents.skip_words)
        return self._completions


def _is_guessed(text: str, heard: str) -> bool:
    """Whether the heard words break off, or end before the sentence does."""
    if heard.rstrip().endswith(BROKEN_OFF):
        return True
    *before, last = normalise(text).split() or [""]
    ends = normalise(heard).split()[-1:]
    return ends != [last] and ends in [[word] for word in before]


def _beginning(completions: SentenceCompletions, text: str) -> SentenceProgress:
    """INCOMPLETE where a sentence begins with these words."""
    begins = completions.is_prefix(text) and len(text.split()) >= FEWEST_WORDS
    return SentenceProgress.INCOMPLETE if begins else SentenceProgress.UNKNOWN
