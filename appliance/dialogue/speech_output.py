"""The appliance's own voice: earcons, responses and answers, said one after the other."""

from __future__ import annotations

import logging
import queue
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.audio import earcons
from appliance.audio.loudspeaker import Loudspeaker
from appliance.engines.tts.espeak import Espeak
from appliance.engines.tts.piper import Piper
from appliance.errors import EngineError, LoudspeakerError
from appliance.values import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.audio.earcons import Earcon
    from appliance.config import Config, SpeakingSettings
    from appliance.protocols import Synthesizer

logger = logging.getLogger(__name__)

PATIENCE = 0.2
"""Seconds that a turn waits for something to say; a stop is noticed no later."""

MOST_WAITING = 8
"""Things that may wait to be said; nobody listens to more."""

SENTENCE_ENDS = re.compile(r"(?<=[.!?…])\s+")


@dataclass(frozen=True, slots=True)
class _SpeechRequest:
    what: Earcon | str
    done: Callable[[], None]
    hushes: int
    """How often it had been hushed before this was wished."""


class SpeechOutput:
    """`say`, `play` and `hush` may be called from any thread; `turn` belongs to a Loop."""

    def __init__(
        self, config: Config, on_speaking: Callable[[bool], None] = lambda _speaking: None
    ) -> None:
        """`on_speaking` is told True before the first sound and False after the last.

        Raises:
            EngineError: the engine that is wanted is not there.

        """
        settings = config.speaking
        self._loudspeaker = Loudspeaker(settings.device, settings.volume)
        self._earcons = settings.earcons
        self._synthesizer = open_synthesizer(settings, config.device.language)
        self._on_speaking = on_speaking
        self._wishes: queue.Queue[_SpeechRequest] = queue.Queue(MOST_WAITING)
        self._hushing = threading.Lock()
        self._hushes = 0
        self._failed = False

    @property
    def speaks(self) -> bool:
        """Whether texts are said at all."""
        return self._synthesizer is not None

    def say(self, text: str, done: Callable[[], None] = lambda: None) -> None:
        """Say a text after what waits already; `done` is called at its end, whatever came of it."""
        if self._synthesizer is None or not text.strip():
            done()
            return
        self._wish(text, done)

    def play(self, earcon: Earcon) -> None:
        """Give a sign, where the owner wants such."""
        if self._earcons:
            self._wish(earcon, lambda: None)

    def hush(self) -> None:
        """Be quiet at once, and forget what waits; what is wished from now on is said."""
        with self._hushing:
            self._hushes += 1

    def turn(self) -> None:
        """Say the next thing, or wait a moment for one."""
        try:
            wish = self._wishes.get(timeout=PATIENCE)
        except queue.Empty:
            return
        speaking = False
        try:
            waiting: _SpeechRequest | None = wish
            while waiting is not None:
                if isinstance(waiting.what, str) and not speaking:
                    # A tone is no speech, and who speaks right after it must be heard.
                    speaking = True
                    self._on_speaking(True)  # noqa: FBT003
                self._carry_out(waiting)
                waiting = self._next()
        finally:
            if speaking:
                self._on_speaking(False)  # noqa: FBT003

    def _wish(self, what: Earcon | str, done: Callable[[], None]) -> None:
        try:
            self._wishes.put_nowait(_SpeechRequest(what, done, self._hushes))
        except queue.Full:
            logger.warning("too much waits to be said; this is left out")
            done()

    def _next(self) -> _SpeechRequest | None:
        try:
            return self._wishes.get_nowait()
        except queue.Empty:
            return None

    def _carry_out(self, wish: _SpeechRequest) -> None:
        def hushed() -> bool:
            return wish.hushes != self._hushes

        try:
            self._utter(wish.what, hushed)
            self._failed = False
        except (EngineError, LoudspeakerError) as error:
            if not self._failed:  # once, and not with each sentence
                logger.warning("nothing is said: %s", error)
            self._failed = True
        finally:
            wish.done()

    def _utter(self, what: Earcon | str, hushed: Callable[[], bool]) -> None:
        if not isinstance(what, str):
            if not hushed():
                self._loudspeaker.play(earcons.sound_of(what), SAMPLE_RATE, hushed)
            return
        for sentence in sentences_in(what):
            if self._synthesizer is None or hushed():
                return
            spoken = self._synthesizer.speak(sentence)
            if len(spoken.samples):
                self._loudspeaker.play(spoken.samples, spoken.rate, hushed)


def sentences_in(text: str) -> list[str]:
    """A text cut where a speaker would breathe, so that the first part is heard soon."""
    return [part.strip() for part in SENTENCE_ENDS.split(text) if part.strip()]


def open_synthesizer(settings: SpeakingSettings, language: str) -> Synthesizer | None:
    """Whoever speaks; None where nobody shall.

    Raises:
        EngineError: the one that is wanted is not there.

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
            logger.warning("%s; espeak-ng speaks instead", error)
    try:
        return Espeak(language, "" if settings.voice.endswith(".onnx") else settings.voice)
    except EngineError as error:
        logger.warning("nothing is said: %s", error)
        return None
