"""Speech output: earcons, responses and answers, one after the other."""

from __future__ import annotations

import logging
import queue
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.audio import earcons
from appliance.audio.earcons import Earcon
from appliance.audio.loudspeaker import Loudspeaker
from appliance.engines.tts.espeak import Espeak
from appliance.engines.tts.piper import Piper
from appliance.errors import EngineError, LoudspeakerError
from appliance.events import ActivityChanged
from appliance.threads import LoopBody
from appliance.values import SAMPLE_RATE, Activity, Spoken

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.config import Config, SpeakingSettings
    from appliance.dialogue.listener_control import ListenerControl
    from appliance.events import EventBus
    from appliance.protocols import Synthesizer

logger = logging.getLogger(__name__)

POLL_S = 0.2
"""Seconds that a turn waits for something to say; a stop is noticed no later."""

MOST_WAITING = 8
"""Maximum number of waiting texts and earcons."""

SENTENCE_ENDS = re.compile(r"(?<=[.!?…])\s+")


@dataclass(frozen=True, slots=True)
class _SpeechRequest:
    what: Earcon | Spoken | str
    done: Callable[[], None]
    interruptions: int
    """Number of interruptions before this was requested."""


class SpeechOutput(LoopBody):
    """`say`, `play` and `interrupt` are for any thread; `turn` belongs to a Loop.

    While it speaks, the listener is deaf but for a wake word: it must not hear itself.
    """

    def __init__(self, config: Config, listener: ListenerControl, events: EventBus) -> None:
        """Open the synthesizer.

        Raises:
            EngineError: the configured engine is not there.

        """
        settings = config.speaking
        self._loudspeaker = Loudspeaker(settings.device, settings.volume)
        self._earcons = settings.earcons
        self._synthesizer = open_synthesizer(settings, config.device.language)
        self._listener = listener
        self._events = events
        self._requests: queue.Queue[_SpeechRequest] = queue.Queue(MOST_WAITING)
        self._lock = threading.Lock()
        self._interruptions = 0
        self._failed = False
        self._muted = False

    @property
    def speaks(self) -> bool:
        """Whether texts are said at all."""
        return self._synthesizer is not None

    @property
    def synthesizer(self) -> Synthesizer | None:
        """The speech synthesis, for other users, too; None if it is off."""
        return self._synthesizer

    def say(self, text: str, done: Callable[[], None] = lambda: None) -> None:
        """Queue a text to be spoken; `done` is called at its end in any case."""
        if self._synthesizer is None or self._muted or not text.strip():
            done()
            return
        self._request(text, done)

    def play_spoken(self, spoken: Spoken, done: Callable[[], None] = lambda: None) -> None:
        """Play speech that was made elsewhere; `done` as for `say`."""
        if self._muted:
            done()
            return
        self._request(spoken, done)

    def play(self, earcon: Earcon, *, always: bool = False) -> None:
        """Play an earcon, if `speaking.earcons` is on or it must `always` be heard."""
        if always or (self._earcons and not self._muted):
            self._request(earcon, lambda: None)

    @property
    def interruptions(self) -> int:
        """Number of interruptions by the button, a wake word, or a spoken stop."""
        return self._interruptions

    @property
    def volume(self) -> float:
        """Volume of the loudspeaker, 0 to 1."""
        return self._loudspeaker.volume

    def use_volume(self, volume: float, *, muted: bool) -> None:
        """Set the volume (0 to 1) of what is said from now on; while muted only alarms sound."""
        self._loudspeaker.volume = min(1.0, max(0.0, volume))
        self._muted = muted

    def interrupt(self) -> None:
        """Stop speaking at once, and drop what waits; what is requested from now on is said."""
        with self._lock:
            self._interruptions += 1

    def turn(self) -> None:
        """Say the next thing, or wait a moment for one."""
        try:
            request = self._requests.get(timeout=POLL_S)
        except queue.Empty:
            return
        speaking = False
        try:
            waiting: _SpeechRequest | None = request
            while waiting is not None:
                if not isinstance(waiting.what, Earcon) and not speaking:
                    # An earcon is not speech, and a person who speaks right after it must be heard.
                    speaking = True
                    self._set_speaking(speaking=True)
                self._carry_out(waiting)
                waiting = self._next()
        finally:
            if speaking:
                self._set_speaking(speaking=False)

    def _set_speaking(self, *, speaking: bool) -> None:
        self._listener.deafen(deaf=speaking)
        activity = Activity.SPEAKING if speaking else Activity.IDLE
        self._events.emit(ActivityChanged("speech output", activity))

    def _request(self, what: Earcon | Spoken | str, done: Callable[[], None]) -> None:
        try:
            self._requests.put_nowait(_SpeechRequest(what, done, self._interruptions))
        except queue.Full:
            logger.warning("too much waits to be spoken; this is left out")
            done()

    def _next(self) -> _SpeechRequest | None:
        try:
            return self._requests.get_nowait()
        except queue.Empty:
            return None

    def _carry_out(self, request: _SpeechRequest) -> None:
        def interrupted() -> bool:
            return request.interruptions != self._interruptions

        try:
            self._utter(request.what, interrupted)
            self._failed = False
        except (EngineError, LoudspeakerError) as error:
            if not self._failed:  # once, and not with each sentence
                logger.warning("nothing is said: %s", error)
            self._failed = True
        finally:
            request.done()

    def _utter(self, what: Earcon | Spoken | str, interrupted: Callable[[], bool]) -> None:
        if isinstance(what, Earcon):
            what = Spoken(earcons.sound_of(what), SAMPLE_RATE)
        if isinstance(what, Spoken):
            if not interrupted():
                self._loudspeaker.play(what.samples, what.rate, interrupted)
            return
        for sentence in sentences_in(what):
            if self._synthesizer is None or interrupted():
                return
            spoken = self._synthesizer.speak(sentence)
            if len(spoken.samples):
                self._loudspeaker.play(spoken.samples, spoken.rate, interrupted)


def sentences_in(text: str) -> list[str]:
    """A text cut where a speaker would breathe, so that the first part is heard soon."""
    return [part.strip() for part in SENTENCE_ENDS.split(text) if part.strip()]


def open_synthesizer(settings: SpeakingSettings, language: str) -> Synthesizer | None:
    """The configured speech engine; None if it is off.

    Raises:
        EngineError: it is not there.

    """
    if settings.engine == "off":
        return None
    if settings.engine == "piper":
        return Piper(settings.voice)
    if settings.engine == "espeak-ng":
        return Espeak(language, settings.voice)
    if settings.voice.endswith(".onnx"):
        try:
            return Piper(settings.voice)
        except EngineError as error:
            logger.warning("%s; using espeak-ng instead", error)
    try:
        return Espeak(language, "" if settings.voice.endswith(".onnx") else settings.voice)
    except EngineError as error:
        logger.warning("nothing is said: %s", error)
        return None
