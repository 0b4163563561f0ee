"""The present states of devices, as lines for the language model's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.devices.device_answers import localized, shown_state
from appliance.devices.entity import UNAVAILABLE, UNKNOWN

if TYPE_CHECKING:
    from appliance.devices.device_registry import DeviceRegistry
    from appliance.devices.sayable_devices import SayableDevice

LONGEST_STATE = 40
"""Characters; what is longer is a text from somebody else, and not a value."""


class DeviceFacts:
    """One line for each device that can be said and whose state is known. Any thread."""

    def __init__(self, registry: DeviceRegistry | None) -> None:
        """`registry` None: there are no devices."""
        self._registry = registry

    def lines(self, language: str) -> list[str]:
        """Lines such as "Kitchen thermometer (Kitchen): 21.5 °C", in the words of the language."""
        if self._registry is None:
            return []
        told = [one for one in self._registry.devices if _is_known(one)]
        return [_line(device, language) for device in told]


def _is_known(device: SayableDevice) -> bool:
    state = device.entity.state
    is_value = state.isprintable() and len(state) <= LONGEST_STATE
    return device.problem is None and state not in (UNKNOWN, UNAVAILABLE) and is_value


def _line(device: SayableDevice, language: str) -> str:
    place = f" ({device.area})" if device.area else ""
    state = localized(shown_state(device, language)["state_with_unit"], language)
    return f"{device.name}{place}: {state}."
