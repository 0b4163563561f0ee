"""Understands a sentence while it is still being spoken: when it is over, the work is done."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from appliance.grammar.automaton import DEAD
from appliance.grammar.text import STOPS, folded
from appliance.recognition import LONGEST_COMMAND
from appliance.values import SAMPLE_RATE, SoFar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from appliance.grammar.grammar import Grammar
    from appliance.inference.mind import Heard
    from appliance.inference.sentences import Sentences
    from appliance.recognition import GrammarRecogniser
    from appliance.values import Samples

SURE = 0.8
"""Confidence from which a whole sentence may end the waiting; below it the pause decides."""

FEWEST_WORDS = 2
"""Free words that must begin a sentence before it is waited for; any noise begins some word."""

LOOKS_AHEAD = 3
"""Letters of the next word that tell whether it is one of the skip words."""

_NO_STOPS = str.maketrans("", "", "".join(STOPS))


class Anticipation:
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
        self._known: tuple[Samples, Sentences, Heard] | None = None

    def so_far(self, samples: Samples, sentences: Sentences) -> SoFar:
        """What a sentence is of which only so much has been said; EngineError as elsewhere."""
        if len(samples) > LONGEST_COMMAND * SAMPLE_RATE:
            return SoFar.UNKNOWN
        with self._at_work:
            grammar = self._recogniser.prepare(sentences)
            found, _ = self._recogniser.understand(samples, sentences)
            if self._on_partial is not None:
                self._on_partial(found.text if found.reading is not None else found.free_text)
            if found.reading is None or found.confidence < SURE:
                return _beginning(grammar, found.free_text)
            heard = self._recogniser.heard(found)
            self._known = (samples, sentences, heard)
        goes_on = _goes_on(grammar, found.text, sentences.intents.skip_words)
        return SoFar.COULD_GO_ON if goes_on else SoFar.COMPLETE

    def recognise(
        self, samples: Samples, sentences: Sentences, stage: Callable[[str], None]
    ) -> Heard:
        with self._at_work:
            known, self._known = self._known, None
            if known is not None and known[0] is samples and known[1] is sentences:
                stage("anticipated")
                return known[2]
            return self._recogniser.recognise(samples, sentences, stage)

    def prepare(self, sentences: Sentences) -> Grammar:
        """Compile the grammar of `sentences`; SentencesError as in the recogniser itself."""
        return self._recogniser.prepare(sentences)


def _goes_on(grammar: Grammar, text: str, skip_words: Sequence[str]) -> bool:
    """Whether a sentence begins with this one and says more; a "please" is not more."""
    automaton = grammar.automaton
    state = automaton.walk(automaton.start, _plain(text))
    if state == DEAD or automaton.is_open(state):
        return True
    # A longer word does not count ("light", "lights"): nobody pauses in the middle of one.
    skipped = [_plain(word) for word in skip_words]
    behind = [(automaton.step(state, " "), "")]
    for _ in range(LOOKS_AHEAD):
        ahead = [
            (automaton.step(place, char), said + char)
            for place, said in behind
            if place != DEAD
            for char in automaton.characters(place)
            if char.isalnum()
        ]
        if not all(any(word.startswith(said) for word in skipped) for _, said in ahead):
            return True
        behind = ahead
    return False


def _beginning(grammar: Grammar, text: str) -> SoFar:
    """INCOMPLETE where a sentence begins with these words."""
    words = _plain(text)
    automaton = grammar.automaton
    begins = automaton.walk(automaton.start, words) != DEAD
    return SoFar.INCOMPLETE if begins and len(words.split()) >= FEWEST_WORDS else SoFar.UNKNOWN


def _plain(text: str) -> str:
    return folded(text).translate(_NO_STOPS).strip()
