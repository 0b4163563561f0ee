"""When a sentence begins and when it ends: a pure state machine over speech probabilities."""

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
"""Speech that has begun goes on while its probability stays above the threshold less this;
the value that the authors of Silero recommend."""


FAINT = 0.25
"""What a frame of speech far fainter than the talker's counts for as a part of the pause. It may
be a television, and then nobody waits for its end; or the talker's own, dropped voice."""


class EndpointEvent(enum.Enum):
    """What the newest frame changed."""

    BEGAN = enum.auto()
    """It may be speech; `sure` tells when it has lasted long enough to count."""
    ENDED = enum.auto()
    """The pause after it was long enough, or it reached the maximum."""
    DROPPED = enum.auto()
    """It was over before it had lasted long enough: a click, a knock."""


@dataclass(kw_only=True)
class Endpointer:
    """Fed one probability a frame, it says where a sentence begins and ends."""

    threshold: float
    """Probability from which a frame begins a sentence."""
    pause: int
    """Frames without speech that end a sentence."""
    minimum: int
    """Frames with speech that make a sentence; fewer are a click."""
    maximum: int
    """Frames after which a sentence is ended whatever is heard."""
    open: bool = field(default=False, init=False)
    """Between BEGAN and ENDED or DROPPED."""
    length: int = field(default=0, init=False)
    """Frames since BEGAN; stays after the end until the next BEGAN, as do the two below."""
    speech: int = field(default=0, init=False)
    """Frames with speech in them."""
    quiet: int = field(default=0, init=False)
    """Frames since the last one with speech."""
    voiced: int = field(default=0, init=False)
    """Frames with any speech in them, faint or not."""
    still: int = field(default=0, init=False)
    """Frames since the last one of those."""
    spent: float = field(default=0.0, init=False)
    """How much of the pause is over, in frames."""
    whole: bool = field(default=False, init=False)
    """Whether what was said is one of the sentences."""
    settled: bool = field(default=False, init=False)
    """Whether it is over, too: a fainter voice is no reason to wait then. Where a sentence could
    go on, it may be a word on which the talker's voice drops."""
    left: bool = field(default=False, init=False)
    """Whether the talker has left off although somebody still speaks."""
    lingers: bool = field(default=False, init=False)
    """Whether the fainter voice goes on behind which a whole sentence ended: it begins none."""

    @classmethod
    def of(cls, settings: ListeningSettings) -> Endpointer:
        """As configured."""
        return cls(
            threshold=settings.speech_threshold,
            pause=frames_in(settings.pause_ms / 1000),
            minimum=max(1, frames_in(settings.minimum_speech_ms / 1000)),
            maximum=frames_in(settings.maximum_s),
        )

    @property
    def sure(self) -> bool:
        """Whether what began has lasted long enough to be speech."""
        return self.speech >= self.minimum

    def feed(self, probability: float, *, faint: bool = False) -> EndpointEvent | None:
        """Take the probability of speech in the next frame, 0.0 to 1.0.

        `faint` says that it is far fainter than the sentence was.
        """
        # Half the threshold is the floor: below it a low threshold would never be left again.
        speaking = probability >= max(self.threshold - HYSTERESIS, self.threshold / 2)
        if not self.open:
            self.lingers = self.lingers and faint and speaking
            begins = probability >= self.threshold and not self.lingers
            return self._begin() if begins else None
        self.length += 1
        self.voiced += speaking
        self.still = 0 if speaking else self.still + 1
        if speaking and not faint:
            self.speech += 1
            self.quiet, self.spent = 0, 0.0
        else:
            self.quiet += 1
            self.spent += FAINT if speaking else 1.0
        return self.close() if self.is_over else None

    @property
    def is_over(self) -> bool:
        """Whether the pause is over, or the maximum reached."""
        waited = self.quiet if self.settled else self.spent
        return self.left or waited >= self.pause or self.length >= self.maximum

    def close(self) -> EndpointEvent:
        """End now what is open, whatever was heard."""
        self.open, self.lingers = False, self.whole
        return EndpointEvent.ENDED if self.sure else EndpointEvent.DROPPED

    def _begin(self) -> EndpointEvent:
        self.open, self.whole, self.settled, self.left = True, False, False, False
        self.length = self.speech = self.voiced = 1
        self.quiet, self.still, self.spent = 0, 0, 0.0
        return EndpointEvent.BEGAN


def frames_in(seconds: float) -> int:
    """Whole frames that cover a time."""
    return math.ceil(round(seconds / FRAME_SECONDS, 6))
