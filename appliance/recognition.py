"""Speech at the device: Whisper held to what may be said, joined to the sentences."""

from __future__ import annotations

import dataclasses
import threading
from collections import deque
from typing import TYPE_CHECKING

from appliance.engines.whisper_ending import sounds_over
from appliance.grammar.grammar import Grammar
from appliance.grammar.search import Effort
from appliance.grammar.understand import Understanding, Understood
from appliance.grammar.vocabulary import Vocabulary
from appliance.inference.mind import Heard
from appliance.inference.recogniser import spoken_text
from appliance.values import SAMPLE_RATE, Intent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from appliance.engines.whisper import Hearing, Whisper
    from appliance.grammar.understand import Calibration, Refusal
    from appliance.inference.sentences import Sentences
    from appliance.values import Samples

LONGEST_COMMAND = 28.0
"""Seconds; what takes longer to say is no command, and Whisper could not hear it in one piece."""


class GrammarRecogniser:
    """Hears one of the sentences, or says that it was none of them."""

    def __init__(
        self, whisper: Whisper, *, refusal: Refusal, calibration: Calibration, cache: Path | None
    ) -> None:
        """`cache` is a folder for compiled grammars, the appliance's own; None keeps none."""
        self.name = whisper.name
        self._whisper = whisper
        self._cache = cache
        self._refusal = refusal
        self._understanding = Understanding(
            vocabulary=Vocabulary.of(whisper.tokens, whisper.end),
            spell=whisper.text,
            refusal=refusal,
            calibration=calibration,
        )
        # What is said is looked at again soon: not worth looking for what is only spelled alike.
        self._glance = dataclasses.replace(self._understanding, effort=Effort(rounds=0))
        self._lock = threading.Lock()
        self._compiled: deque[tuple[Sentences, Grammar]] = deque(maxlen=2)
        """Those in force and, while they are exchanged, the next."""

    def prepare(self, sentences: Sentences) -> Grammar:
        """Compile the grammar of `sentences`, so that nobody who speaks has to wait for it.

        Raises:
            SentencesError: they allow nothing, or name what is not there.

        """
        with self._lock:
            for known, grammar in self._compiled:
                if known is sentences:
                    return grammar
            grammar = Grammar.of(sentences.intents, cache=self._cache)
            grammar.prepare(self._understanding.vocabulary)
            self._compiled.append((sentences, grammar))
            return grammar

    def understand(
        self,
        samples: Samples,
        sentences: Sentences,
        stage: Callable[[str], None] = lambda _: None,
    ) -> tuple[Understood, Hearing]:
        """All that was found out about a sound of at most LONGEST_COMMAND seconds."""
        hearing = self._whisper.hear(samples, sentences.language)
        stage("encode")
        return self._understanding.understand(hearing, self.prepare(sentences)), hearing

    def glance(self, samples: Samples, sentences: Sentences) -> Understood:
        """The same in less time, and less thorough: of what is still being said."""
        hearing = self._whisper.hear(samples, sentences.language)
        return self._glance.understand(hearing, self.prepare(sentences))

    def sounds_over(self, samples: Samples, sentences: Sentences, text: str) -> bool:
        """Whether a sound that says `text` ends as a sentence ends."""
        return sounds_over(self._whisper, samples, sentences.language, text)

    def recognise(
        self, samples: Samples, sentences: Sentences, stage: Callable[[str], None]
    ) -> Heard:
        if len(samples) > LONGEST_COMMAND * SAMPLE_RATE:
            return self._written_down(samples, sentences, stage)
        grammar = self.prepare(sentences)
        hearing = self._whisper.hear(samples, sentences.language)
        stage("encode")
        found = self._understanding.understand(hearing, grammar)
        stage("decode")
        if found.reading is not None:
            return self.heard(found)
        if found.refused in ("silence", "no_speech"):
            return Heard("")
        # What was said in place of a sentence: for the owner to read, and for what comes next.
        transcript = hearing.transcript()
        stage("transcribe")
        return Heard(spoken_text(transcript, self._refusal.no_speech), None, transcript.confidence)

    @staticmethod
    def heard(found: Understood) -> Heard:
        """What was understood, as everybody wants it; nothing where it was refused."""
        if found.reading is None:
            return Heard("")
        reading, confidence = found.reading, found.confidence
        intent = Intent(reading.intent, dict(reading.slots), confidence=confidence)
        return Heard(found.text, intent, confidence)

    def _written_down(
        self, samples: Samples, sentences: Sentences, stage: Callable[[str], None]
    ) -> Heard:
        transcript = self._whisper.transcribe(samples, sentences.language)
        stage("transcribe")
        return Heard(spoken_text(transcript, self._refusal.no_speech), None, transcript.confidence)
