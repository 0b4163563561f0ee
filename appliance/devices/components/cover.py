"""Covers (blinds, shutters, garage doors): open, close, stop, position and tilt."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from appliance.devices.components.light_base import ranged
from appliance.devices.config_fields import (
    COMMON,
    Fields,
    boolean,
    device_class,
    integer,
    optional,
    strict_integer,
    text,
    text_or_none,
    topics_and_templates,
)
from appliance.devices.entity import NONE, DeviceEntity, Service, ServiceData, ServicePlan
from appliance.devices.scaling import from_percent, to_percent
from appliance.errors import UNREADABLE_JSON, DeviceConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

OPEN, OPENING, CLOSED, CLOSING = "open", "opening", "closed", "closing"

COVER_CLASSES = frozenset(
    {
        *("awning", "blind", "curtain", "damper", "door", "garage", "gate"),
        *("shade", "shutter", "window"),
    }
)

NEEDED_TOGETHER = (
    ("set_position_topic", "position_topic"),
    ("value_template", "state_topic"),
    ("position_template", "position_topic"),
    ("set_position_template", "set_position_topic"),
    ("tilt_command_template", "tilt_command_topic"),
    ("tilt_status_template", "tilt_status_topic"),
)
"""Pairs of keys of which the first needs the second."""


class MovingEntity(DeviceEntity):
    """A device that is open, closed or moving."""

    @property
    def value(self) -> Any:
        """Open, opening, closed or closing."""
        return self.values.get("movement")

    def note_movement(self, movement: str | None) -> None:
        """Note its position or direction."""
        self.values["movement"] = movement
        if movement in (OPENING, CLOSING):
            self.values["last_went_up"] = movement == OPENING

    def toggled(self, *, can_stop: bool, position: int | None) -> str:
        """The meaning of "toggle" now: open, close or stop."""
        now = self.value
        if can_stop and now in (OPENING, CLOSING):
            return "stop"
        if now in (CLOSED, CLOSING):
            return "open"
        if position == 100 or now == OPENING:  # noqa: PLR2004
            return "close"
        return "close" if self.values.get("last_went_up", True) else "open"


class Cover(MovingEntity):
    """A cover."""

    component = "cover"
    default_name = "MQTT Cover"
    FIELDS: ClassVar[Fields] = {
        **COMMON,
        **topics_and_templates(
            *("command_topic", "state_topic", "value_template", "position_topic"),
            *("position_template", "set_position_template", "tilt_command_topic"),
            *("tilt_command_template", "tilt_status_topic", "tilt_status_template"),
        ),
        "set_position_topic": topics_and_templates("x_command_topic")["x_command_topic"],
        "device_class": optional(device_class(COVER_CLASSES)),
        "optimistic": optional(boolean, default=False),
        "payload_open": optional(text_or_none, "OPEN"),
        "payload_close": optional(text_or_none, "CLOSE"),
        "payload_stop": optional(text_or_none, "STOP"),
        "payload_stop_tilt": optional(text_or_none, "STOP"),
        "position_open": optional(strict_integer, 100),
        "position_closed": optional(strict_integer, 0),
        "state_open": optional(text, OPEN),
        "state_opening": optional(text, OPENING),
        "state_closed": optional(text, CLOSED),
        "state_closing": optional(text, CLOSING),
        "state_stopped": optional(text, "stopped"),
        "tilt_min": optional(strict_integer, 0),
        "tilt_max": optional(strict_integer, 100),
        "tilt_opened_value": optional(strict_integer, 100),
        "tilt_closed_value": optional(strict_integer, 0),
        "tilt_optimistic": optional(boolean, default=False),
    }

    def check(self, config: dict[str, Any]) -> dict[str, Any]:
        for name, needed in NEEDED_TOGETHER:
            if name in config and needed not in config:
                raise DeviceConfigError(f"{name} needs {needed}")
        return config

    def listen(self) -> None:
        self.on("position_topic", self._position)
        self.on("state_topic", self._state)
        self.on("tilt_status_topic", self._tilt)

    @property
    def attributes(self) -> dict[str, Any]:
        names = ("current_position", "current_tilt_position")
        shown = {name: self.values[name] for name in names if name in self.values}
        if self.device_class:
            shown["device_class"] = self.device_class
        if self.is_assumed:
            shown["assumed_state"] = True
        return shown

    @property
    def is_assumed(self) -> bool:
        reports = {"position_topic", "state_topic", "tilt_status_topic"}
        return bool(self.config["optimistic"]) or not reports & self.config.keys()

    @property
    def _positions(self) -> tuple[int, int]:
        return self.config["position_closed"] + 1, self.config["position_open"]

    @property
    def _tilts(self) -> tuple[int, int]:
        return self.config["tilt_min"] + 1, self.config["tilt_max"]

    def can(self, command: str) -> bool:
        """Whether it can open, close or stop by a command."""
        return "command_topic" in self.config and self.config[f"payload_{command}"] is not None

    # Reading.

    def _variables(self) -> dict[str, Any]:
        names = ("position_open", "position_closed", "tilt_min", "tilt_max")
        return {name: self.config[name] for name in names}

    def _state(self, payload: str) -> None:
        value = self.read("value_template", payload)
        words = {self.config[f"state_{word}"]: word for word in (OPENING, CLOSING, OPEN, CLOSED)}
        if not value:
            return
        if value == self.config["state_stopped"]:
            self.note_movement(self._where_it_stopped())
        elif value in words or value == NONE:
            self.note_movement(words.get(value))

    def _where_it_stopped(self) -> str:
        if "position_topic" in self.config:
            return CLOSED if self.values.get("current_position") == 0 else OPEN
        return CLOSED if self.value in (CLOSED, CLOSING) else OPEN

    def _position(self, payload: str) -> None:
        value = self.read("position_template", payload, **self._variables())
        if not value:
            return
        with contextlib.suppress(*UNREADABLE_JSON):
            said = msgspec.json.decode(value)
            if isinstance(said, dict):
                if "tilt_position" in said:
                    self._note_tilt(said["tilt_position"])
                value = said["position"]
        percent = to_percent(self._positions, float(value))
        self.values["current_position"] = min(100, max(0, percent))
        if "state_topic" not in self.config:
            self.note_movement(CLOSED if self.values["current_position"] == 0 else OPEN)

    def _tilt(self, payload: str) -> None:
        value = self.read("tilt_status_template", payload, **self._variables())
        if value:
            self._note_tilt(value)

    def _note_tilt(self, value: Any) -> None:
        tilt = round(float(value))
        low, high = sorted((self.config["tilt_min"], self.config["tilt_max"]))
        if low <= tilt <= high:
            self.values["current_tilt_position"] = to_percent(self._tilts, tilt)

    # Acting.

    def open_cover(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message of "open"."""
        self._move(plan, "payload_open", OPEN, 100)

    def close_cover(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message of "close"."""
        self._move(plan, "payload_close", CLOSED, 0)

    def stop_cover(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message of "stop"."""
        self.publish(plan, "command_topic", self.config["payload_stop"])

    def toggle_cover(self, plan: ServicePlan, data: ServiceData) -> None:
        """Open, close or stop."""
        position = self.values.get("current_position")
        what = self.toggled(can_stop=self.can("stop"), position=position)
        getattr(self, f"{what}_cover")(plan, data)

    def set_position(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with the wished position, in per cent open."""
        percent = data["position"]
        value = round(from_percent(self._positions, percent))
        variables = {**self._variables(), "position": percent}
        payload = self.command("set_position_template", value, **variables)
        self.publish(plan, "set_position_topic", payload)
        if self.is_assumed:
            closed = percent <= self.config["position_closed"]
            plan.assumed |= {"movement": CLOSED if closed else OPEN, "current_position": percent}

    def open_tilt(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message that opens the slats."""
        value = self.config["tilt_opened_value"]
        self._set_tilt(plan, value, value, to_percent(self._tilts, value))

    def close_tilt(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message that closes the slats."""
        value = self.config["tilt_closed_value"]
        self._set_tilt(plan, value, value, to_percent(self._tilts, value))

    def stop_tilt(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message that stops the slats."""
        self.publish(plan, "tilt_command_topic", self.config["payload_stop_tilt"])

    def toggle_tilt(self, plan: ServicePlan, data: ServiceData) -> None:
        """Open the slats if they are closed, otherwise close them."""
        now = self.values.get("current_tilt_position")
        closed = to_percent(self._tilts, self.config["tilt_closed_value"])
        (self.open_tilt if now is not None and now <= closed else self.close_tilt)(plan, data)

    def set_tilt(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with the wished tilt, in per cent open."""
        percent = data["tilt_position"]
        self._set_tilt(plan, round(from_percent(self._tilts, percent)), percent, percent)

    def _set_tilt(self, plan: ServicePlan, value: int, variable: int, percent: int) -> None:
        variables = {**self._variables(), "tilt_position": variable}
        payload = self.command("tilt_command_template", value, **variables)
        self.publish(plan, "tilt_command_topic", payload)
        if self.config["tilt_optimistic"] or "tilt_status_topic" not in self.config:
            plan.assumed["current_tilt_position"] = percent

    def _move(self, plan: ServicePlan, payload: str, movement: str, position: int) -> None:
        self.publish(plan, "command_topic", self.config[payload])
        if self.is_assumed:
            plan.assumed["movement"] = movement
            if "position_topic" in self.config:
                plan.assumed["current_position"] = position

    SERVICES: ClassVar[Mapping[str, Service]] = {
        "cover.open_cover": Service(open_cover, supported=lambda cover: cover.can("open")),
        "cover.close_cover": Service(close_cover, supported=lambda cover: cover.can("close")),
        "cover.stop_cover": Service(stop_cover, supported=lambda cover: cover.can("stop")),
        "cover.toggle": Service(
            toggle_cover, supported=lambda cover: cover.can("open") and cover.can("close")
        ),
        "cover.set_cover_position": Service(
            set_position,
            {"position": ranged(integer, 0, 100)},
            ("position",),
            lambda cover: "set_position_topic" in cover.config,
        ),
        **{
            f"cover.{name}": Service(
                plan, supported=lambda cover: "tilt_command_topic" in cover.config
            )
            for name, plan in (
                ("open_cover_tilt", open_tilt),
                ("close_cover_tilt", close_tilt),
                ("stop_cover_tilt", stop_tilt),
                ("toggle_cover_tilt", toggle_tilt),
            )
        },
        "cover.set_cover_tilt_position": Service(
            set_tilt,
            {"tilt_position": ranged(integer, 0, 100)},
            ("tilt_position",),
            lambda cover: "tilt_command_topic" in cover.config,
        ),
    }
