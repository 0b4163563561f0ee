"""The purposes of a client's sound: a transcription, or the detection of wake words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from appliance.endpointing.endpointer import FRAME_SECONDS
from appliance.engines.silero import Silero
from appliance.engines.wake_word import wake_words
from appliance.errors import EngineError
from appliance.values import Operation
from appliance.wyoming_server import outgoing_events as outgoing
from appliance.wyoming_server.client_endpointing import Dictation, SpokenCommand, settings_for
from appliance.wyoming_server.client_requests import area_of
from appliance.wyoming_server.outgoing_events import COMMANDS, DICTATION

if TYPE_CHECKING:
    from contextlib import ExitStack

    from appliance.values import Result, Samples
    from appliance.wyoming_server.client_socket import ClientSocket
    from appliance.wyoming_server.incoming_events import Detect, Transcribe
    from appliance.wyoming_server.outgoing_events import Context
    from appliance.wyoming_server.services import Services

LOOK_POLL_S = 0.2
"""Seconds between two checks of the client's socket while a recording waits for early looks."""


class SoundPurpose(Protocol):
    """Takes the frames of one stretch of sound."""

    def hear(self, frame: Samples) -> bool:
        """Take a frame; True if no more is needed."""

    def finish(self) -> None:
        """The sound is over."""


class SentenceRequests(Protocol):
    """Has a sentence recognised, and waits for the result."""

    names: tuple[str, ...]
    """Names that can be said beside the declared ones."""

    def result_of(
        self, operation: Operation, context: Context, *, samples: Samples | None = None
    ) -> Result:
        """As `ClientRequests.result_of`."""


class Transcription:
    """Speech to a declared sentence, or to every word."""

    def __init__(
        self,
        asked: Transcribe,
        client: ClientSocket,
        requests: SentenceRequests,
        services: Services,
        stack: ExitStack,
    ) -> None:
        """`stack` ends with the transcription."""
        self._asked = asked
        self._client = client
        self._requests = requests
        self._language = services.language
        name = asked.name or (DICTATION if services.dictation else COMMANDS)
        listening = settings_for(services.config.listening, asked.vad_sensitivity)
        self._looks = None
        self._maximum_s = services.config.requests.maximum_audio_s
        self._heard_s = 0.0
        self._sentence: SpokenCommand | Dictation
        if name == DICTATION:
            self._operation = Operation.TRANSCRIBE
            self._sentence = Dictation(Silero(), listening, self._maximum_s)
        else:
            self._operation = Operation.RECOGNIZE
            if listening.by_meaning:
                self._looks = stack.enter_context(
                    services.recognition.looks_of_client(area_of(asked.context), requests.names)
                )
            self._sentence = SpokenCommand(Silero(), listening, self._looks)

    def hear(self, frame: Samples) -> bool:
        """Take a frame; True after the sentence was over and is answered."""
        self._heard_s += FRAME_SECONDS
        samples = self._sentence.hear(frame)
        self._wait_for_look()
        if samples is None:
            return self._heard_s >= self._maximum_s and self._answer(self._sentence.finish())
        return self._answer(samples, more_may_come=self._heard_s < self._maximum_s)

    def finish(self) -> None:
        """The sound is over: answer with what was said."""
        self._answer(self._sentence.finish())

    def _wait_for_look(self) -> None:
        """A recording that comes faster than speech waits for the early looks."""
        looks = self._looks
        while looks is not None and looks.pending and self._sentence.clock.is_ahead:
            looks.wait(LOOK_POLL_S)
            self._client.check()

    def _answer(self, samples: Samples, *, more_may_come: bool = False) -> bool:
        """Send the transcript; False if nobody spoke, and listening continues."""
        if not len(samples):
            self._send("")
            return True
        result = self._requests.result_of(self._operation, self._asked.context, samples=samples)
        words = outgoing.words_of(result)
        if words is None:
            raise EngineError(result.reason or "the recognition failed")
        if not result.text and more_may_come:  # a noise
            self._sentence.go_on()
            return False
        self._send(words)
        return True

    def _send(self, words: str) -> None:
        self._client.send(outgoing.transcript(words, self._language, self._asked.context))


class WakeListening:
    """Sound to the wake words that are said in it."""

    def __init__(
        self, asked: Detect, client: ClientSocket, services: Services, stack: ExitStack
    ) -> None:
        """Load the detectors of the wake words that are asked for; all, if none is named.

        Raises:
            EngineError: a wake word's file cannot be used.

        """
        wanted = [
            word for word in services.wake_words if not asked.names or word.name in asked.names
        ]
        self._asked = asked
        self._client = client
        self._detectors = wake_words.load(wanted)
        for detector in self._detectors:
            stack.callback(detector.close)
        self._heard_s = 0.0
        self._detected = False

    def hear(self, frame: Samples) -> bool:
        """Take a frame, and report a wake word that ends in it."""
        self._heard_s += FRAME_SECONDS
        for detector in self._detectors:
            if (wake := detector.feed(frame)) is not None:
                self._detected = True
                detector.reset()
                at_ms = round(self._heard_s * 1000)
                self._client.send(outgoing.detection(wake.word, at_ms, self._asked.context))
        return False

    def finish(self) -> None:
        """The sound is over."""
        if not self._detected:
            self._client.send(outgoing.not_detected(self._asked.context))


def is_model(name: str | None) -> bool:
    """Whether a client asks for a model that there is."""
    return name in (None, "", COMMANDS, DICTATION)
