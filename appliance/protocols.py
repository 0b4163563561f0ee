"""The interfaces of engines and devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from appliance.values import (
        Action,
        BoardReading,
        Completion,
        MicrophoneState,
        OptionScores,
        Pace,
        Question,
        Result,
        Samples,
        Spoken,
        Transcript,
        Wake,
    )

FRAME_SAMPLES = 512
"""Samples in one frame of audio, 32 ms: the voice activity detector requires this number."""


class Microphone(Protocol):
    """A source of audio frames; it reopens its device by itself after a fault."""

    captured_at: float
    """time.monotonic() of the last sample of the last frame."""

    last_activity_at: float
    """time.monotonic() of the last audio, or of the last attempt to reopen the device."""

    @property
    def state(self) -> MicrophoneState:
        """What it is doing."""

    def open(self) -> None:
        """Start; MicrophoneError if there is none. A later fault is retried, not raised."""

    def read(self, timeout: float) -> Samples | None:
        """The next frame of FRAME_SAMPLES, or None if there is none within `timeout` seconds."""

    def close(self) -> None:
        """Stop; may be called twice."""


class IntentHandler(Protocol):
    """Carries out intents inside the appliance: devices, timers, questions about itself."""

    def handle_intent(self, result: Result) -> Action | None:
        """Carry out `result.intent`; None if this handler does not know it. Any thread.

        The result is committed to the journal after this call, together with the messages of the
        action. After a crash in between, a request comes again with the same `result.id`: what a
        handler keeps by itself must not be done twice for one id.

        Raises:
            ApplianceError: it cannot be carried out; the outcome becomes `failed`, with this text.

        """


class Speaker(Protocol):
    """Says texts to whoever is there."""

    def say(self, text: str) -> None:
        """Say it after what waits already; nothing happens without a voice. Any thread."""


class VoiceActivityDetector(Protocol):
    """Finds speech in audio, frame by frame."""

    def probability(self, frame: Samples) -> float:
        """Of speech in a frame of FRAME_SAMPLES, 0.0 to 1.0."""

    def reset(self) -> None:
        """Forget the frames so far."""


class WakeWordDetector(Protocol):
    """Finds one or more wake words in audio."""

    def feed(self, frame: Samples) -> Wake | None:
        """Add a frame of FRAME_SAMPLES; the word that ends in it, or None."""

    def reset(self) -> None:
        """Forget the frames so far."""

    def close(self) -> None:
        """Free the memory of the models; may be called twice."""


class Transcriber(Protocol):
    """Speech to text, without a grammar."""

    name: str
    """The model's name in the catalogue."""

    def transcribe(
        self, samples: Samples, language: str, must_stop: Callable[[], bool] = lambda: False
    ) -> Transcript:
        """What was said.

        Raises:
            EngineError: the engine failed.
            Interrupted: `must_stop` returned True; long audio is checked in between.

        """

    def phrase_score(self, samples: Samples, phrase: str) -> float | None:
        """Natural log probability per token that an English phrase was said; None for silence.

        Raises:
            EngineError: the engine failed.

        """

    def use_pace(self, pace: Pace) -> None:
        """How hard the board may work from now on."""


class LanguageModel(Protocol):
    """Text to text."""

    name: str
    """The model's name in the catalogue."""

    @property
    def restarts(self) -> int:
        """How often its process was started again, because it died."""

    def complete(
        self,
        question: Question,
        must_stop: Callable[[], bool],
        on_token: Callable[[str | None], None] | None = None,
    ) -> Completion:
        """The answer to `question`.

        Args:
            question: the conversation, and what the answer must keep to.
            must_stop: checked between tokens.
            on_token: receives each piece of the answer; None if it starts again.

        Raises:
            EngineError: the model failed, with the reason.
            Interrupted: `must_stop` returned True.

        """

    def score_options(
        self, menu: str, text: str, options: Sequence[str], must_stop: Callable[[], bool]
    ) -> OptionScores:
        """How likely each option is to follow `menu` and `text`, if one of them must.

        `menu` is cached: it should be the same from call to call. Raises as `complete`.
        """

    def start(self) -> None:
        """Load it now and not at its first use; EngineError if it cannot be loaded."""

    def close(self) -> None:
        """Give its memory back, in the thread that used it first; may be called twice."""

    def use_threads(self, count: int) -> None:
        """With how many threads it computes from the next order on."""

    @property
    def fault(self) -> str | None:
        """Why it cannot be used now; None if it can."""

    def suspended(self) -> AbstractContextManager[None]:
        """Leave the CPU to others until this ends, or until the same thread makes a request."""

    def restart_if_dead(self) -> None:
        """Restart a process that died; for a time without requests."""


class Synthesizer(Protocol):
    """Text to speech."""

    name: str

    def speak(self, sentence: str) -> Spoken:
        """One sentence as audio; EngineError if the engine fails."""


class Sensors(Protocol):
    """The board's sensors."""

    def read(self) -> BoardReading:
        """The values of all sensors at present."""

    def joules(self) -> float | None:
        """The board's energy since start; None if no sensor measures it. Safe in every thread."""
