"""Media players: only the owner's file declares them, as no discovery does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from appliance.devices.components.light_base import ranged
from appliance.devices.config_fields import (
    COMMANDED,
    Fields,
    boolean,
    number_from,
    optional,
    publish_topic,
    subscribe_topic,
    template,
    text,
)
from appliance.devices.entity import DeviceEntity, Service, ServiceData, ServicePlan
from appliance.errors import ServiceRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STATES = frozenset({"buffering", "idle", "off", "on", "paused", "playing", "standby"})

STEP = 0.1
"""Step of the volume, if none is said."""


def _sends(payload: str) -> Callable[[MediaPlayer, ServicePlan, ServiceData], None]:
    def send(player: MediaPlayer, plan: ServicePlan, _: ServiceData) -> None:
        player.publish(plan, "command_topic", player.config[payload])

    return send


def _has(key: str) -> Callable[[MediaPlayer], bool]:
    return lambda player: key in player.config


class MediaPlayer(DeviceEntity):
    """A radio, a television: plays, pauses, skips; its volume is 0 to 1."""

    component = "media_player"
    default_name = "Media player"
    FIELDS: ClassVar[Fields] = {
        **COMMANDED,
        "payload_play": optional(text, "PLAY"),
        "payload_pause": optional(text, "PAUSE"),
        "payload_next": optional(text),
        "payload_previous": optional(text),
        "payload_on": optional(text),
        "payload_off": optional(text),
        "payload_mute": optional(text),
        "payload_unmute": optional(text),
        "value_template": optional(template),
        "volume_command_topic": optional(publish_topic),
        "volume_command_template": optional(template),
        "volume_state_topic": optional(subscribe_topic),
        "volume_value_template": optional(template),
        "volume_scale": optional(number_from(1e-3), 100.0),
    }

    @property
    def value(self) -> Any:
        return self.values.get("state")

    @property
    def attributes(self) -> dict[str, Any]:
        assumed = {"assumed_state": True} if self.is_assumed else {}
        return {**assumed, "volume_level": self.values.get("volume_level")}

    def listen(self) -> None:
        self.on("state_topic", self._state)
        self.on("volume_state_topic", self._volume)

    def set_volume(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with a volume."""
        self._publish_volume(plan, data["volume_level"])

    def louder(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with a higher volume."""
        self._change_volume(plan, data.get("step", STEP))

    def quieter(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with a lower volume."""
        self._change_volume(plan, -data.get("step", STEP))

    def mute(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message that takes the sound away, or brings it back."""
        key = "payload_mute" if data["is_volume_muted"] else "payload_unmute"
        if key not in self.config:
            raise ServiceRefused(f"{self.name} has no {key}")
        self.publish(plan, "command_topic", self.config[key])

    def _change_volume(self, plan: ServicePlan, step: float) -> None:
        now = self.values.get("volume_level")
        if now is None:
            raise ServiceRefused(f"the volume of {self.name} is not known")
        self._publish_volume(plan, min(1.0, max(0.0, now + step)))

    def _publish_volume(self, plan: ServicePlan, level: float) -> None:
        scaled = round(level * self.config["volume_scale"], 3)
        value = int(scaled) if scaled.is_integer() else scaled
        self.publish(plan, "volume_command_topic", self.command("volume_command_template", value))
        if "volume_state_topic" not in self.config:
            plan.assumed["volume_level"] = level

    def _state(self, payload: str) -> None:
        state = str(self.read("value_template", payload)).strip().lower()
        if state in STATES:
            self.values["state"] = state

    def _volume(self, payload: str) -> None:
        level = float(self.read("volume_value_template", payload)) / self.config["volume_scale"]
        if math.isfinite(level):
            self.values["volume_level"] = min(1.0, max(0.0, level))

    SERVICES: ClassVar[Mapping[str, Service]] = {
        "media_player.turn_on": Service(_sends("payload_on"), supported=_has("payload_on")),
        "media_player.turn_off": Service(_sends("payload_off"), supported=_has("payload_off")),
        "media_player.media_play": Service(_sends("payload_play")),
        "media_player.media_pause": Service(_sends("payload_pause")),
        "media_player.media_next_track": Service(
            _sends("payload_next"), supported=_has("payload_next")
        ),
        "media_player.media_previous_track": Service(
            _sends("payload_previous"), supported=_has("payload_previous")
        ),
        "media_player.volume_set": Service(
            set_volume,
            {"volume_level": ranged(float, 0, 1)},
            required=("volume_level",),
            supported=_has("volume_command_topic"),
        ),
        "media_player.volume_up": Service(
            louder, {"step": ranged(float, 0, 1)}, supported=_has("volume_command_topic")
        ),
        "media_player.volume_down": Service(
            quieter, {"step": ranged(float, 0, 1)}, supported=_has("volume_command_topic")
        ),
        "media_player.volume_mute": Service(
            mute, {"is_volume_muted": boolean}, required=("is_volume_muted",)
        ),
    }
