"""What opens the ear, and what becomes of what it hears: frames to utterances, without a thread."""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.audio.level_meter import LevelMeter
from appliance.endpointing.endpointer import frames_in
from appliance.endpointing.segmenter import Segmenter
from appliance.listening.listening_turn import Activation, ListeningTurn
from appliance.values import SAMPLE_RATE, Activity, Trigger, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from appliance.config import ListeningSettings
    from appliance.endpointing.early_endpointer import EarlyVerdictSource
    from appliance.endpointing.segmenter import SpeechSegment
    from appliance.protocols import SpeechDetector, WakeSpotter
    from appliance.values import Samples, SoundLevel, Wake

logger = logging.getLogger(__name__)

AFTER_WORD = 3
"""Frames (96 ms) before a wake word was noticed that belong to the sentence: it is noticed at its
end or a little later, and some people do not pause."""

ECHO_SECONDS = 0.3
"""How long a room goes on sounding when the loudspeaker has stopped."""


@dataclass(frozen=True, kw_only=True)
class ListeningCallbacks:
    """Whom the ear tells what it hears; called in the listener's thread."""

    hand_over: Callable[[Utterance], bool]
    """Takes an utterance; False when there is no room for it."""
    new_id: Callable[[], str]
    on_activity: Callable[[Activity], None]
    on_wake: Callable[[Wake, SoundLevel | None], bool] = lambda _wake, _level: True
    """A wake word was heard; False if the ear shall stay closed."""
    on_open: Callable[[Activation], None] = lambda _opening: None
    """The ear is open."""
    on_given_up: Callable[[Activation, str], None] = lambda _opening, _reason: None
    """It was closed before anything was said, or it could not be opened; and why."""


class ListeningState:
    """Closed until something opens it for one sentence; or always open. Use it from one thread."""

    def __init__(
        self,
        detector: SpeechDetector,
        settings: ListeningSettings,
        neighbours: ListeningCallbacks,
        *,
        spotters: Sequence[WakeSpotter] = (),
        meaning: EarlyVerdictSource | None = None,
        always: Trigger = Trigger.ALWAYS,
    ) -> None:
        """`always` is the trigger of what an always open ear hears."""
        self._settings = settings
        self._neighbours = neighbours
        self._spotters = spotters
        self._always = Activation(always)
        self._segmenter = Segmenter(detector, settings, meaning)
        self._recent: deque[Samples] = deque(maxlen=max(1, frames_in(settings.pre_roll_ms / 1000)))
        self._window: ListeningTurn | None = None
        self._deaf = False
        self._deaf_until = 0.0
        self._captured_at = 0.0
        self._activity = Activity.IDLE
        self.mode: str = settings.trigger
        """One of the values of listening.trigger."""
        self.meter = LevelMeter()
        self.heard = 0
        """Sentences since the start."""
        self.dropped = 0
        """Sentences that found no room; part of `heard`."""

    def feed(self, frame: Samples, captured_at: float) -> None:
        """Hear a frame whose last sample is of `captured_at`, by time.monotonic()."""
        self._captured_at = captured_at
        self.meter.feed(frame)
        if self._deaf or captured_at < self._deaf_until:
            self._recent.clear()
            self._spot(frame)
        elif self._window is not None:
            self._feed(self._window, frame)
        elif self.mode == "always":
            segments = self._segmenter.feed(frame)
            self._show(listening=self._segmenter.in_speech)
            for segment in segments:
                self._pass_on(segment, self._always)
        else:
            self._recent.append(frame)
            self._spot(frame)

    def listen(self, opening: Activation) -> None:
        """Open for one sentence; the sound from just before belongs to it."""
        before = list(self._recent)
        self._abandon("the ear was opened anew")
        self._window = ListeningTurn(self._segmenter, opening)
        self._show(listening=True)
        self._neighbours.on_open(opening)
        for frame in before[-AFTER_WORD:] if opening.after_word else before:
            if self._window is not None:
                self._feed(self._window, frame)

    def release(self) -> None:
        """What is being said is over; without an open ear it means nothing."""
        if self._window is not None:
            self._close(self._window, self._window.release())

    def give_up(self, reason: str) -> None:
        """Hear no more of this sentence; what comes next does not join on to it."""
        self._abandon(reason)
        self._segmenter.reset()
        self._show(listening=False)

    def use(self, mode: str, spotters: Sequence[WakeSpotter] | None = None) -> None:
        """Let something else open it; `spotters` replace those there are."""
        if spotters is not None:
            old, self._spotters = self._spotters, spotters
            for spotter in old:
                spotter.close()
        if mode != self.mode:
            self.mode = mode
            logger.info("the ear is opened by: %s", mode.replace("_", " "))
            self.give_up("what opens the ear was changed")
            self._reset_spotters()

    def be_deaf(self, *, deaf: bool) -> None:
        """Whether the loudspeaker speaks: then nothing but a wake word is heard."""
        if deaf and not self._deaf and self._window is None:
            self.give_up("the appliance speaks")
        if self._deaf and not deaf:
            self._deaf_until = time.monotonic() + ECHO_SECONDS
        self._deaf = deaf

    def close(self) -> None:
        """Give everything back; may be called twice."""
        self._segmenter.reset()
        for spotter in self._spotters:
            spotter.close()

    def _spot(self, frame: Samples) -> None:
        if self.mode != "wake_word":
            return
        for spotter in self._spotters:
            wake = spotter.feed(frame)
            if wake is not None:
                logger.info("woken by %s, score %.2f", wake.word, wake.score)
                self._reset_spotters()
                if self._neighbours.on_wake(wake, self.meter.level()):
                    wait = self._settings.wait_s
                    self.listen(Activation(Trigger.WAKE_WORD, wait=wait, after_word=True))
                return

    def _feed(self, window: ListeningTurn, frame: Samples) -> None:
        segment = window.feed(frame)
        if segment is not None:
            self._close(window, segment)

    def _close(self, window: ListeningTurn, segment: SpeechSegment) -> None:
        self._window = None
        self._segmenter.reset()
        self._reset_spotters()
        self._show(listening=False)
        self._pass_on(segment, window.opening)

    def _abandon(self, reason: str) -> None:
        window, self._window = self._window, None
        self._recent.clear()
        if window is not None:
            self._neighbours.on_given_up(window.opening, reason)

    def _reset_spotters(self) -> None:
        for spotter in self._spotters:
            spotter.reset()

    def _show(self, *, listening: bool) -> None:
        activity = Activity.LISTENING if listening else Activity.IDLE
        if activity is not self._activity:
            self._activity = activity
            self._neighbours.on_activity(activity)

    def _pass_on(self, segment: SpeechSegment, opening: Activation) -> None:
        self.heard += 1
        speech_ended = self._captured_at - segment.seconds_since_speech
        age = time.monotonic() - speech_ended
        seconds = len(segment.samples) / SAMPLE_RATE
        utterance = Utterance(
            id=opening.id or self._neighbours.new_id(),
            samples=segment.samples,
            trigger=opening.trigger,
            heard_at=time.time() - age - max(0.0, seconds - segment.trailing_seconds),
            speech_ended=speech_ended,
            peak=segment.peak,
            speech_seconds=segment.speech_seconds,
            reply=opening.reply,
        )
        if not self._neighbours.hand_over(utterance):
            self.dropped += 1
            logger.warning(
                "a sentence of %.1f s was dropped: the appliance is still busy with those "
                "before it (%d dropped since the start)",
                seconds,
                self.dropped,
            )
