"""What the button does, and what requests do to whoever listens and speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from appliance.config import Config, PanelSettings
from appliance.listening import voice_terminal
from appliance.listening.listening_turn import Activation
from appliance.listening.voice_terminal import TerminalServices, VoiceTerminal
from appliance.system.board_state import BoardState
from appliance.values import (
    Activity,
    Intent,
    MicrophoneState,
    Outcome,
    Result,
    Source,
    Trigger,
    Utterance,
    Wake,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.listening.listening_state import ListeningCallbacks


class Hearing:
    """Notes its orders in one list, as they come."""

    def __init__(self, _config: Config, neighbours: ListeningCallbacks, *_: object) -> None:
        self.neighbours = neighbours
        self.orders: list[Any] = []
        self.state = MicrophoneState.OK
        self.mode = "button"

    def listen(self, opening: Activation) -> None:
        self.orders.append(("listen", opening.trigger, opening.held))
        self.neighbours.on_open(opening)

    def release(self) -> None:
        self.orders.append("release")

    def cancel(self, reason: str) -> None:
        self.orders.append("cancel")

    def mute(self, *, muted: bool) -> None:
        self.orders.append(("mute", muted))
        self.state = MicrophoneState.MUTED if muted else MicrophoneState.OK

    def be_deaf(self, *, deaf: bool) -> None:
        """Not of interest."""

    def use(self, mode: str) -> None:
        self.mode = mode


class Switch:
    """The panel's callbacks, to be pressed by the test."""

    def __init__(self, _settings: PanelSettings, **callbacks: Callable[[], None]) -> None:
        self.press = callbacks["on_press"]
        self.release = callbacks["on_release"]
        self.hold = callbacks["on_long_press"]
        self.shown: list[Activity] = []
        self.show = self.shown.append

    def close(self) -> None:
        """Nothing is open."""


class Room:
    """A presence without sound and pins."""

    def __init__(self, button: str) -> None:
        self.delivered: list[Result] = []
        self.shown: list[tuple[str, Activity]] = []
        self.changes = 0
        self.woken: list[Wake] = []
        house = TerminalServices(
            offer=lambda _: True,
            deliver=lambda _job, result: self.delivered.append(result),
            cancel_work=lambda _: None,
            declared=dict,
            new_id=lambda: "new",
            show=lambda part: lambda activity: self.shown.append((part, activity)),
            tell=lambda _: None,
            situation=BoardState,
            changed=self._change,
            woken=lambda wake, _level: self.woken.append(wake),
            so_far=None,
        )
        config = Config(panel=PanelSettings(button_pin=4, button=button))  # type: ignore[arg-type]
        self.presence = VoiceTerminal(config, house)
        self.hearing: Hearing = self.presence._hearing  # type: ignore[assignment]
        self.switch: Switch = self.presence._panel  # type: ignore[assignment]

    def _change(self) -> None:
        self.changes += 1


@pytest.fixture(autouse=True)
def _no_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_terminal, "VoiceInput", Hearing)
    monkeypatch.setattr(voice_terminal, "ButtonAndLight", Switch)


def test_who_holds_the_button_is_heard_until_it_is_released() -> None:
    room = Room("hold")
    room.switch.press()
    room.switch.hold()  # also a long one is no more than that
    room.switch.release()

    assert room.hearing.orders == [("listen", Trigger.BUTTON, True), "release"]


def test_a_press_begins_and_a_press_ends_it() -> None:
    room = Room("toggle")
    for _ in range(2):
        room.switch.press()
        room.switch.release()

    assert room.hearing.orders == [("listen", Trigger.BUTTON, False), "release"]


@pytest.mark.parametrize("button", ["hold", "toggle"])
def test_a_press_while_it_thinks_or_speaks_hushes_it_and_opens_the_ear(
    button: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room(button)
    hushed: list[str] = []
    monkeypatch.setattr(room.presence._voice, "hush", lambda: hushed.append("hush"))
    spoken = Utterance("id", voice_terminal.NOTHING, Trigger.BUTTON, 0.0, 0.0)
    room.presence._conversation.on_utterance(spoken)
    room.switch.press()
    room.switch.release()

    assert hushed == ["hush"]
    assert room.hearing.orders[0] == ("listen", Trigger.BUTTON, button == "hold")


def test_a_wake_word_hushes_whoever_speaks_and_is_announced() -> None:
    room = Room("hold")
    spoken: list[bool] = []
    room.presence._voice.hush = lambda: spoken.append(False)  # type: ignore[method-assign]
    wake = Wake("okay_nabu", 0.99, 0.65)

    assert room.hearing.neighbours.on_wake(wake, None)
    assert spoken == [False]
    assert room.woken == [wake]


def test_a_long_press_mutes_and_the_next_press_opens_again() -> None:
    room = Room("toggle")
    room.switch.press()
    room.switch.hold()
    room.switch.release()
    assert room.presence.muted
    room.switch.press()
    room.switch.release()

    assert room.hearing.orders == [("mute", True), ("mute", False)]
    assert not room.presence.muted
    assert room.changes == 2


@pytest.mark.parametrize("button", ["hold", "toggle"])
def test_a_press_says_yes_where_that_is_asked(button: str) -> None:
    room = Room(button)
    ask(room)
    room.switch.press()
    room.switch.release()

    assert [one.outcome for one in room.delivered] == [Outcome.INTENT]
    assert "release" not in room.hearing.orders


def test_a_long_press_says_no_where_a_yes_is_asked() -> None:
    room = Room("toggle")
    ask(room)
    room.switch.press()
    room.switch.hold()
    room.switch.release()

    assert [one.outcome for one in room.delivered] == [Outcome.CANCELLED]
    assert not room.presence.muted


def ask(room: Room) -> None:
    job = Utterance("id", voice_terminal.NOTHING, Trigger.BUTTON, 0.0, 0.0)
    result = Result(
        id="id",
        source=Source.SPEECH,
        trigger=Trigger.BUTTON,
        language="en",
        outcome=Outcome.INTENT,
        intent=Intent("Boiler"),
        at="2026-01-01T00:00:00Z",
    )
    room.presence._conversation._ask(job, result)


def test_a_request_to_listen_names_the_result_to_come() -> None:
    room = Room("hold")

    assert room.presence.listen() == "new"
    assert room.hearing.orders == [("listen", Trigger.REQUEST, False)]


@pytest.mark.parametrize(
    "state", [MicrophoneState.LOST, MicrophoneState.MUTED, MicrophoneState.ABSENT]
)
def test_without_a_microphone_nobody_can_be_asked_to_listen(state: MicrophoneState) -> None:
    room = Room("hold")
    room.hearing.state = state

    assert room.presence.listen() is None
    assert room.hearing.orders == []


def test_who_asked_for_a_sentence_that_will_not_come_is_told() -> None:
    room = Room("hold")
    room.hearing.neighbours.on_given_up(Activation(Trigger.REQUEST, id="asked"), "it was muted")

    (result,) = room.delivered
    assert (result.id, result.outcome, result.reason) == ("asked", "cancelled", "it was muted")


def test_where_nobody_speaks_a_text_is_declined() -> None:
    assert not Room("hold").presence.say("Hello.")


def test_the_light_tells_of_a_lost_and_of_a_muted_microphone() -> None:
    room = Room("hold")
    for state in (MicrophoneState.LOST, MicrophoneState.OK, MicrophoneState.MUTED):
        room.hearing.state = state
        room.presence.tick()
        room.presence.tick()

    assert [activity for part, activity in room.shown if part == "microphone"] == [
        Activity.FAULT,
        Activity.IDLE,
        Activity.MUTED,
    ]


def test_what_opens_the_ear_can_be_changed() -> None:
    room = Room("hold")
    room.presence.use("always")

    assert room.presence.trigger == "always"
