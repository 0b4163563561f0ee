"""A light and a button on the board's pins: the only file that imports gpiozero."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from gpiozero import LED, RGBLED, Button, Device, GPIOZeroError
from gpiozero.pins.mock import MockFactory, MockPWMPin

from appliance.errors import ConfigError
from appliance.events import StatusChanged
from appliance.values import Activity

if TYPE_CHECKING:
    from appliance.config import PanelSettings
    from appliance.events import Event

logger = logging.getLogger(__name__)

RGB = 3
"""Number of pins of a light with colours."""


@dataclass(frozen=True, slots=True)
class Light:
    """The look of an activity."""

    colour: tuple[float, float, float]
    """Red, green, blue; a light of one colour is on if any of them is."""
    on: float = 0.0
    """Seconds on; 0 is a steady light."""
    off: float = 0.0


LIGHTS = {
    Activity.STARTING: Light((1, 1, 1), 0.5, 0.5),
    Activity.IDLE: Light((0, 0, 0)),
    Activity.LISTENING: Light((0, 0, 1)),
    Activity.THINKING: Light((1, 0.5, 0), 0.1, 0.1),
    Activity.SPEAKING: Light((0, 1, 0), 0.4, 0.1),
    Activity.MUTED: Light((1, 0, 0), 0.1, 2.9),
    Activity.FAULT: Light((1, 0, 0), 0.25, 0.25),
}
"""Lights by activity, each with its own rhythm for lights of one colour and colour-blind people."""


class ButtonActions(Protocol):
    """The actions of the button."""

    def on_press(self) -> None:
        """The button is pressed."""

    def on_release(self) -> None:
        """The button is released."""

    def on_long_press(self) -> None:
        """The button has been held for `panel.long_press_s`."""


class ButtonAndLight:
    """A button and a light on the board's pins; either may be absent. The light shows events."""

    def __init__(
        self,
        settings: PanelSettings,
        button: ButtonActions,
    ) -> None:
        """`button` is called in gpiozero's threads, and must return at once.

        Raises:
            ConfigError: a pin does not exist, or two things are on one.

        """
        self._light: Any = None
        self._button: Any = None
        self._shown: Activity | None = None
        if not settings.led_pins and not settings.button_pin:
            return
        _find_pins()
        try:
            if settings.led_pins:
                self._light = _light(settings)
            if settings.button_pin:
                self._button = Button(
                    settings.button_pin,
                    pull_up=settings.button_to_ground,
                    bounce_time=settings.debounce_ms / 1000,
                    hold_time=settings.long_press_s,
                )
        except (GPIOZeroError, ValueError) as error:
            self.close()
            raise ConfigError([f"panel: a pin cannot be used: {error}"]) from error
        if self._button is not None:
            self._button.when_pressed = button.on_press
            self._button.when_released = button.on_release
            self._button.when_held = button.on_long_press

    def on_event(self, event: Event) -> None:
        """Show the activity of the device."""
        if isinstance(event, StatusChanged):
            self.show(event.activity)

    def show(self, activity: Activity) -> None:
        """Let the light show an activity."""
        if self._light is None or activity is self._shown:
            return
        self._shown = activity
        light = LIGHTS[activity]
        coloured = isinstance(self._light, RGBLED)
        if light.on and coloured:
            self._light.blink(light.on, light.off, on_color=light.colour)
        elif light.on:
            self._light.blink(light.on, light.off)
        elif coloured:
            self._light.color = light.colour
        elif any(light.colour):
            self._light.on()
        else:
            self._light.off()

    def close(self) -> None:
        """Switch the light off and free the pins; may be called twice."""
        for device in (self._light, self._button):
            if device is not None:
                device.close()
        self._light = self._button = None


def _light(settings: PanelSettings) -> Any:
    if len(settings.led_pins) == RGB:
        return RGBLED(*settings.led_pins, active_high=settings.led_active_high)
    return LED(settings.led_pins[0], active_high=settings.led_active_high)


def _find_pins() -> None:
    """The board's pins; without any, pins that do nothing."""
    if Device.pin_factory is not None:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one for each library that is not installed
            Device.ensure_pin_factory()
    except (GPIOZeroError, ImportError, OSError) as error:
        logger.warning("panel: this machine has no pins (%s); light and button do nothing", error)
        Device.pin_factory = MockFactory(pin_class=MockPWMPin)
