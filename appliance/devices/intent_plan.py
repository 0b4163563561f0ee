"""The requests of an intent to devices: its `actions`, or Home Assistant's services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.devices.declared_actions import read_steps, requested
from appliance.devices.entity import Publication
from appliance.devices.intent_services import ALL_BUT, SERVICES, ServiceCall, service_call
from appliance.devices.intent_targets import all_but, targets_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appliance.devices.discovered_entities import DiscoveryRules
    from appliance.devices.sayable_devices import SayableDevice
    from appliance.sentences.sentence_files import DeclaredIntent
    from appliance.values import Intent

Asked = Publication | tuple["SayableDevice", ServiceCall]
"""A message of the owner's, or a service of a device."""


def moves_devices(name: str) -> bool:
    """Whether an intent without `actions` moves devices."""
    return name in SERVICES or name in ALL_BUT


def has_actions(declared: DeclaredIntent | None) -> bool:
    """Whether the owner wrote what the intent does."""
    return declared is not None and bool(declared.actions)


def asked_of(
    intent: Intent,
    declared: DeclaredIntent | None,
    devices: Iterable[SayableDevice],
    rules: DiscoveryRules,
    *,
    text: str,
    language: str,
) -> list[Asked]:
    """The messages and services, in their order; empty if the intent is not about devices.

    Raises:
        ServiceRefused: something cannot be done, so that nothing should be.

    """
    if declared is not None and declared.actions:
        variables = {"slots": intent.slots, "text": text}
        steps = read_steps(declared.actions, rules)
        return requested(steps, variables, devices, rules, language)
    if not moves_devices(intent.name):
        return []
    name = ALL_BUT.get(intent.name, intent.name)
    find = all_but if intent.name in ALL_BUT else targets_of
    # What a kind of device cannot do is refused by the device, which names itself.
    return [
        (device, service_call(name, intent.slots, device.domain) or ServiceCall(name))
        for device in find(intent.name, intent.slots, devices, language)
    ]
