"""Checks of the owner's file of devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.devices.discovered_entities import DiscoveryRules
from appliance.devices.owner_file import load_owner_file
from appliance.doctor.check_result import CheckContext, CheckResult, error, ok, warning
from appliance.errors import DeviceConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator


def devices_file(context: CheckContext) -> Iterator[CheckResult]:
    """Whether the owner's file of devices can be used; nothing is said if there is none."""
    config = context.config
    path = config.devices_file
    if path is None:
        return
    try:
        owner = load_owner_file(path, DiscoveryRules.of(config))
    except DeviceConfigError as failure:
        yield error("devices file", str(failure))
        return
    found = f"{path}: {len(owner.devices)} entries, {len(owner.own)} devices of its own"
    if config.devices.discovery == "off":
        yield warning(
            "devices file",
            f'{found}; not read while devices.discovery is "off"',
            'set devices.discovery to "read" or "act"',
        )
        return
    yield ok("devices file", found)
