"""The seams: what the house wants from an engine or a device, named for the house."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from appliance.values import (
        BoardReading,
        Completion,
        Intent,
        MicrophoneState,
        OptionScores,
        Pace,
        Question,
        Samples,
        Spoken,
        Transcript,
        Wake,
    )

FRAME_SAMPLES = 512
"""Samples in one frame, 32 ms: what the speech detector takes."""


class Microphone(Protocol):
    """Something that gives frames of sound, and goes on by itself after a fault."""

    captured_at: float
    """time.monotonic() of the last sample of the frame read last."""

    looked_after_at: float
    """time.monotonic() when sound came last, or when it was last tried to open it again."""

    @property
    def state(self) -> MicrophoneState:
        """What it is doing."""

    def open(self) -> None:
        """Start; MicrophoneError if there is none. A fault after that is retried, not raised."""

    def read(self, timeout: float) -> Samples | None:
        """The next frame of FRAME_SAMPLES, or None when none came within `timeout` seconds."""

    def close(self) -> None:
        """Stop; may be called twice."""


class SpeechDetector(Protocol):
    """Tells speech from everything else, frame by frame."""

    def probability(self, frame: Samples) -> float:
        """Of speech in a frame of FRAME_SAMPLES, 0.0 to 1.0."""

    def reset(self) -> None:
        """Forget the frames so far."""


class WakeSpotter(Protocol):
    """Hears one or more wake words, and nothing else."""

    def feed(self, frame: Samples) -> Wake | None:
        """Take a frame of FRAME_SAMPLES; the word that ended with it, mostly none."""

    def reset(self) -> None:
        """Forget the frames so far."""

    def close(self) -> None:
        """Give the models' memory back; may be called twice."""


class Transcriber(Protocol):
    """Sound to text, freely."""

    name: str
    """The model's name in the catalogue."""

    def transcribe(
        self, samples: Samples, language: str, stopping: Callable[[], bool] = lambda: False
    ) -> Transcript:
        """What was said; EngineError when the engine fails.

        `stopping` is asked again and again in long sound; Interrupted once it says True.
        """

    def use_pace(self, pace: Pace) -> None:
        """How hard the board may work from now on."""


class IntentParser(Protocol):
    """Text to a declared intent."""

    def parse(self, text: str) -> Intent | None:
        """The intent whose sentence `text` is, or None."""


class LanguageModel(Protocol):
    """Text to text."""

    name: str
    """The model's name in the catalogue."""

    def complete(
        self,
        question: Question,
        stopping: Callable[[], bool],
        tell: Callable[[str | None], None] | None = None,
    ) -> Completion:
        """The answer to `question`, and each piece of it to `tell` as it is written.

        `tell` is given None where it is written anew from its beginning.
        `stopping` is asked between tokens; Interrupted once it says True. EngineError when
        the model fails, with the reason.
        """

    def score_options(
        self, menu: str, text: str, options: Sequence[str], stopping: Callable[[], bool]
    ) -> OptionScores:
        """How likely each option is to follow `menu` and `text`, if one of them must.

        `menu` is the same from call to call, and read once.
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
        """Stand still meanwhile, but for what is asked meanwhile."""

    def restart_if_dead(self) -> None:
        """Asked when there is nothing to do: be ready again after a death."""


class Synthesizer(Protocol):
    """Text to speech."""

    name: str

    def speak(self, sentence: str) -> Spoken:
        """One sentence as sound; EngineError when the engine fails."""


class Sensors(Protocol):
    """The board's sensors."""

    def read(self) -> BoardReading:
        """All of them, now."""

    def joules(self) -> float | None:
        """What the board has drawn since start, for any thread; None where nothing measures it."""
