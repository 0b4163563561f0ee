"""The parts of one command: the messages to each device, and its state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.devices.intent_services import ServiceCall, can_confirm, is_reached, shows_in_state
from appliance.messages.action_payloads import ActionState, ActionTarget

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appliance.devices.entity import DeviceEntity, Publication
    from appliance.devices.sayable_devices import SayableDevice

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

    @property
    def topics(self) -> list[str]:
        """The topics of its messages."""
        return [message.topic for message in self.messages]

    def note_states(self, entities: Iterable[DeviceEntity], *, retained: bool) -> None:
        """Check whether the reports of these entities confirm the command.

        What the broker had stored does not.
        """
        entity = self.device.entity
        if retained or self.state is not ActionState.SENT:
            return
        if any(one.key == entity.key for one in entities) and is_reached(self.call, entity):
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

    @property
    def topics(self) -> list[str]:
        """Its topic, in a list."""
        return [self.name]

    def note_states(self, entities: Iterable[DeviceEntity], *, retained: bool) -> None:
        """Nothing confirms it."""

    def note_time(self, waited_s: float, confirm_s: float) -> None:
        """Nothing is waited for."""

    def note_sent(self) -> None:
        """Nothing is assumed."""

    @property
    def report(self) -> ActionTarget:
        """As it is published."""
        return ActionTarget(name=self.name, state=self.state)


class KeptTarget(msgspec.Struct, frozen=True):
    """One device of a command, or one message, as it is kept."""

    name: str
    state: ActionState
    topics: list[str]
    area: str | None = None
    entity: str | None = None
    """Key of the entity; None if nothing reports what became of the command."""
    service: str = ""
    data: dict[str, Any] = {}


@dataclass(slots=True)
class RestoredTarget:
    """One device of a command from before a restart."""

    kept: KeptTarget
    state: ActionState

    @property
    def name(self) -> str:
        """The spoken name of the device, or the topic."""
        return self.kept.name

    @property
    def topics(self) -> list[str]:
        """The topics of its messages."""
        return self.kept.topics

    @property
    def waits(self) -> bool:
        """Whether the device may still report."""
        return self.state is ActionState.SENT and self.kept.entity is not None

    def note_states(self, entities: Iterable[DeviceEntity], *, retained: bool) -> None:
        """Check whether reports show that it was done.

        What the broker had stored counts, too: nobody heard what the device said meanwhile. But
        after "toggle", for example, a stored state shows nothing.
        """
        call = ServiceCall(self.kept.service, self.kept.data)
        if not self.waits or (retained and not shows_in_state(call)):
            return
        if any(one.key == self.kept.entity and is_reached(call, one) for one in entities):
            self.state = ActionState.CONFIRMED

    def note_time(self, waited_s: float, confirm_s: float) -> None:
        """Give up if the device has not reported for too long."""
        if self.waits and waited_s > confirm_s:
            self.state = ActionState.UNCONFIRMED

    def note_sent(self) -> None:
        """Nothing is assumed."""

    @property
    def report(self) -> ActionTarget:
        """As it is published."""
        return ActionTarget(name=self.kept.name, area=self.kept.area, state=self.state)


Planned = PlannedTarget | PlannedMessage
"""A part of a command that is carried out now."""

Watched = Planned | RestoredTarget


class ActionOrigin(msgspec.Struct, frozen=True):
    """What a command was, as far as its reports need it."""

    id: str
    """The id of the result."""
    command_id: str
    intent: str
    language: str
    part: int | None = None
    """Which of the result's `intents`, from 1; None if there is one."""
    was_spoken: bool = False


@dataclass(slots=True)
class WatchedAction:
    """A command whose outcome is not known yet."""

    origin: ActionOrigin
    targets: list[Watched]
    began: float | None
    """By the monotonic clock; None until there is a connection after a restart."""
    is_delivered: bool = False
    """Whether the broker has taken all messages of a command that no device reports on."""

    @property
    def waits(self) -> bool:
        """Whether a device may still report."""
        return any(target.waits for target in self.targets)

    @property
    def outcome(self) -> ActionState:
        """The worst that became of a target; `sent` if no device can say more."""
        found = {target.state for target in self.targets}
        order = (ActionState.UNCONFIRMED, ActionState.CONFIRMED, ActionState.SENT)
        return next((state for state in order if state in found), ActionState.FAILED)
