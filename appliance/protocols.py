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
        """The state of the microphone."""

    def open(self) -> None:
        """Start; MicrophoneError if there is none. A later fault is retried, not raised."""

    def read(self, timeout: float) -> Samples | None:
        """The next frame of FRAME_SAMPLES, or None if there is none within `timeout` seconds."""

    def close(self) -> None:
        """Stop; may be called twice."""


class IntentHandler(Protocol):
    """Carries out intents inside the appliance: devices, timers, questions about itself."""

    def handle_intent(self, result: Result) -> Action | None:
        """Carry out `result.intent`; None if this handler does not know it. Called from any thread.

        The result is committed to the journal after this call, together with the messages of the
        action. After a crash in between, the request comes again with the same `result.id`, so a
        handler with records of its own must not act twice for one id.

        Raises:
            ApplianceError: the intent cannot be carried out; the outcome becomes `failed`, with
                this text.

        """


class Speaker(Protocol):
    """Speaks texts through the loudspeaker."""

    def say(self, text: str) -> None:
        """Queue a text to be spoken; without a voice nothing happens. Called from any thread."""


class VoiceActivityDetector(Protocol):
    """Finds speech in audio, frame by frame."""

    def probability(self, frame: Samples) -> float:
        """Probability of speech in a frame of FRAME_SAMPLES, 0.0 to 1.0."""

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
        """The words that were said.

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
        """Set the pace: how hard the board may work."""


class LanguageModel(Protocol):
    """Text to text."""

    name: str
    """The model's name in the catalogue."""

    @property
    def restarts(self) -> int:
        """Number of times its process died and was started again."""

    def complete(
        self,
        question: Question,
        must_stop: Callable[[], bool],
        on_token: Callable[[str | None], None] | None = None,
    ) -> Completion:
        """The answer to `question`.

        Args:
            question: the conversation, and the limits of the answer.
            must_stop: checked between tokens.
            on_token: receives each piece of the answer; None if it starts again.

        Raises:
            EngineError: the model failed, with the reason.
            Interrupted: `must_stop` returned True.

        """

    def score_options(
        self, menu: str, text: str, options: Sequence[str], must_stop: Callable[[], bool]
    ) -> OptionScores:
        """The probability of each option after `menu` and `text`, if one of them must follow.

        `menu` is cached, so it should be the same in every call. Raises as `complete`.
        """

    def start(self) -> None:
        """Load the model now instead of at its first use; EngineError if it cannot be loaded."""

    def close(self) -> None:
        """Free its memory, in the thread that used it first; may be called twice."""

    def use_threads(self, count: int) -> None:
        """Set the number of threads that it uses from the next request on."""

    @property
    def fault(self) -> str | None:
        """Reason why it cannot be used now; None if it can."""

    def suspended(self) -> AbstractContextManager[None]:
        """Pause the model until this context ends, or until the same thread makes a request."""

    def restart_if_dead(self) -> None:
        """Restart the process if it died; called while no request waits."""


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
