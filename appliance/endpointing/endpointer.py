"""Detects the beginning and the end of an utterance: a state machine over speech probabilities."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from appliance.protocols import FRAME_SAMPLES
from appliance.values import SAMPLE_RATE

if TYPE_CHECKING:
    from appliance.config import ListeningSettings

FRAME_SECONDS = FRAME_SAMPLES / SAMPLE_RATE

HYSTERESIS = 0.15
"""An utterance continues while the probability of speech is above the threshold minus this; the
authors of Silero recommend this value."""

BACKGROUND_WEIGHT = 0.25
"""Weight of a frame of background speech as a frame of pause. An utterance must not wait for the
end of a television's speech; but it may be the speaker, whose voice has dropped."""


class EndpointEvent(enum.Enum):
    """The change by the newest frame."""

    BEGAN = enum.auto()
    """An utterance may have begun; `confirmed` says whether it has lasted long enough to count."""
    ENDED = enum.auto()
    """The pause after it was long enough, or it reached the maximum length."""
    DROPPED = enum.auto()
    """It ended before it had lasted long enough: a click, a knock."""


@dataclass(frozen=True, slots=True)
class EndpointPolicy:
    """Conditions that end an utterance at this frame, besides the maximum length."""

    pause_frames: int
    """Number of frames without speech that end it."""
    is_sentence: bool = False
    """Whether a complete sentence was said, so that continuing background speech does not begin
    another utterance."""
    is_final: bool = False
    """Whether the sentence cannot go on, so that background speech counts as pause in full.
    Otherwise it may be a word on which the speaker's voice drops."""
    speaker_gone: bool = False
    """Whether the speaker has stopped while somebody else still speaks, which ends it at once."""


@dataclass(kw_only=True)
class Endpointer:
    """Takes one probability of speech per frame; reports where an utterance begins and ends."""

    threshold: float
    """Probability from which a frame begins an utterance."""
    minimum_frames: int
    """Frames with speech that make an utterance; fewer are a click."""
    maximum_frames: int
    """Maximum number of frames of an utterance."""
    open: bool = field(default=False, init=False)
    """True between BEGAN and ENDED or DROPPED."""
    length_frames: int = field(default=0, init=False)
    """Number of frames since BEGAN. This and the counts below keep their values until the next
    BEGAN."""
    speech_frames: int = field(default=0, init=False)
    """Frames with the speaker's speech."""
    frames_since_speech: int = field(default=0, init=False)
    voiced_frames: int = field(default=0, init=False)
    """Frames with any speech, in the background too."""
    frames_since_voice: int = field(default=0, init=False)
    _pause_frames: float = field(default=0.0, init=False)
    """Like `frames_since_speech`, but background speech counts BACKGROUND_WEIGHT."""
    _ignores_background: bool = field(default=False, init=False)
    """Whether background speech has continued since a sentence ended."""

    @classmethod
    def of(cls, settings: ListeningSettings) -> Endpointer:
        """Make one from the configuration."""
        return cls(
            threshold=settings.speech_threshold,
            minimum_frames=max(1, frames_in(settings.minimum_speech_ms / 1000)),
            maximum_frames=frames_in(settings.maximum_s),
        )

    @property
    def confirmed(self) -> bool:
        """Whether the utterance has lasted long enough to be speech."""
        return self.speech_frames >= self.minimum_frames

    def feed(
        self, probability: float, policy: EndpointPolicy, *, background: bool = False
    ) -> EndpointEvent | None:
        """Take the probability of speech in the next frame, 0.0 to 1.0.

        `background` says that its sound is far below the speaker's level.
        """
        # At least half the threshold; with a low threshold, speech would never end below it.
        voiced = probability >= max(self.threshold - HYSTERESIS, self.threshold / 2)
        if not self.open:
            self._ignores_background = self._ignores_background and background and voiced
            begins = probability >= self.threshold and not self._ignores_background
            return self._begin() if begins else None
        self.length_frames += 1
        self.voiced_frames += voiced
        self.frames_since_voice = 0 if voiced else self.frames_since_voice + 1
        if voiced and not background:
            self.speech_frames += 1
            self.frames_since_speech, self._pause_frames = 0, 0.0
        else:
            self.frames_since_speech += 1
            self._pause_frames += BACKGROUND_WEIGHT if voiced else 1.0
        return self.close_if_over(policy)

    def close_if_over(self, policy: EndpointPolicy) -> EndpointEvent | None:
        """End an open utterance if the policy or its length says so."""
        pause_frames = self.frames_since_speech if policy.is_final else self._pause_frames
        over = policy.speaker_gone or pause_frames >= policy.pause_frames
        return self.close(policy) if over or self.length_frames >= self.maximum_frames else None

    def close(self, policy: EndpointPolicy) -> EndpointEvent:
        """End an open utterance, whatever was heard."""
        self.open, self._ignores_background = False, policy.is_sentence
        return EndpointEvent.ENDED if self.confirmed else EndpointEvent.DROPPED

    def reset(self) -> None:
        """Reset, because later sound does not continue the present sound."""
        self.open = self._ignores_background = False

    def _begin(self) -> EndpointEvent:
        self.open = True
        self.length_frames = self.speech_frames = self.voiced_frames = 1
        self.frames_since_speech = self.frames_since_voice = 0
        self._pause_frames = 0.0
        return EndpointEvent.BEGAN


def frames_in(seconds: float) -> int:
    """Whole frames that cover a time."""
    return math.ceil(round(seconds / FRAME_SECONDS, 6))
