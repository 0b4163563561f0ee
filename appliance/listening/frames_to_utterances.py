"""The stage ENDPOINT: what starts the listening, and frames to utterances; without a thread."""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TYPE_CHECKING

from appliance.audio.level_meter import LevelMeter
from appliance.dialogue.listener_control import Activation
from appliance.endpointing.endpointer import frames_in
from appliance.endpointing.segmenter import Segmenter
from appliance.listening.listening_turn import ListeningTurn
from appliance.values import SAMPLE_RATE, Activity, Trigger, Utterance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.config import ListeningSettings
    from appliance.endpointing.early_endpointer import EarlyVerdictSource
    from appliance.endpointing.segmenter import SpeechSegment
    from appliance.listening.utterance_intake import UtteranceIntake
    from appliance.protocols import VoiceActivityDetector, WakeWordDetector
    from appliance.values import Samples

logger = logging.getLogger(__name__)

AFTER_WAKE_WORD_FRAMES = 3
"""Frames (96 ms) before a wake word was detected that belong to the sentence: it is detected at its
end or a little later, and some people do not pause."""

ECHO_S = 0.3
"""Seconds for which a room echoes after the loudspeaker has stopped."""


class FramesToUtterances:
    """Listens to one sentence when something activates it, or always. Use it from one thread."""

    def __init__(  # noqa: PLR0913  (what it hears with)
        self,
        speech_detector: VoiceActivityDetector,
        settings: ListeningSettings,
        intake: UtteranceIntake,
        *,
        wake_word_detectors: Sequence[WakeWordDetector] = (),
        early_verdicts: EarlyVerdictSource | None = None,
        mode: str = "",
        always: Trigger = Trigger.ALWAYS,
    ) -> None:
        """Start without any sound.

        `mode` replaces `listening.trigger`; `always` is the trigger of a sentence for which
        nothing had to start the listening.
        """
        self._settings = settings
        self._intake = intake
        self._detectors = wake_word_detectors
        self._always = Activation(always)
        self._segmenter = Segmenter(speech_detector, settings, early_verdicts)
        self._recent: deque[Samples] = deque(maxlen=max(1, frames_in(settings.pre_roll_ms / 1000)))
        self._turn: ListeningTurn | None = None
        self._deaf = False
        self._deaf_until = 0.0
        self._captured_at = 0.0
        self._activity = Activity.IDLE
        self.mode = mode or settings.trigger
        """One of the values of listening.trigger."""
        self.meter = LevelMeter()
        self.heard = 0
        """Sentences since the start."""
        self.dropped = 0
        """Number of sentences that did not fit into the queue; part of `heard`."""

    def hear_frame(self, frame: Samples, captured_at: float) -> None:
        """Hear a frame; `captured_at` is the time.monotonic() of its last sample."""
        self._captured_at = captured_at
        self.meter.feed(frame)
        if self._deaf or captured_at < self._deaf_until:
            self._recent.clear()
            self._detect_wake_word(frame)
        elif self._turn is not None:
            self._hear_in_turn(self._turn, frame)
        elif self.mode == "always":
            segments = self._segmenter.add_frame(frame)
            self._show(listening=self._segmenter.in_speech)
            for segment in segments:
                self._pass_on(segment, self._always)
        else:
            self._recent.append(frame)
            self._detect_wake_word(frame)

    def listen(self, activation: Activation) -> None:
        """Listen to one sentence; the sound from just before belongs to it."""
        before = list(self._recent)
        self._abandon("it was asked to listen again")
        self._turn = ListeningTurn(self._segmenter, activation)
        self._show(listening=True)
        self._intake.on_listening(activation)
        for frame in before[-AFTER_WAKE_WORD_FRAMES:] if activation.after_wake_word else before:
            if self._turn is not None:
                self._hear_in_turn(self._turn, frame)

    def release(self) -> None:
        """End the sentence; without effect if it does not listen."""
        if self._turn is not None:
            self._close(self._turn, self._turn.release())

    def refuse(self, activation: Activation, reason: str) -> None:
        """Report that it was asked to listen and cannot."""
        self._intake.give_up(activation, reason)

    def give_up(self, reason: str) -> None:
        """Give up this sentence; later sound does not continue it."""
        self._abandon(reason)
        self._segmenter.reset()
        self._show(listening=False)

    def use(self, mode: str, detectors: Sequence[WakeWordDetector] | None = None) -> None:
        """Change the trigger; `detectors` replace the present ones."""
        if detectors is not None:
            old, self._detectors = self._detectors, detectors
            for detector in old:
                detector.close()
        if mode != self.mode:
            self.mode = mode
            logger.info("listening is started by: %s", mode.replace("_", " "))
            self.give_up("what starts the listening was changed")
            self._reset_detectors()

    def be_deaf(self, *, deaf: bool) -> None:
        """Set whether the loudspeaker speaks, while which only a wake word is heard."""
        if deaf and not self._deaf and self._turn is None:
            self.give_up("the appliance speaks")
        if self._deaf and not deaf:
            self._deaf_until = time.monotonic() + ECHO_S
        self._deaf = deaf

    def close(self) -> None:
        """Give up what is being heard, and close the detectors; may be called twice."""
        self.give_up("the appliance stops")
        for detector in self._detectors:
            detector.close()

    def _detect_wake_word(self, frame: Samples) -> None:
        if self.mode != "wake_word":
            return
        for detector in self._detectors:
            wake = detector.feed(frame)
            if wake is not None:
                logger.info("woken by %s, score %.2f", wake.word, wake.score)
                self._reset_detectors()
                self._intake.on_wake(wake, self.meter.level())
                wait_s = self._settings.wait_s
                self.listen(Activation(Trigger.WAKE_WORD, wait_s=wait_s, after_wake_word=True))
                return

    def _hear_in_turn(self, turn: ListeningTurn, frame: Samples) -> None:
        self._intake.on_frame(frame)
        segment = turn.take_frame(frame)
        if segment is not None:
            self._close(turn, segment)

    def _close(self, turn: ListeningTurn, segment: SpeechSegment) -> None:
        self._turn = None
        self._segmenter.reset()
        self._reset_detectors()
        self._show(listening=False)
        self._pass_on(segment, turn.activation)

    def _abandon(self, reason: str) -> None:
        turn, self._turn = self._turn, None
        self._recent.clear()
        if turn is not None:
            self._intake.give_up(turn.activation, reason)

    def _reset_detectors(self) -> None:
        for detector in self._detectors:
            detector.reset()

    def _show(self, *, listening: bool) -> None:
        activity = Activity.LISTENING if listening else Activity.IDLE
        if activity is not self._activity:
            self._activity = activity
            self._intake.on_activity(activity)

    def _pass_on(self, segment: SpeechSegment, activation: Activation) -> None:
        self.heard += 1
        speech_ended = self._captured_at - segment.seconds_since_speech
        age = time.monotonic() - speech_ended
        seconds = len(segment.samples) / SAMPLE_RATE
        utterance = Utterance(
            id=activation.id or self._intake.new_id(),
            samples=segment.samples,
            trigger=activation.trigger,
            heard_at=time.time() - age - max(0.0, seconds - segment.trailing_seconds),
            speech_ended=speech_ended,
            peak=segment.peak,
            speech_seconds=segment.speech_seconds,
            reply=activation.reply,
        )
        if not self._intake.accept_utterance(utterance):
            self.dropped += 1
            logger.warning(
                "a sentence of %.1f s was dropped: the appliance is still busy with those "
                "before it (%d dropped since the start)",
                seconds,
                self.dropped,
            )
