"""Voice input as one object: microphone, wake words and listener, built from the configuration."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from appliance.audio.earcons import Earcon
from appliance.audio.microphone import SoundCardMicrophone
from appliance.dialogue.listener_control import Activation
from appliance.engines.silero import Silero
from appliance.engines.wake_word import wake_words
from appliance.events import MicrophoneChanged, SettingsChanged
from appliance.listening.checked_wake_words import CheckedWakeWords
from appliance.listening.frames_to_utterances import FramesToUtterances
from appliance.listening.listener import Listener
from appliance.listening.mute_state import MutedBy, MuteState
from appliance.threads import Loop
from appliance.values import MicrophoneState, SoundHealth, Trigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.config import Config
    from appliance.dialogue.listener_control import ListenerControl
    from appliance.dialogue.speech_output import SpeechOutput
    from appliance.events import EventBus
    from appliance.listening.utterance_intake import UtteranceIntake
    from appliance.protocols import Microphone, WakeWordDetector
    from appliance.recognition.service import RecognitionService

EARLY_LOOK_LIMIT_S = 120.0
"""Seconds for one early look and the sentence before it, with two models on a slow board."""


class VoiceInput:
    """Any thread may call it. Nothing is opened before its loops are started."""

    def __init__(  # noqa: PLR0913  (the parts that sound passes)
        self,
        config: Config,
        intake: UtteranceIntake,
        recognition: RecognitionService | None,
        *,
        control: ListenerControl,
        speech: SpeechOutput,
        events: EventBus,
        microphone: Microphone | None = None,
    ) -> None:
        """`microphone` takes the place of the sound card: always heard, its trigger `sample`.

        Without `recognition`, only pauses end a sentence, and no model confirms a wake word.

        Raises:
            ModelMissing: a wake word is not there.
            EngineError: a wake word's file cannot be used.

        """
        self._config = config
        self._intake = intake
        self._control = control
        self._speech = speech
        self._events = events
        self._card = SoundCardMicrophone(config.microphone.device, config.microphone.channel)
        early = config.listening.by_meaning and config.speech.grammar
        self._recognition = recognition if early else None
        self._speech_models = recognition
        by_wake_word = config.listening.trigger == "wake_word"
        self._listening = FramesToUtterances(
            Silero(),
            config.listening,
            intake,
            wake_word_detectors=self._detectors() if by_wake_word else (),
            early_verdicts=None if self._recognition is None else self._recognition.device,
            mode="" if microphone is None else "always",  # recordings say no wake word
            always=Trigger.ALWAYS if microphone is None else Trigger.SAMPLE,
        )
        self._listener = Listener(microphone or self._card, self._listening, control)
        self._asked_trigger: str | None = None
        """The changed trigger that the listener's thread is about to use."""
        self._mute_lock = threading.Lock()
        self._mute_state = MuteState(
            config.state_directory, has_button=config.panel.button_pin != 0
        )
        if self.muted:
            control.mute(muted=True)
        self._state = MicrophoneState.OK

    @property
    def loops(self) -> list[Loop]:
        """The threads, in the order in which they are started."""
        loops = [Loop("listener", self._listener)]
        if self._recognition is not None:
            # A turn waits for a sentence that the worker is at, and two models take their time.
            early = Loop("recognition", self._recognition, turn_limit_s=EARLY_LOOK_LIMIT_S)
            loops.insert(0, early)
        return loops

    @property
    def state(self) -> MicrophoneState:
        """The microphone's; ABSENT if recordings are played, or it is not wanted."""
        return self._listener.state

    @property
    def is_neglected(self) -> bool:
        """Whether sound has stopped without an attempt to restart it."""
        return self._listener.is_neglected

    def health(self) -> SoundHealth | None:
        """The quality of the microphone's signal; None if there is no microphone."""
        if self.state is MicrophoneState.ABSENT:
            return None
        return SoundHealth(
            level=self._listening.meter.level(),
            overruns=self._card.overruns,
            reopened=self._card.reopened,
            heard=self._listening.heard,
            dropped=self._listening.dropped,
        )

    @property
    def level_dbfs(self) -> float | None:
        """The present level, in dBFS; None if there is no sound."""
        return self._listening.meter.newest_dbfs()

    def tick(self) -> None:
        """Publish changes of the microphone; called by the main thread."""
        state = self.state
        if state is not self._state:
            self._state = state
            self._events.emit(MicrophoneChanged(state))

    def listen(self) -> str | None:
        """Listen to one sentence; the id of its result, or None if that is not possible."""
        if self.state not in (MicrophoneState.OK, MicrophoneState.SILENT):
            return None
        utterance_id = self._intake.new_id()
        self.start_listening(Trigger.REQUEST, utterance_id)
        return utterance_id

    def start_listening(
        self, trigger: Trigger, utterance_id: str | None = None, *, held: bool = False
    ) -> None:
        """Listen to one sentence; `held` until it is released."""
        wait_s = self._config.listening.wait_s
        self._control.listen(Activation(trigger, id=utterance_id, held=held, wait_s=wait_s))

    def release(self) -> None:
        """End the sentence."""
        self._control.release()

    def interrupt_speech(self) -> None:
        """A person who speaks to the appliance need not wait until it has finished."""
        self._speech.interrupt()
        self._control.deafen(deaf=False)

    @property
    def muted(self) -> bool:
        """Whether the microphone is closed because somebody wants it so."""
        return bool(self._mute_state.mutes)

    def is_muted_by(self, by: MutedBy) -> bool:
        """Whether one of those who may mute it wants it closed."""
        return by in self._mute_state.mutes

    def mute(self, by: MutedBy, *, muted: bool) -> None:
        """Close the microphone's device, or open it again if nobody else has muted it."""
        with self._mute_lock:
            self._mute_state.change(by, muted=muted)
            self._control.mute(muted=self.muted)
        self._speech.play(Earcon.STOPPED if self.muted else Earcon.LISTENING)
        self._events.emit(SettingsChanged())

    @property
    def trigger(self) -> str:
        """The present trigger, one of the values of listening.trigger."""
        return self._asked_trigger or self._listening.mode

    def use_trigger(self, trigger: str) -> None:
        """Change the trigger until the next start.

        Raises:
            ModelMissing: a wake word is not there.
            EngineError: a wake word's file cannot be used.

        """
        needed = trigger == "wake_word" and self.trigger != trigger
        self._control.use_trigger(trigger, self._detectors() if needed else None)
        self._asked_trigger = trigger

    def _detectors(self) -> Sequence[WakeWordDetector]:
        words = wake_words.find(self._config.wake_word.words, self._config.wake_word.thresholds)
        detectors = wake_words.load(words, first_look=True)
        return [CheckedWakeWords(detectors, words, self._speech_models)]
