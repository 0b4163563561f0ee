"""Builds what reads and commands devices, as far as `devices.discovery` allows."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.devices.device_messages import DeviceMessages
from appliance.devices.device_registry import DeviceRegistry
from appliance.devices.discovered_entities import DiscoveryRules
from appliance.devices.owner_file import load_owner_file
from appliance.errors import ConfigError, DeviceConfigError, UnsafeTemplate
from appliance.messages.announced_device import AnnouncedDevice
from appliance.messages.topics import home_assistant_birth

if TYPE_CHECKING:
    from appliance.config import Config
    from appliance.devices.device_actions import DeviceActions

KEPT_DEVICES = "devices.json"
"""In the state directory."""


def open_devices(config: Config) -> DeviceRegistry | None:
    """The registry of devices; None if discovery is off.

    Raises:
        ConfigError: the owner's file of devices has a mistake.

    """
    settings = config.devices
    if settings.discovery == "off":
        return None
    path = Path(settings.file).expanduser() if settings.file else None
    try:
        own = frozenset({AnnouncedDevice.of(config).object_id})
        return DeviceRegistry(
            dataclasses.replace(DiscoveryRules.of(config), own_identifiers=own),
            load_owner_file(path),
            config.state_directory / KEPT_DEVICES,
        )
    except (DeviceConfigError, UnsafeTemplate) as error:
        raise ConfigError([f"devices.file: {error}"]) from error


def device_messages(
    config: Config, registry: DeviceRegistry | None, actions: DeviceActions | None
) -> DeviceMessages | None:
    """What the MQTT thread does for devices; None if discovery is off."""
    if registry is None or actions is None:
        return None
    acts = config.devices.discovery == "act"
    birth = home_assistant_birth(config.home_assistant.prefix) if acts else None
    return DeviceMessages(registry, actions, birth_topic=birth)
