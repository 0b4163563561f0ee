"""Actions of the button: listen, release, confirm, mute. They never block gpiozero's threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.listening.mute_state import MutedBy
from appliance.values import Trigger

if TYPE_CHECKING:
    from appliance.config import PanelSettings
    from appliance.dialogue.confirm_and_session import Dialogue
    from appliance.listening.voice_input import VoiceInput


class ButtonControl:
    """A button that is held while speaking (`hold`), or pressed to begin and to end (`toggle`)."""

    def __init__(self, settings: PanelSettings, dialogue: Dialogue, voice: VoiceInput) -> None:
        self._hold = settings.button == "hold"
        self._dialogue = dialogue
        self._voice = voice
        self._press_used = False
        """With `hold`: the press started the listening. With `toggle`: the press was a long one."""

    def on_press(self) -> None:
        """The button goes down."""
        if self._hold and not self._dialogue.answer_question(yes=True):
            self._voice.interrupt_speech()
            self._voice.start_listening(Trigger.BUTTON, held=True)
            self._press_used = True

    def on_release(self) -> None:
        """The button goes up."""
        used, self._press_used = self._press_used, False
        if self._hold:
            if used:
                self._voice.release()
        elif not used:  # the end of a long press is not a press
            self._toggle()

    def on_long_press(self) -> None:
        """The button has been down for panel.long_press_s."""
        if not self._hold:
            self._press_used = True
            if not self._dialogue.answer_question(yes=False):
                muted = self._voice.is_muted_by(MutedBy.BUTTON)
                self._voice.mute(MutedBy.BUTTON, muted=not muted)

    def _toggle(self) -> None:
        if self._voice.is_muted_by(MutedBy.BUTTON):
            self._voice.mute(MutedBy.BUTTON, muted=False)
        elif self._dialogue.answer_question(yes=True):
            pass
        elif self._dialogue.is_listening:
            self._voice.release()
        else:
            self._voice.interrupt_speech()
            self._voice.start_listening(Trigger.BUTTON)
