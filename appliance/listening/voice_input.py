"""The ears of the house: microphone, wake words and listener, built from the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.audio.microphone import SoundCardMicrophone
from appliance.engines.silero import Silero
from appliance.engines.wake_word import wake_words
from appliance.listening.listener import Listener
from appliance.listening.listening_state import ListeningCallbacks, ListeningState
from appliance.recognition.lookahead import LookaheadQueue
from appliance.threads import Loop
from appliance.values import MicrophoneState, SoundHealth, Trigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.config import Config
    from appliance.demo.demo import Demo
    from appliance.protocols import Microphone, WakeSpotter
    from appliance.recognition.lookahead import Lookahead

PATIENCE = 120.0
"""Seconds for one look at what is being said, and for the sentence before it, with two models on a
slow board."""


class VoiceInput:
    """Built before its loops are started; afterwards any thread may ask and order."""

    def __init__(
        self,
        config: Config,
        neighbours: ListeningCallbacks,
        trial: Demo | None = None,
        so_far: Lookahead | None = None,
    ) -> None:
        """Nothing is opened yet. `so_far` tells what a sentence is that is still being spoken.

        Raises:
            ModelMissing: a wake word is not there.
            EngineError: a wake word's file is none.

        """
        self._config = config
        self._card = SoundCardMicrophone(config.microphone.device)
        wanted = config.listening.trigger != "off" or (trial is not None and trial.once)
        chosen: Microphone = self._card if trial is None or not wanted else trial.choose(self._card)
        self._microphone = chosen
        plays = chosen is not self._card
        self._meaning = None if so_far is None else LookaheadQueue(so_far)
        ear = ListeningState(
            Silero(),
            config.listening,
            neighbours,
            spotters=self._spotters() if config.listening.trigger == "wake_word" else (),
            meaning=self._meaning,
            always=Trigger.SAMPLE if plays else Trigger.ALWAYS,
        )
        if plays:
            ear.mode = "always"  # samples say no wake word
        self._listener = Listener(chosen, ear, neighbours)
        self.listen = self._listener.listen
        self.release = self._listener.release
        self.cancel = self._listener.cancel
        self.mute = self._listener.mute
        self.be_deaf = self._listener.be_deaf

    @property
    def loops(self) -> list[Loop]:
        """The threads, in the order in which they are started."""
        listener = self._listener
        loops = [Loop("listener", listener.turn, starting=listener.start, ending=listener.close)]
        if self._meaning is not None:
            # A turn waits for a sentence that the worker is at, and two models take their time.
            loops.insert(0, Loop("meaning", self._meaning.turn, patience=PATIENCE))
        return loops

    @property
    def state(self) -> MicrophoneState:
        """The microphone's; ABSENT where samples are played, or none is wanted."""
        return self._listener.state

    @property
    def mode(self) -> str:
        """What opens the ear now, one of the values of listening.trigger."""
        return self._listener.ear.mode

    @property
    def is_neglected(self) -> bool:
        """Whether sound has stopped to move and nobody does anything about it."""
        return self._listener.is_neglected

    def health(self) -> SoundHealth | None:
        """How well is heard; None where there is no microphone."""
        if self.state is MicrophoneState.ABSENT:
            return None
        return SoundHealth(
            level=self._listener.ear.meter.level(),
            overruns=self._card.overruns,
            reopened=self._card.reopened,
            heard=self._listener.ear.heard,
            dropped=self._listener.ear.dropped,
        )

    def use(self, mode: str) -> None:
        """Let something else open the ear, from now on until the next start.

        Raises:
            ModelMissing: a wake word is not there.
            EngineError: a wake word's file is none.

        """
        needed = mode == "wake_word" and self.mode != mode
        self._listener.use(mode, self._spotters() if needed else None)

    def _spotters(self) -> Sequence[WakeSpotter]:
        words = self._config.wake_word
        return wake_words.spotters(wake_words.find(words.words, words.thresholds))
