"""Light and button, on pins that are driven by the test."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPWMPin

from appliance.config import PanelSettings
from appliance.dialogue.button_and_light import LIGHTS, ButtonAndLight
from appliance.errors import ConfigError
from appliance.values import Activity

if TYPE_CHECKING:
    from collections.abc import Iterator

LED, BUTTON = 17, 4


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    before = Device.pin_factory
    factory = MockFactory(pin_class=MockPWMPin)
    Device.pin_factory = factory
    yield factory
    factory.reset()
    factory.close()
    Device.pin_factory = before


class PressedButton:
    """A button and a light, and what was done with the button."""

    def __init__(self, settings: PanelSettings) -> None:
        self.done: list[str] = []
        self.panel = ButtonAndLight(
            settings,
            button=self,
        )

    def on_press(self) -> None:
        self.done.append("press")

    def on_release(self) -> None:
        self.done.append("release")

    def on_long_press(self) -> None:
        self.done.append("long")

    def until(self, *done: str) -> bool:
        end = time.monotonic() + 5.0
        while self.done != list(done) and time.monotonic() < end:
            time.sleep(0.005)
        return self.done == list(done)


def test_without_pins_in_the_configuration_nothing_is_touched() -> None:
    before = Device.pin_factory
    pressed = PressedButton(PanelSettings())
    pressed.panel.show(Activity.LISTENING)
    pressed.panel.close()

    assert Device.pin_factory is before


def test_without_gpio_pins_light_and_button_do_nothing_and_a_warning_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "pigpio")  # which is not installed
    pressed = PressedButton(PanelSettings(led_pins=[LED], button_pin=BUTTON))
    pressed.panel.show(Activity.LISTENING)
    pressed.panel.close()

    assert "this machine has no pins" in caplog.text


def test_one_light_is_on_while_it_listens_and_out_when_idle(pins: MockFactory) -> None:
    pressed = PressedButton(PanelSettings(led_pins=[LED]))
    states = []
    for activity in (Activity.LISTENING, Activity.IDLE):
        pressed.panel.show(activity)
        states.append(pins.pin(LED).state)
    pressed.panel.close()

    assert states == [1, 0]


def test_a_light_between_pin_and_supply_is_on_at_a_low_level(pins: MockFactory) -> None:
    pressed = PressedButton(PanelSettings(led_pins=[LED], led_active_high=False))
    pressed.panel.show(Activity.LISTENING)

    assert pins.pin(LED).state == 0
    pressed.panel.close()


def test_a_light_of_three_colours_shows_a_colour_for_each_state(pins: MockFactory) -> None:
    pressed = PressedButton(PanelSettings(led_pins=[17, 27, 22]))
    pressed.panel.show(Activity.LISTENING)
    colour = [pins.pin(number).state for number in (17, 27, 22)]
    pressed.panel.show(Activity.IDLE)
    out = [pins.pin(number).state for number in (17, 27, 22)]
    pressed.panel.close()

    assert (colour, out) == ([0, 0, 1], [0, 0, 0])


def test_every_activity_has_a_light_of_its_own() -> None:
    assert set(LIGHTS) == set(Activity)
    assert len({(light.on, light.off, light.colour) for light in LIGHTS.values()}) == len(LIGHTS)
    rhythms = {(light.on, light.off, any(light.colour)) for light in LIGHTS.values()}
    assert len(rhythms) == len(LIGHTS)


@pytest.mark.parametrize("activity", list(Activity))
@pytest.mark.parametrize("led_pins", [[LED], [17, 27, 22]])
def test_every_activity_can_be_shown_and_left_again(
    pins: MockFactory, led_pins: list[int], activity: Activity
) -> None:
    pressed = PressedButton(PanelSettings(led_pins=led_pins))
    pressed.panel.show(activity)
    pressed.panel.show(Activity.IDLE)

    assert [pins.pin(number).state for number in led_pins] == [0] * len(led_pins)
    pressed.panel.close()
    pressed.panel.close()


def test_a_press_and_a_release_are_told(pins: MockFactory) -> None:
    pressed = PressedButton(PanelSettings(button_pin=BUTTON, debounce_ms=0))
    pins.pin(BUTTON).drive_low()
    pins.pin(BUTTON).drive_high()

    assert pressed.until("press", "release")
    pressed.panel.close()


def test_a_button_to_the_supply_is_pressed_at_a_high_level(pins: MockFactory) -> None:
    pressed = PressedButton(PanelSettings(button_pin=BUTTON, button_to_ground=False, debounce_ms=0))
    pins.pin(BUTTON).drive_high()

    assert pressed.until("press")
    pressed.panel.close()


def test_a_long_press_is_reported_once_however_long_it_is(pins: MockFactory) -> None:
    pressed = PressedButton(PanelSettings(button_pin=BUTTON, long_press_s=0.5, debounce_ms=0))
    pins.pin(BUTTON).drive_low()
    assert pressed.until("press", "long")
    time.sleep(0.7)
    pins.pin(BUTTON).drive_high()

    assert pressed.until("press", "long", "release")
    pressed.panel.close()


def test_the_contact_is_given_the_time_to_bounce(pins: MockFactory) -> None:
    pressed = PressedButton(PanelSettings(button_pin=BUTTON, debounce_ms=40))
    assert pins.pin(BUTTON).bounce == 0.04
    pressed.panel.close()


def test_a_pin_that_serves_something_else_is_a_mistake_in_the_configuration(
    pins: MockFactory,
) -> None:
    first = PressedButton(PanelSettings(led_pins=[LED]))
    with pytest.raises(ConfigError, match="panel: a pin cannot be used"):
        PressedButton(PanelSettings(led_pins=[LED]))
    first.panel.close()


def test_after_closing_the_pins_are_free(pins: MockFactory) -> None:
    settings: dict[str, Any] = {"led_pins": [LED], "button_pin": BUTTON}
    PressedButton(PanelSettings(**settings)).panel.close()
    PressedButton(PanelSettings(**settings)).panel.close()
