"""Valves: open, close, stop and, if they report it, position."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from appliance.devices.components.cover import (
    CLOSED,
    CLOSING,
    OPEN,
    OPENING,
    MovingEntity,
)
from appliance.devices.components.light_base import ranged
from appliance.devices.config_fields import (
    COMMON,
    Fields,
    boolean,
    device_class,
    integer,
    optional,
    text,
    text_or_none,
    topics_and_templates,
)
from appliance.devices.entity import NONE, Service, ServiceData, ServicePlan
from appliance.devices.scaling import from_percent, to_percent
from appliance.errors import UNREADABLE_JSON, DeviceConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_WITH_POSITION = ("payload_open", "payload_close", "state_open", "state_closed")


class Valve(MovingEntity):
    """A valve for water or gas."""

    component = "valve"
    default_name = "MQTT Valve"
    FIELDS: ClassVar[Fields] = {
        **COMMON,
        **topics_and_templates(
            *("command_topic", "command_template", "state_topic", "value_template"),
        ),
        "device_class": optional(device_class({"water", "gas"})),
        "optimistic": optional(boolean, default=False),
        "payload_open": optional(text_or_none),
        "payload_close": optional(text_or_none),
        "payload_stop": optional(text_or_none),
        "position_open": optional(integer, 100),
        "position_closed": optional(integer, 0),
        "reports_position": optional(boolean, default=False),
        "state_open": optional(text),
        "state_opening": optional(text, OPENING),
        "state_closed": optional(text),
        "state_closing": optional(text, CLOSING),
    }

    def check(self, config: dict[str, Any]) -> dict[str, Any]:
        if config["reports_position"] and any(name in config for name in NOT_WITH_POSITION):
            names = ", ".join(NOT_WITH_POSITION)
            raise DeviceConfigError(f"{names} do not go with reports_position")
        defaults = {
            "payload_open": "OPEN",
            "payload_close": "CLOSE",
            "state_open": OPEN,
            "state_closed": CLOSED,
        }
        return {**defaults, **config}

    def listen(self) -> None:
        self.on("state_topic", self._state)

    @property
    def _positions(self) -> tuple[int, int]:
        return self.config["position_closed"] + 1, self.config["position_open"]

    @property
    def value(self) -> Any:
        movement = super().value
        if movement in (OPENING, CLOSING) or not self.config["reports_position"]:
            return movement
        position = self.values.get("current_position")
        return None if position is None else CLOSED if position == 0 else OPEN

    @property
    def attributes(self) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        if self.config["reports_position"]:
            shown["current_position"] = self.values.get("current_position")
        if self.device_class:
            shown["device_class"] = self.device_class
        if self.is_assumed:
            shown["assumed_state"] = True
        return shown

    # Reading.

    def _state(self, payload: str) -> None:
        variables = {name: self.config[name] for name in ("position_open", "position_closed")}
        state = position = self.read("value_template", payload, **variables)
        if not state:
            return
        with contextlib.suppress(*UNREADABLE_JSON):
            said = msgspec.json.decode(state)
            if isinstance(said, dict):
                _ = said["position" if self.config["reports_position"] else "state"]
                state, position = said.get("state"), said.get("position")
        if self.config["reports_position"]:
            self._note_position(state, position)
        else:
            self._note_word(state)

    def _note_word(self, state: Any) -> None:
        words = {self.config[f"state_{word}"]: word for word in (OPENING, CLOSING, OPEN, CLOSED)}
        if state in words or state == NONE:
            self.note_movement(words.get(state))

    def _note_position(self, state: Any, position: Any) -> None:
        moving = {self.config["state_opening"]: OPENING, self.config["state_closing"]: CLOSING}
        if state == NONE:
            self.values["current_position"] = None
            return
        movement = moving.get(state)
        if movement is None or position != state:
            with contextlib.suppress(ValueError, TypeError):
                percent = min(max(to_percent(self._positions, float(position)), 0), 100)
                self.values["current_position"] = percent
                if movement is None and percent in (0, 100):
                    self.note_movement(None)
        if movement is not None:
            self.note_movement(movement)

    # Acting.

    def can(self, command: str) -> bool:
        """Whether it can open, close or stop."""
        if command == "stop":
            return self.config.get("payload_stop") is not None
        return "command_topic" in self.config and self.config[f"payload_{command}"] is not None

    def open_valve(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message of "open", which is a number if the valve has positions."""
        self._move(plan, "payload_open", OPEN, 100)

    def close_valve(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message of "close", which is a number if the valve has positions."""
        self._move(plan, "payload_close", CLOSED, 0)

    def stop_valve(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message of "stop"."""
        payload = self.command("command_template", self.config["payload_stop"])
        self.publish(plan, "command_topic", payload)

    def toggle_valve(self, plan: ServicePlan, data: ServiceData) -> None:
        """Open, close or stop."""
        now = self.value
        if self.can("stop") and now in (OPENING, CLOSING):
            self.stop_valve(plan, data)
        elif now != CLOSED and self.values.get("last_went_up", True):
            self.close_valve(plan, data)
        else:
            self.open_valve(plan, data)

    def set_position(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with the wished position, in per cent open."""
        percent = data["position"]
        value = round(from_percent(self._positions, percent))
        variables = {
            "position": percent,
            "position_open": self.config["position_open"],
            "position_closed": self.config["position_closed"],
        }
        payload = self.command("command_template", value, **variables)
        self.publish(plan, "command_topic", payload)
        if self.is_assumed:
            plan.assumed |= {"movement": None, "current_position": percent}

    def _move(self, plan: ServicePlan, payload: str, movement: str, position: int) -> None:
        if self.config["reports_position"]:
            self.set_position(plan, {"position": position})
            return
        sent = self.command("command_template", self.config[payload])
        self.publish(plan, "command_topic", sent)
        if self.is_assumed:
            plan.assumed["movement"] = movement

    SERVICES: ClassVar[Mapping[str, Service]] = {
        "valve.open_valve": Service(open_valve, supported=lambda valve: valve.can("open")),
        "valve.close_valve": Service(close_valve, supported=lambda valve: valve.can("close")),
        "valve.stop_valve": Service(stop_valve, supported=lambda valve: valve.can("stop")),
        "valve.toggle": Service(
            toggle_valve, supported=lambda valve: valve.can("open") and valve.can("close")
        ),
        "valve.set_valve_position": Service(
            set_position,
            {"position": ranged(integer, 0, 100)},
            ("position",),
            lambda valve: valve.config["reports_position"],
        ),
    }
