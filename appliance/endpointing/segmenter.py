"""Frames of sound in, whole sentences out: gate, speech detector, endpoint and pre-roll."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from appliance.audio.energy_gate import EnergyGate
from appliance.endpointing.early_endpointer import EarlyEndpointer
from appliance.endpointing.endpointer import FRAME_SECONDS, Endpointer, EndpointEvent, frames_in
from appliance.endpointing.speaker_level import HUSH, LEFT
from appliance.protocols import FRAME_SAMPLES
from appliance.values import SAMPLE_RATE, Source, Trigger, Utterance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.config import ListeningSettings
    from appliance.endpointing.early_endpointer import EarlyVerdictSource
    from appliance.protocols import SpeechDetector
    from appliance.values import Samples

HELD_BACK = 16
"""Frames (0.5 s) kept behind the closed gate; the detector hears them when it opens, so that
a soft beginning is found although only the vowel after it was loud."""


FAINTER = 0.2
"""Times the talker's loudest frames (-14 dB) below which speech is perhaps somebody else's."""

FADING = 0.997
"""What stays of the talker's loudness after a frame: half after 7 s, for one who turns away."""


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays do not compare to one bool
class SpeechSegment:
    """A stretch of sound that holds one sentence."""

    samples: Samples
    """From the pre-roll to the closing pause."""
    stop: int
    """Position of the sample after its last, counted from the beginning of the stream."""
    speech_seconds: float
    seconds_since_speech: float
    """From the last frame with speech to the newest frame heard."""
    trailing_seconds: float = 0.0
    """From the last frame with speech to the end of `samples`."""

    @property
    def peak(self) -> float:
        """Largest absolute sample."""
        return float(np.abs(self.samples).max(initial=0.0))


class Segmenter:
    """Cuts a stream of frames into sentences."""

    def __init__(
        self,
        detector: SpeechDetector,
        settings: ListeningSettings,
        meaning: EarlyVerdictSource | None = None,
    ) -> None:
        """Without `meaning`, the length of the pause alone decides when a sentence is over."""
        self._detector = detector
        self._settings = settings
        self._endpoint = Endpointer.of(settings)
        self._outlook = EarlyEndpointer(self._endpoint, settings, meaning)
        self._gate = EnergyGate()
        self._held_back: deque[Samples] = deque()
        self._before: deque[Samples] = deque(maxlen=frames_in(settings.pre_roll_ms / 1000))
        self._sentence: list[Samples] = []
        self._frames_heard = 0
        self._talker = 0.0

    @property
    def hears_speech(self) -> bool:
        """Whether somebody is speaking, or paused so shortly that the sentence may go on."""
        return self._endpoint.open and self._endpoint.sure

    @property
    def hears_anything(self) -> bool:
        """The same from the first frame that may be speech."""
        return self._endpoint.open

    @property
    def maximum_seconds(self) -> float:
        """The longest sentence."""
        return self._endpoint.maximum * FRAME_SECONDS

    @property
    def so_far(self) -> Samples:
        """The sentence that is being spoken, from its pre-roll to the newest frame."""
        return _joined(self._sentence)

    def feed(self, frame: Samples) -> list[SpeechSegment]:
        """Take FRAME_SAMPLES samples; the sentences that ended with them, mostly none."""
        self._frames_heard += 1
        if not self._gate.feed(frame) and not self._endpoint.open:
            self._held_back.append(frame)
            if len(self._held_back) > HELD_BACK:
                self._before.append(self._held_back.popleft())
            return []
        frames = [*self._held_back, frame]
        self._held_back.clear()
        asked = (self._ask(one, len(frames) - 1 - i) for i, one in enumerate(frames))
        return [segment for segment in asked if segment is not None]

    def finish(self) -> SpeechSegment | None:
        """End the sentence that is being spoken now; None where there is none."""
        if not self._endpoint.open:
            return None
        return self._end(self._endpoint.close(), 0)

    def reset(self) -> None:
        """Forget all sound so far, because what comes next does not join on to it."""
        self.finish()
        self._endpoint.lingers = False
        self._sentence = []
        self._before.clear()
        self._held_back.clear()
        self._gate = EnergyGate()
        self._detector.reset()
        self.wait_for_release(held=False)

    def wait_for_release(self, *, held: bool) -> None:
        """Whether no pause ends the sentence, since whoever speaks says when it is over."""
        self._outlook.wait_for_release(held=held)

    def _ask(self, frame: Samples, frames_after: int) -> SpeechSegment | None:
        faint = self._is_faint(frame)
        voiced = self._endpoint.voiced
        event = self._endpoint.feed(self._detector.probability(frame), faint=faint)
        if event is EndpointEvent.BEGAN:
            self._talker = float(np.std(frame))
            self._sentence = [*self._before, frame]
            self._before.clear()
            self._outlook.begin()
            voiced = 0
        elif self._sentence:
            self._sentence.append(frame)
        else:
            self._before.append(frame)
        if self._endpoint.voiced > voiced:
            self._outlook.hear(float(np.std(frame)))
        if self.hears_speech:
            self._outlook.consider(lambda: self.so_far)
            # A verdict that has just come may say that the pause was long enough.
            event = self._endpoint.close() if self._endpoint.is_over else None
        return self._end(event, frames_after)

    def _is_faint(self, frame: Samples) -> bool:
        """Whether somebody else may be speaking than the one who began."""
        loudness = float(np.std(frame))
        self._talker = max(loudness, self._talker * FADING)
        return loudness < self._talker * FAINTER

    def _end(self, event: EndpointEvent | None, frames_after: int) -> SpeechSegment | None:
        if event not in (EndpointEvent.ENDED, EndpointEvent.DROPPED):
            return None
        frames, self._sentence = self._sentence, []
        if event is EndpointEvent.DROPPED:
            # What was too short to be speech may be the first breath of what is.
            self._before.extend(frames)
            return None
        known = self._outlook.known()
        if self._endpoint.left and known is None:
            frames = frames[: HUSH - LEFT]  # the rest is somebody else
        return SpeechSegment(
            # What was asked about holds the whole sentence. The very object is handed on, so
            # that whoever gave the answer need not work it out again.
            samples=_joined(frames) if known is None else known,
            stop=(self._frames_heard - frames_after) * FRAME_SAMPLES,
            speech_seconds=self._endpoint.speech * FRAME_SECONDS,
            seconds_since_speech=(self._endpoint.quiet + frames_after) * FRAME_SECONDS,
            trailing_seconds=self._outlook.quiet_at_end_of(known) * FRAME_SECONDS,
        )


def segments_in(
    samples: Samples, detector: SpeechDetector, settings: ListeningSettings
) -> Iterator[SpeechSegment]:
    """Each sentence of a whole recording, faster than real time."""
    segmenter = Segmenter(detector, settings)
    segmenter.reset()
    for start in range(0, len(samples), FRAME_SAMPLES):
        frame = samples[start : start + FRAME_SAMPLES]
        yield from segmenter.feed(np.pad(frame, (0, FRAME_SAMPLES - len(frame))))
    if (last := segmenter.finish()) is not None:
        yield last


def utterance_from(
    samples: Samples,
    detector: SpeechDetector,
    settings: ListeningSettings,
    *,
    new_id: str,
    trigger: Trigger = Trigger.FILE,
    source: Source = Source.SPEECH,
) -> Utterance:
    """A whole recording as one utterance, from its first speech to its last.

    The pre-roll and the closing pause stay; `speech_seconds` is 0.0 and the sound is whole
    where nobody speaks. The clock of `speech_ended` starts when this returns, as it does
    for a microphone: there the detector has heard every frame by the time speech ends.
    """
    segments = list(segments_in(samples, detector, settings))
    spoken = samples
    if segments:
        spoken = samples[segments[0].stop - len(segments[0].samples) : segments[-1].stop]
    return Utterance(
        id=new_id,
        samples=spoken,
        trigger=trigger,
        heard_at=time.time() - len(spoken) / SAMPLE_RATE,
        speech_ended=time.monotonic(),
        source=source,
        peak=float(np.abs(spoken).max(initial=0.0)),
        speech_seconds=sum((segment.speech_seconds for segment in segments), 0.0),
    )


def _joined(frames: list[Samples]) -> Samples:
    return np.concatenate(frames) if frames else np.zeros(0, dtype=np.float32)
