"""What the button does."""

from __future__ import annotations

import pytest

from appliance.config import PanelSettings
from appliance.listening.button_control import ButtonControl
from appliance.listening.mute_state import MutedBy
from appliance.values import Trigger


class RecordedVoice:
    """Keeps what the button asked of the voice input."""

    def __init__(self) -> None:
        self.orders: list[object] = []
        self.mutes: set[MutedBy] = set()

    @property
    def muted(self) -> bool:
        return bool(self.mutes)

    def interrupt_speech(self) -> None:
        self.orders.append("interrupt")

    def start_listening(self, trigger: Trigger, *, held: bool = False) -> None:
        self.orders.append(("listen", trigger, held))

    def release(self) -> None:
        self.orders.append("release")

    def is_muted_by(self, by: MutedBy) -> bool:
        return by in self.mutes

    def mute(self, by: MutedBy, *, muted: bool) -> None:
        self.orders.append(("mute", muted))
        self.mutes = self.mutes | {by} if muted else self.mutes - {by}


class QuestionableDialogue:
    """Asks a question, if the test wants one, and keeps the answer."""

    def __init__(self) -> None:
        self.asks = False
        self.is_listening = False
        self.answers: list[bool] = []

    def answer_question(self, *, yes: bool) -> bool:
        if self.asks:
            self.answers.append(yes)
        return self.asks


class ButtonParts:
    """A button, its dialogue and its voice input."""

    def __init__(self, mode: str) -> None:
        self.voice = RecordedVoice()
        self.dialogue = QuestionableDialogue()
        settings = PanelSettings(button_pin=4, button=mode)  # type: ignore[arg-type]
        self.button = ButtonControl(settings, self.dialogue, self.voice)  # type: ignore[arg-type]

    def press(self, *, long: bool = False) -> None:
        self.button.on_press()
        if long:
            self.button.on_long_press()
        self.button.on_release()


def test_held_down_it_listens_until_it_is_released() -> None:
    parts = ButtonParts("hold")
    parts.press(long=True)  # a long press is nothing more here

    assert parts.voice.orders == ["interrupt", ("listen", Trigger.BUTTON, True), "release"]


def test_in_toggle_mode_one_press_starts_listening_and_the_next_stops_it() -> None:
    parts = ButtonParts("toggle")
    parts.press()
    parts.dialogue.is_listening = True
    parts.press()

    assert parts.voice.orders == ["interrupt", ("listen", Trigger.BUTTON, False), "release"]


def test_a_long_press_mutes_and_the_next_press_unmutes() -> None:
    parts = ButtonParts("toggle")
    parts.press(long=True)
    assert parts.voice.muted
    parts.press()

    assert parts.voice.orders == [("mute", True), ("mute", False)]


def test_the_button_does_not_undo_a_mute_that_was_made_over_mqtt() -> None:
    parts = ButtonParts("toggle")
    parts.voice.mute(MutedBy.REQUEST, muted=True)
    parts.press()
    parts.press(long=True)
    assert parts.voice.mutes == {MutedBy.REQUEST, MutedBy.BUTTON}
    parts.press()
    assert parts.voice.mutes == {MutedBy.REQUEST}


@pytest.mark.parametrize("mode", ["hold", "toggle"])
def test_a_press_answers_yes_if_a_question_was_asked(mode: str) -> None:
    parts = ButtonParts(mode)
    parts.dialogue.asks = True
    parts.press()

    assert parts.dialogue.answers == [True]
    assert parts.voice.orders == []


def test_a_long_press_answers_no_if_a_question_was_asked() -> None:
    parts = ButtonParts("toggle")
    parts.dialogue.asks = True
    parts.press(long=True)

    assert parts.dialogue.answers == [False]
    assert not parts.voice.muted
