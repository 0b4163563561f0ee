"""All that a person in the room meets: ear, voice, button and light, joined to the house."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from appliance.audio.earcons import Earcon
from appliance.dialogue.button_and_light import ButtonAndLight
from appliance.dialogue.dialogue import Dialogue
from appliance.dialogue.speech_output import SpeechOutput
from appliance.jobs.result_builder import ResultBuilder
from appliance.listening.listening_state import ListeningCallbacks
from appliance.listening.listening_turn import Activation
from appliance.listening.voice_input import VoiceInput
from appliance.threads import Loop
from appliance.values import Activity, MicrophoneState, Outcome, Samples, Trigger, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appliance.config import Config
    from appliance.demo.demo import Demo
    from appliance.recognition.lookahead import Lookahead
    from appliance.sentences.sentence_files import DeclaredIntent
    from appliance.system.board_state import BoardState
    from appliance.values import Job, Result, Session, SoundHealth, SoundLevel, Wake

logger = logging.getLogger(__name__)

NOTHING: Samples = np.zeros(0, dtype=np.float32)

UNWELL = {
    MicrophoneState.LOST: Activity.FAULT,
    MicrophoneState.MUTED: Activity.MUTED,
}


@dataclass(frozen=True, kw_only=True)
class TerminalServices:
    """What the rest of the house does for a person."""

    offer: Callable[[Utterance], bool]
    """Takes an utterance to be understood; False when there is no room for it."""
    deliver: Callable[[Job, Result], None]
    """Sends a result out."""
    cancel_work: Callable[[str], object]
    declared: Callable[[], Mapping[str, DeclaredIntent]]
    new_id: Callable[[], str]
    show: Callable[[str], Callable[[Activity], None]]
    """What a part does, for the topic `state`."""
    tell: Callable[[Session], None]
    situation: Callable[[], BoardState]
    changed: Callable[[], None]
    """What can be changed while it runs is not as it was."""
    woken: Callable[[Wake, SoundLevel | None], None]
    """A wake word was heard."""
    so_far: Lookahead | None
    """What a sentence is that is still being spoken."""


class VoiceTerminal:
    """Built once the worker is ready; its loops are started after that. Any thread may call."""

    def __init__(self, config: Config, house: TerminalServices, trial: Demo | None = None) -> None:
        """Nothing listens yet.

        Raises:
            ModelMissing: a wake word is not there.
            EngineError: a wake word's file is none, or the voice that is wanted is not there.
            ConfigError: a pin cannot be used.

        """
        self._config = config
        self._house = house
        self._conversation = Dialogue(
            config,
            deliver=house.deliver,
            declared=house.declared,
            cancel_work=house.cancel_work,
            show=house.show("voice"),
            tell=house.tell,
        )
        neighbours = ListeningCallbacks(
            hand_over=self._hand_over,
            new_id=house.new_id,
            on_activity=house.show("listener"),
            on_wake=self._wake,
            on_open=self._conversation.on_open,
            on_given_up=self._give_up,
        )
        self._hearing = VoiceInput(config, neighbours, trial, house.so_far)
        self._voice = SpeechOutput(config, self._conversation.on_speaking)
        self._conversation.hearing, self._conversation.voice = self._hearing, self._voice
        self._muted = False
        self._pressed_into = False
        self._panel = ButtonAndLight(
            config.panel,
            on_press=self._on_press,
            on_release=self._on_release,
            on_long_press=self._on_long_press,
        )
        self._microphone = MicrophoneState.OK
        self.show = self._panel.show
        """Let the light say what the house does."""
        self.take = self._conversation.take
        """A result from the worker; it is delivered, perhaps after a question."""

    @property
    def loops(self) -> list[Loop]:
        """The threads, in the order in which they are started."""
        return [Loop("voice", self._voice.turn, patience=60.0), *self._hearing.loops]

    @property
    def microphone(self) -> MicrophoneState:
        """How it is."""
        return self._hearing.state

    @property
    def is_neglected(self) -> bool:
        """Whether sound has stopped to move and nobody does anything about it."""
        return self._hearing.is_neglected

    def health(self) -> SoundHealth | None:
        """How well is heard; None where there is no microphone."""
        return self._hearing.health()

    def tick(self) -> None:
        """Show what has become of the microphone; the caretaker's."""
        state = self._hearing.state
        if state is not self._microphone:
            self._microphone = state
            self._house.show("microphone")(UNWELL.get(state, Activity.IDLE))

    def close(self) -> None:
        """Light out."""
        self._panel.close()

    # Orders, from MQTT.

    def listen(self) -> str | None:
        """Open the ear for a sentence; the id of its result, or None where it cannot be opened."""
        if self._hearing.state not in (MicrophoneState.OK, MicrophoneState.SILENT):
            return None
        utterance_id = self._house.new_id()
        self._open(Trigger.REQUEST, utterance_id)
        return utterance_id

    def say(self, text: str) -> bool:
        """Say a text; False where nobody speaks."""
        if self._voice.speaks:
            self._voice.say(text)
        return self._voice.speaks

    def yield_to(self, device: str) -> None:
        """Another appliance heard the wake word better."""
        self._hearing.cancel(f"yielded to {device}, which heard better")

    def stop(self) -> None:
        """End whatever goes on."""
        self._conversation.stop("it was asked to stop")

    @property
    def muted(self) -> bool:
        """Whether the microphone is closed because somebody wants it so."""
        return self._muted

    def mute(self, muted: Any) -> None:
        """Close the microphone's device, or open it again."""
        self._muted = bool(muted)
        self._hearing.mute(muted=self._muted)
        self._voice.play(Earcon.STOPPED if self._muted else Earcon.LISTENING)
        self._house.changed()

    @property
    def trigger(self) -> str:
        """What opens the ear."""
        return self._hearing.mode

    def use(self, trigger: str) -> None:
        """Let something else open it, until the next start."""
        self._hearing.use(trigger)

    # The button; in gpiozero's threads, so everything here only passes an order on.

    def _on_press(self) -> None:
        if self._config.panel.button == "hold" and not self._conversation.confirm(yes=True):
            self._hush()
            self._open(Trigger.BUTTON, held=True)
            self._pressed_into = True

    def _on_release(self) -> None:
        if self._config.panel.button == "hold":
            if self._pressed_into:
                self._hearing.release()
            self._pressed_into = False
        elif self._pressed_into:  # the end of a long press is no press
            self._pressed_into = False
        else:
            self._toggle()

    def _on_long_press(self) -> None:
        if self._config.panel.button == "toggle":
            self._pressed_into = True
            if not self._conversation.confirm(yes=False):
                self.mute(not self._muted)

    def _toggle(self) -> None:
        if self._muted:
            self.mute(False)  # noqa: FBT003
        elif self._conversation.confirm(yes=True):
            pass
        elif self._conversation.is_listening:
            self._hearing.release()
        else:
            self._hush()
            self._open(Trigger.BUTTON)

    def _open(
        self, trigger: Trigger, utterance_id: str | None = None, *, held: bool = False
    ) -> None:
        wait = self._config.listening.wait_s
        self._hearing.listen(Activation(trigger, id=utterance_id, held=held, wait=wait))

    def _give_up(self, opening: Activation, reason: str) -> None:
        if opening.id is not None and not opening.reply:  # somebody waits for its result
            now = time.monotonic()
            utterance = Utterance(opening.id, NOTHING, opening.trigger, time.time(), now)
            draft = ResultBuilder(utterance, self._config.device.language, self._house.situation())
            draft.end(Outcome.CANCELLED, reason)
            self._house.deliver(utterance, draft.result())
        self._conversation.on_given_up(opening, reason)

    def _wake(self, wake: Wake, level: SoundLevel | None) -> bool:
        self._house.woken(wake, level)
        return self._hush()

    def _hush(self) -> bool:
        """Whoever speaks to it need not wait until it has said its own."""
        self._voice.hush()
        self._hearing.be_deaf(deaf=False)
        return True

    def _hand_over(self, utterance: Utterance) -> bool:
        self._conversation.on_utterance(utterance)
        taken = self._house.offer(utterance)
        if not taken:
            self._conversation.on_dropped(utterance)
        return taken
