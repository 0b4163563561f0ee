"""Frames in, utterances out: energy gate, voice activity detector, endpointer and pre-roll."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from appliance.audio.energy_gate import EnergyGate
from appliance.endpointing.early_endpointer import EarlyEndpointer
from appliance.endpointing.endpointer import FRAME_SECONDS, EndpointEvent, frames_in
from appliance.protocols import FRAME_SAMPLES
from appliance.values import SAMPLE_RATE, Source, Trigger, Utterance

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from appliance.config import ListeningSettings
    from appliance.endpointing.early_endpointer import EarlyVerdictSource
    from appliance.protocols import VoiceActivityDetector
    from appliance.values import Samples

GATE_LOOKBACK_FRAMES = 16
"""Frames (0.5 s) kept while the energy gate is closed. The detector gets them when it opens, so
that a soft beginning before a loud vowel is found."""


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays do not compare to one bool
class SpeechSegment:
    """A stretch of sound that holds one utterance."""

    samples: Samples
    """Sound from the pre-roll to the closing pause."""
    stop: int
    """Index of the sample after the last one, counted from the beginning of the stream."""
    speech_seconds: float
    seconds_since_speech: float
    """Seconds from the last frame with speech to the newest frame fed."""
    trailing_seconds: float = 0.0
    """Seconds from the last frame with speech to the end of `samples`."""
    start: int = 0
    """Index of the first sample, counted as `stop`."""

    @property
    def peak(self) -> float:
        """Largest absolute sample."""
        return float(np.abs(self.samples).max(initial=0.0))


class Segmenter:
    """Cuts a stream of frames into utterances."""

    def __init__(
        self,
        detector: VoiceActivityDetector,
        settings: ListeningSettings,
        source: EarlyVerdictSource | None = None,
    ) -> None:
        """Without `source`, only the length of the pause decides when an utterance is over."""
        self._detector = detector
        self._endpointer = EarlyEndpointer(settings, source)
        self._gate = EnergyGate()
        self._gated: deque[Samples] = deque()
        """The newest frames that the gate kept from the detector."""
        self._frames: list[Samples] = []
        """The pre-roll, and after it the open utterance."""
        self._pre_roll_frames = frames_in(settings.pre_roll_ms / 1000)
        self._frames_fed = 0

    @property
    def in_speech(self) -> bool:
        """Whether somebody is speaking, or has paused for less time than ends the utterance."""
        return self._endpointer.in_speech

    @property
    def maybe_in_speech(self) -> bool:
        """Like `in_speech`, but from the first frame that may be speech."""
        return self._endpointer.open

    @property
    def maximum_seconds(self) -> float:
        """Maximum length of an utterance, in seconds."""
        return self._endpointer.counts.maximum_frames * FRAME_SECONDS

    @property
    def utterance_so_far(self) -> Samples:
        """The open utterance, from its pre-roll to the newest frame; empty if there is none."""
        return _joined(self._frames if self._endpointer.open else ())

    def add_frame(self, frame: Samples) -> list[SpeechSegment]:
        """Take FRAME_SAMPLES samples; return the utterances that ended with them, mostly none."""
        self._frames_fed += 1
        if not self._gate.feed(frame) and not self._endpointer.open:
            self._gated.append(frame)
            if len(self._gated) > GATE_LOOKBACK_FRAMES:
                self._frames.append(self._gated.popleft())
                self._keep_pre_roll()
            return []
        frames = [*self._gated, frame]
        self._gated.clear()
        ended = (self._detect(one, len(frames) - 1 - i) for i, one in enumerate(frames))
        return [segment for segment in ended if segment is not None]

    def finish(self) -> SpeechSegment | None:
        """End the open utterance now; None if there is none."""
        return self._end(self._endpointer.close(), 0) if self._endpointer.open else None

    def reset(self, *, until_release: bool = False) -> None:
        """Forget all sound, because the next frame does not continue it.

        With `until_release` no pause ends the next utterance: the speaker does, by `finish`.
        """
        self._endpointer.reset(until_release=until_release)
        self._frames.clear()
        self._gated.clear()
        self._gate = EnergyGate()
        self._detector.reset()

    def _detect(self, frame: Samples, frames_after: int) -> SpeechSegment | None:
        self._frames.append(frame)
        event = self._endpointer.feed(
            self._detector.probability(frame), frame, lambda: self.utterance_so_far
        )
        return self._end(event, frames_after)

    def _end(self, event: EndpointEvent | None, frames_after: int) -> SpeechSegment | None:
        if event is not EndpointEvent.ENDED:
            # Sound too short to be speech may be the first breath of the next utterance.
            if not self._endpointer.open:
                self._keep_pre_roll()
            return None
        frames, self._frames = self._frames, []
        endpointer, counts = self._endpointer, self._endpointer.counts
        recognised = endpointer.recognised()
        stop = self._frames_fed - frames_after
        start = stop - len(frames)
        if recognised is None:
            frames = frames[: len(frames) - endpointer.background_frames]
        return SpeechSegment(
            # The early recognised sound has the whole sentence. The same object is passed on, so
            # that the recogniser finds its result again.
            samples=_joined(frames) if recognised is None else recognised,
            start=start * FRAME_SAMPLES,
            stop=stop * FRAME_SAMPLES,
            speech_seconds=counts.speech_frames * FRAME_SECONDS,
            seconds_since_speech=(counts.frames_since_speech + frames_after) * FRAME_SECONDS,
            trailing_seconds=endpointer.trailing_frames(recognised) * FRAME_SECONDS,
        )

    def _keep_pre_roll(self) -> None:
        del self._frames[: max(0, len(self._frames) - self._pre_roll_frames)]


def segments_in(
    samples: Samples, detector: VoiceActivityDetector, settings: ListeningSettings
) -> Iterator[SpeechSegment]:
    """Each utterance of a whole recording, faster than real time."""
    segmenter = Segmenter(detector, settings)
    segmenter.reset()
    for start in range(0, len(samples), FRAME_SAMPLES):
        frame = samples[start : start + FRAME_SAMPLES]
        yield from segmenter.add_frame(np.pad(frame, (0, FRAME_SAMPLES - len(frame))))
    if (last := segmenter.finish()) is not None:
        yield last


def utterance_from(
    samples: Samples,
    detector: VoiceActivityDetector,
    settings: ListeningSettings,
    *,
    new_id: str,
    trigger: Trigger = Trigger.FILE,
    source: Source = Source.SPEECH,
) -> Utterance:
    """A whole recording as one utterance, from its first speech to its last.

    The pre-roll and the closing pause stay. If nobody speaks, `speech_seconds` is 0.0 and nothing
    is cut off. The clock of `speech_ended` starts when this returns, as it does for a microphone:
    there the detector has judged every frame by the time speech ends.
    """
    segments = list(segments_in(samples, detector, settings))
    spoken = spoken_part(samples, segments)
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


def spoken_part(samples: Samples, segments: Sequence[SpeechSegment]) -> Samples:
    """A recording from its first utterance to its last; all of it if there is none.

    A single utterance ends where the segmenter ended it: background speech after it is not part
    of it.
    """
    if not segments:
        return samples
    first, last = segments[0], segments[-1]
    stop = first.start + len(first.samples) if first is last else last.stop
    return samples[first.start : stop]


def _joined(frames: Sequence[Samples]) -> Samples:
    return np.concatenate(frames) if frames else np.zeros(0, dtype=np.float32)
