"""Locks: lock, unlock and, if they have a latch, open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from appliance.devices.config_fields import (
    COMMANDED,
    Fields,
    optional,
    pattern,
    template,
    text,
)
from appliance.devices.entity import NONE, DeviceEntity, Service, ServiceData, ServicePlan
from appliance.errors import ServiceRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

STATES = ("locked", "unlocked", "locking", "unlocking", "open", "opening", "jammed")


class Lock(DeviceEntity):
    """A lock."""

    component = "lock"
    default_name = "MQTT Lock"
    FIELDS: ClassVar[Fields] = {
        **COMMANDED,
        "code_format": optional(pattern),
        "command_template": optional(template),
        "payload_lock": optional(text, "LOCK"),
        "payload_unlock": optional(text, "UNLOCK"),
        "payload_open": optional(text),
        "payload_reset": optional(text, NONE),
        **{f"state_{state}": optional(text, state.upper()) for state in STATES},
        "value_template": optional(template),
    }

    def setup(self) -> None:
        if self.is_assumed:
            self.values["lock_state"] = "unlocked"

    def listen(self) -> None:
        self.on("state_topic", self._state)

    @property
    def value(self) -> Any:
        return self.values.get("lock_state")

    @property
    def attributes(self) -> dict[str, Any]:
        return {"assumed_state": True} if self.is_assumed else {}

    def _state(self, payload: str) -> None:
        value = str(self.read("value_template", payload))
        words = {self.config[f"state_{state}"]: state for state in reversed(STATES)}
        if value == self.config["payload_reset"]:
            self.values["lock_state"] = None
        elif value.strip() and value in words:
            self.values["lock_state"] = words[value]

    def lock(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message of "lock"."""
        self._send(plan, data, "payload_lock", "locked")

    def unlock(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message of "unlock"."""
        self._send(plan, data, "payload_unlock", "unlocked")

    def unlatch(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message of "open"."""
        self._send(plan, data, "payload_open", "open")

    def _send(self, plan: ServicePlan, data: ServiceData, payload: str, state: str) -> None:
        code, wanted = data.get("code", ""), self.config.get("code_format")
        if wanted is not None and not wanted.match(code):
            raise ServiceRefused(f"{self.name} needs a code")
        sent = self.command("command_template", self.config[payload], code=code or None)
        self.publish(plan, "command_topic", sent)
        if self.is_assumed:
            plan.assumed["lock_state"] = state

    SERVICES: ClassVar[Mapping[str, Service]] = {
        "lock.lock": Service(lock, {"code": text}),
        "lock.unlock": Service(unlock, {"code": text}),
        "lock.open": Service(
            unlatch, {"code": text}, supported=lambda lock: "payload_open" in lock.config
        ),
    }
