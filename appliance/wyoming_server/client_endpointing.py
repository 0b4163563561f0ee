"""Finds the end of a sentence in a client's sound: by meaning, or by the pauses."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from appliance.dialogue.listener_control import Activation
from appliance.endpointing.endpointer import FRAME_SECONDS
from appliance.endpointing.segmenter import Segmenter, spoken_part
from appliance.listening.listening_turn import ListeningTurn
from appliance.values import Trigger

if TYPE_CHECKING:
    from appliance.config import ListeningSettings
    from appliance.endpointing.segmenter import SpeechSegment
    from appliance.protocols import VoiceActivityDetector
    from appliance.recognition.early_looks import EarlyLooks
    from appliance.values import Samples

AHEAD_S = 0.5
"""Sound that arrives ahead of its time by more seconds than this is a recording, not live
speech."""

PAUSE_FACTORS = {"aggressive": 0.6, "default": 1.0, "relaxed": 1.8}
"""Factors of the pauses by `vad_sensitivity`, similar to Home Assistant's (0.25, 0.7 and 1.25
s)."""

SHORTEST_PAUSE_MS = {"over_pause_ms": 64, "short_pause_ms": 64, "pause_ms": 100}
LONGEST_PAUSE_MS = 5000


def settings_for(settings: ListeningSettings, sensitivity: str | None) -> ListeningSettings:
    """The pauses that end a sentence, longer or shorter as a client wants them."""
    factor = PAUSE_FACTORS.get(sensitivity or "default", 1.0)
    pauses = {
        key: max(
            SHORTEST_PAUSE_MS.get(key, 100),
            min(LONGEST_PAUSE_MS, round(getattr(settings, key) * factor)),
        )
        for key in ("pause_ms", "short_pause_ms", "over_pause_ms", "long_pause_ms")
    }
    return msgspec.structs.replace(settings, **pauses)


class StreamClock:
    """Measures how far sound is ahead of the time in which it would be spoken."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.heard_s = 0.0

    @property
    def is_ahead(self) -> bool:
        """Whether it comes faster than speech."""
        return self.heard_s - (time.monotonic() - self._began) > AHEAD_S


class SpokenCommand:
    """One sentence, as at the device: the same segmenter, the same early looks."""

    def __init__(
        self,
        detector: VoiceActivityDetector,
        settings: ListeningSettings,
        looks: EarlyLooks | None,
        *,
        after_wake_word: bool = True,
    ) -> None:
        """`after_wake_word`: whether the sound may begin with the end of a wake word."""
        self._segmenter = Segmenter(detector, settings, looks)
        self._activation = Activation(
            Trigger.REQUEST, wait_s=settings.wait_s, after_wake_word=after_wake_word
        )
        self.clock = StreamClock()
        self._turn = ListeningTurn(self._segmenter, self._activation)

    def hear(self, frame: Samples) -> Samples | None:
        """Take a frame; the sentence once it is over, empty if nobody spoke in time."""
        self.clock.heard_s += FRAME_SECONDS
        segment = self._turn.take_frame(frame)
        if segment is None:
            return None
        if not len(segment.samples) and self.clock.is_ahead:
            self.go_on()  # a recording may begin with silence
            return None
        return segment.samples

    def finish(self) -> Samples:
        """The sound is over; what was said in it, empty if nothing was."""
        return self._turn.release().samples

    def go_on(self) -> None:
        """Ignore the sound, and listen to the next sentence."""
        self._turn = ListeningTurn(self._segmenter, self._activation)


class Dictation:
    """Every word, until a pause while somebody speaks, or until the end of a recording."""

    def __init__(
        self, detector: VoiceActivityDetector, settings: ListeningSettings, maximum_s: float
    ) -> None:
        self._segmenter = Segmenter(detector, msgspec.structs.replace(settings, maximum_s=60.0))
        self._segmenter.reset()
        self._wait_s = settings.wait_s
        self._maximum_s = maximum_s
        self._frames: list[Samples] = []
        self._segments: list[SpeechSegment] = []
        self.clock = StreamClock()

    def hear(self, frame: Samples) -> Samples | None:
        """Take a frame; all that was said once it is over, empty if nobody spoke in time."""
        self._frames.append(frame)
        self.clock.heard_s += FRAME_SECONDS
        self._segments += self._segmenter.add_frame(frame)
        nothing_in_time = (
            not self._segments
            and not self._segmenter.maybe_in_speech
            and self.clock.heard_s >= self._wait_s
        )
        paused = bool(self._segments) and not self._segmenter.maybe_in_speech
        over = (paused or nothing_in_time) and not self.clock.is_ahead
        return self.finish() if over or self.clock.heard_s >= self._maximum_s else None

    def finish(self) -> Samples:
        """The sound is over; what was said in it, empty if nothing was."""
        last = self._segmenter.finish()
        segments = [*self._segments, *(() if last is None else (last,))]
        if not segments:
            return np.zeros(0, dtype=np.float32)
        return spoken_part(np.concatenate(self._frames), segments)

    def go_on(self) -> None:
        """Ignore the sound, and go on listening."""
        self._segments.clear()
