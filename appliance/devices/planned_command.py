"""The parts of one command: the messages to each device, and its state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from appliance.devices.intent_services import ServiceCall, can_confirm, is_reached
from appliance.messages.action_payloads import ActionState, ActionTarget

if TYPE_CHECKING:
    from appliance.devices.entity import Publication
    from appliance.devices.sayable_devices import SayableDevice
    from appliance.values import Result

ALREADY_SO_S = 1.0
"""Seconds after which a device that was already in the wished state counts as confirmed, because
many then report nothing."""


@dataclass(slots=True)
class PlannedTarget:
    """One device of a command, with its messages."""

    device: SayableDevice
    call: ServiceCall
    messages: list[Publication] = field(default_factory=list)
    assumed: dict[str, Any] = field(default_factory=dict)
    state: ActionState = ActionState.SENT
    was_so: bool = False
    """Whether the device was in the wished state already."""

    @property
    def name(self) -> str:
        """The spoken name of the device."""
        return self.device.name

    @property
    def waits(self) -> bool:
        """Whether the device may still report."""
        return self.state is ActionState.SENT and can_confirm(self.device.entity)

    def note_states(self, entity_keys: set[str]) -> None:
        """Check whether the reports of these entities confirm the command."""
        entity = self.device.entity
        waiting = self.state is ActionState.SENT and entity.key in entity_keys
        if waiting and is_reached(self.call, entity):
            self.state = ActionState.CONFIRMED

    def note_time(self, waited_s: float, confirm_s: float) -> None:
        """Give up if the device has not reported for too long."""
        if not self.waits:
            return
        if self.was_so and waited_s > ALREADY_SO_S:
            self.state = ActionState.CONFIRMED
        elif waited_s > confirm_s:
            self.state = ActionState.UNCONFIRMED

    def note_sent(self) -> None:
        """Assume the state of a device that reports none."""
        self.device.entity.values.update(self.assumed)

    @property
    def report(self) -> ActionTarget:
        """As it is published."""
        return ActionTarget(name=self.name, area=self.device.area, state=self.state)


@dataclass(slots=True)
class PlannedMessage:
    """A message on a topic of the owner's choice, whose effect is not reported."""

    messages: list[Publication]
    state: ActionState = ActionState.SENT
    waits: bool = False

    @property
    def name(self) -> str:
        """Its topic."""
        return self.messages[0].topic

    def note_states(self, entity_keys: set[str]) -> None:
        """Nothing confirms it."""

    def note_time(self, waited_s: float, confirm_s: float) -> None:
        """Nothing is waited for."""

    def note_sent(self) -> None:
        """Nothing is assumed."""

    @property
    def report(self) -> ActionTarget:
        """As it is published."""
        return ActionTarget(name=self.name, state=self.state)


Planned = PlannedTarget | PlannedMessage


@dataclass(slots=True)
class WatchedAction:
    """A command whose devices have not all reported yet."""

    result: Result
    targets: list[Planned]
    began: float

    @property
    def outcome(self) -> ActionState:
        """The worst that became of a target; `sent` if no device can say more."""
        found = {target.state for target in self.targets}
        order = (ActionState.UNCONFIRMED, ActionState.CONFIRMED, ActionState.SENT)
        return next((state for state in order if state in found), ActionState.FAILED)
