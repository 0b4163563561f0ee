"""Understands a sentence while it is still being spoken: when it is over, the work is done."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from appliance.grammar.completions import SentenceCompletions, WhatFollows
from appliance.recognition.grammar_recogniser import LONGEST_COMMAND, break_off
from appliance.text.normalise import normalise
from appliance.values import SAMPLE_RATE, SentenceProgress

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.decoding.sentence_recogniser import RecognisedSentence
    from appliance.engines.whisper.encoded_audio import EncodedAudio
    from appliance.grammar.grammar import Grammar
    from appliance.recognition.grammar_recogniser import GrammarRecogniser
    from appliance.recognition.recogniser import Heard
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Samples

SURE = 0.8
"""Confidence from which a whole sentence may end the waiting; below it the pause decides."""

FEWEST_WORDS = 2
"""Free words that must begin a sentence before it is waited for; any noise begins some word."""


BROKEN_OFF = ("...", "\u2026", "-")
"""What Whisper writes where somebody stops in the middle of a word or a sentence."""


class EarlyRecogniser:
    """A recogniser that is also asked about half sentences, from another thread.

    What it has understood of a sound it gives again when the very same sound comes as a whole
    sentence: then nothing is left to be done.
    """

    def __init__(
        self,
        recogniser: GrammarRecogniser,
        on_partial: Callable[[str], None] | None = None,
    ) -> None:
        """`on_partial` is told the words so far, in the thread that asked."""
        self.name = recogniser.name
        self._recogniser = recogniser
        self._on_partial = on_partial
        self._at_work = threading.Lock()
        self._known: deque[tuple[Samples, SentenceSet, RecognisedSentence, EncodedAudio]] = deque(
            maxlen=2
        )
        """Of the newest looks, one of which is perhaps taken for the sentence."""
        self._ahead: SentenceCompletions | None = None

    def so_far(
        self,
        samples: Samples,
        sentences: SentenceSet,
        *,
        thorough: bool = False,
        outdated: Callable[[], bool] = lambda: False,
    ) -> SentenceProgress:
        """What a sentence is of which only so much has been said.

        Args:
            samples: what has been said.
            sentences: those that may be.
            thorough: take as much time as for a sentence that is over.
            outdated: asked now and then whether the answer is still wanted.

        Raises:
            EngineError: as elsewhere; Interrupted, which is one, where it became outdated.

        """
        if len(samples) > LONGEST_COMMAND * SAMPLE_RATE:
            return SentenceProgress.UNKNOWN
        with self._at_work:
            onward = self._onward(sentences)
            # Who wants to see the words is shown them, whatever has been said since.
            given_up = outdated if self._on_partial is None else lambda: False
            found, hearing = self._recogniser.look(
                samples, sentences, thorough=thorough, outdated=given_up
            )
            if self._on_partial is not None:
                self._on_partial(found.text if found.reading is not None else found.free_text)
            sure = found.reading is not None and found.confidence >= SURE
            whole = sure and not _is_guessed(found.text, found.free_text)
            if whole or thorough:
                self._known.append((samples, sentences, found, hearing))
            if not whole:
                return _beginning(onward, found.free_text)
            break_off(outdated)
            return self._whole(onward, samples, sentences, found.text)

    def _whole(
        self, onward: SentenceCompletions, samples: Samples, sentences: SentenceSet, text: str
    ) -> SentenceProgress:
        ahead = onward.ahead(text)
        if ahead is WhatFollows.NOTHING:
            return SentenceProgress.COMPLETE
        if ahead is WhatFollows.SAME:
            # Right either way; but "today" on its own would be a sentence that nobody said.
            return SentenceProgress.SOUNDS_OVER
        if ahead is WhatFollows.ONE and self._recogniser.sounds_over(samples, sentences, text):
            return SentenceProgress.SOUNDS_OVER
        return SentenceProgress.COULD_GO_ON

    def recognise(
        self, samples: Samples, sentences: SentenceSet, stage: Callable[[str], None]
    ) -> Heard:
        with self._at_work:
            looks = (one for one in self._known if one[0] is samples and one[1] is sentences)
            known = next(looks, None)
            self._known.clear()
            if known is None:
                return self._recogniser.recognise(samples, sentences, stage)
            stage("anticipated")
            return self._recogniser.conclude(known[2], known[3], stage)

    def _onward(self, sentences: SentenceSet) -> SentenceCompletions:
        grammar = self._recogniser.prepare(sentences)
        if self._ahead is None or self._ahead.grammar is not grammar:
            self._ahead = SentenceCompletions(grammar, sentences.intents.skip_words)
        return self._ahead

    def prepare(self, sentences: SentenceSet) -> Grammar:
        """Compile the grammar of `sentences`; SentencesError as in the recogniser itself."""
        return self._recogniser.prepare(sentences)


def _is_guessed(text: str, heard: str) -> bool:
    """Whether what was heard breaks off, or ends where the sentence does not."""
    if heard.rstrip().endswith(BROKEN_OFF):
        return True
    *before, last = normalise(text).split() or [""]
    ends = normalise(heard).split()[-1:]
    return ends != [last] and ends in [[word] for word in before]


def _beginning(onward: SentenceCompletions, text: str) -> SentenceProgress:
    """INCOMPLETE where a sentence begins with these words."""
    begins = onward.begins(text) and len(text.split()) >= FEWEST_WORDS
    return SentenceProgress.INCOMPLETE if begins else SentenceProgress.UNKNOWN
