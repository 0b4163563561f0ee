"""Builds what reads and commands devices, as far as `devices.discovery` allows."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from appliance.devices.device_messages import DeviceMessages
from appliance.devices.device_registry import DeviceRegistry
from appliance.devices.discovered_entities import DiscoveryRules
from appliance.devices.owner_file import load_owner_file
from appliance.errors import ConfigError, DeviceConfigError
from appliance.messages.announcement_record import AnnouncedDevice
from appliance.messages.topics import home_assistant_birth

if TYPE_CHECKING:
    from appliance.config import Config
    from appliance.devices.device_actions import DeviceActions

KEPT_DEVICES = "devices.json"
"""File in the state directory."""


def open_devices(config: Config) -> DeviceRegistry | None:
    """The registry of devices; None if discovery is off.

    Raises:
        ConfigError: the owner's file of devices has a mistake.

    """
    if config.devices.discovery == "off":
        return None
    own = frozenset({AnnouncedDevice.of(config).object_id})
    rules = dataclasses.replace(DiscoveryRules.of(config), own_identifiers=own)
    try:
        owner = load_owner_file(config.devices_file, rules)
    except DeviceConfigError as error:
        raise ConfigError([f"devices.file: {error}"]) from error
    return DeviceRegistry(rules, owner, config.state_directory / KEPT_DEVICES)


def device_messages(
    config: Config, registry: DeviceRegistry | None, actions: DeviceActions | None
) -> DeviceMessages | None:
    """The part of the MQTT thread for devices; None if discovery is off."""
    if registry is None or actions is None:
        return None
    acts = config.devices.discovery == "act"
    birth = home_assistant_birth(config.home_assistant.prefix) if acts else None
    return DeviceMessages(registry, actions, birth_topic=birth)
