"""Free recognition, then the text parser: the simple way from sound to an intent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from appliance.recognition.recogniser_interface import RecognisedSpeech
from appliance.values import Trigger

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.protocols import Transcriber
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Samples, Transcript


class FreeRecogniser:
    """Transcribes any words, then parses them as one of the sentences."""

    def __init__(self, transcriber: Transcriber, no_speech_threshold: float) -> None:
        self.name = transcriber.name
        self._transcriber = transcriber
        self._threshold = no_speech_threshold

    def prepare(self, sentences: SentenceSet) -> None:
        """Prepare nothing, because any words may be heard."""

    def recognise(
        self,
        samples: Samples,
        sentences: SentenceSet,
        stage: Callable[[str], None],
        must_stop: Callable[[], bool] = lambda: False,
        trigger: Trigger = Trigger.REQUEST,
    ) -> RecognisedSpeech:
        transcript = self._transcriber.transcribe(samples, sentences.language, must_stop)
        stage("transcribe")
        text = spoken_text(transcript, self._threshold)
        # A sentence that fits exactly has the confidence of the words.
        intents = tuple(
            msgspec.structs.replace(intent, confidence=transcript.confidence)
            for intent in sentences.parse_all(text)
        )
        stage("parse")
        return RecognisedSpeech(text, intents, transcript.confidence)


def spoken_text(transcript: Transcript, no_speech_threshold: float) -> str:
    """The words; empty if the model thinks that nobody spoke.

    Whisper invents words for silence; its own probability of no speech is the only sign of it.
    """
    if transcript.no_speech is not None and transcript.no_speech > no_speech_threshold:
        return ""
    return transcript.text.strip()
