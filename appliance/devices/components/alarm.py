"""Alarm control panels: arm, disarm, trigger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from appliance.devices.config_fields import (
    COMMON,
    Fields,
    boolean,
    optional,
    publish_topic,
    required,
    subscribe_topic,
    template,
    text,
    texts,
)
from appliance.devices.entity import NONE, DeviceEntity, Service, ServiceData, ServicePlan
from appliance.devices.template import DeviceTemplate
from appliance.errors import ServiceRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

ARMED = ("home", "away", "night", "vacation", "custom_bypass")
ALARM_STATES = (
    *("disarmed", "pending", "arming", "disarming", "triggered"),
    *(f"armed_{kind}" for kind in ARMED),
)
FEATURES = (*(f"arm_{kind}" for kind in ARMED), "trigger")
REMOTE_CODES = ("REMOTE_CODE", "REMOTE_CODE_TEXT")
"""Codes with which the device checks what was entered."""


def _features(value: Any) -> list[str]:
    given = texts(value)
    if set(given) - set(FEATURES):
        raise ValueError(f"must be some of {', '.join(FEATURES)}")
    return given


def _arm_service(kind: str) -> Service:
    def plan_arm(panel: AlarmControlPanel, plan: ServicePlan, data: ServiceData) -> None:
        panel.act(plan, data, panel.config[f"payload_arm_{kind}"], "arm")

    return Service(
        plan_arm,
        {"code": text},
        supported=lambda panel: f"arm_{kind}" in panel.config["supported_features"],
    )


class AlarmControlPanel(DeviceEntity):
    """An alarm system."""

    component = "alarm_control_panel"
    default_name = "MQTT Alarm"
    FIELDS: ClassVar[Fields] = {
        **COMMON,
        "code": optional(text),
        "code_arm_required": optional(boolean, default=True),
        "code_disarm_required": optional(boolean, default=True),
        "code_trigger_required": optional(boolean, default=True),
        "command_template": optional(template, DeviceTemplate("{{ action }}")),
        "command_topic": required(publish_topic),
        **{f"payload_arm_{kind}": optional(text, f"ARM_{kind.upper()}") for kind in ARMED},
        "payload_disarm": optional(text, "DISARM"),
        "payload_trigger": optional(text, "TRIGGER"),
        "state_topic": required(subscribe_topic),
        "supported_features": optional(_features, list(FEATURES)),
        "value_template": optional(template),
    }

    def listen(self) -> None:
        self.on("state_topic", self._state)

    @property
    def value(self) -> Any:
        return self.values.get("alarm_state")

    def _state(self, payload: str) -> None:
        value = str(self.read("value_template", payload))
        if value == NONE:
            self.values["alarm_state"] = None
        elif value in ALARM_STATES:
            self.values["alarm_state"] = value

    def act(self, plan: ServicePlan, data: ServiceData, action: str, kind: str) -> None:
        """Add the message; a wrong code adds none."""
        code = data.get("code") or None
        needed = self.config[f"code_{kind}_required"]
        if kind == "arm" and needed and not code:
            raise ServiceRefused(f"{self.name} needs a code")
        if needed and not self._is_right(code):
            return
        payload = self.command("command_template", None, action=action, code=code)
        self.publish(plan, "command_topic", payload)

    def _is_right(self, code: str | None) -> bool:
        wanted = self.config.get("code")
        return wanted is None or code == wanted or (wanted in REMOTE_CODES and bool(code))

    def disarm(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message of "disarm"."""
        self.act(plan, data, self.config["payload_disarm"], "disarm")

    def trigger(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message of "trigger"."""
        self.act(plan, data, self.config["payload_trigger"], "trigger")

    SERVICES: ClassVar[Mapping[str, Service]] = {
        "alarm_control_panel.alarm_disarm": Service(disarm, {"code": text}),
        "alarm_control_panel.alarm_trigger": Service(
            trigger,
            {"code": text},
            supported=lambda panel: "trigger" in panel.config["supported_features"],
        ),
        **{
            f"alarm_control_panel.alarm_arm_{kind}": service
            for kind, service in zip(ARMED, map(_arm_service, ARMED), strict=True)
        },
    }
