"""Names and rooms: the devices that were found, and what the owner's file says of each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from appliance.devices.owner_file_edit import (
    MOST_ALIASES,
    change_device,
    changeable_owner_file,
)
from appliance.devices.sayable_devices import is_exposed, sayable_devices
from appliance.errors import DeviceConfigError
from appliance.page.access import Role
from appliance.page.page_request import PageError
from appliance.page.page_view import PageRoute

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.responses import Response

    from appliance.config import Config
    from appliance.devices.device_registry import DeviceRegistry
    from appliance.devices.owner_file import OwnerFile
    from appliance.devices.sayable_devices import SayableDevice
    from appliance.page.page_request import PageRequest

ON_ONE_PAGE = 20
"""Devices, each with its form; of more, a search shows those that are meant."""

LONGEST_SEARCH = 100

CONFIRMS = {"": None, "yes": True, "no": False}
"""Values of the field `confirm`; empty: as its kind needs."""


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device, as it is shown and as its form begins."""

    device: SayableDevice
    is_exposed: bool
    """Whether its kind can be said without being named in the file."""
    confirm: str


class DevicesView:
    """Its methods belong to the event loop of the HTTP server."""

    name = "devices"

    def __init__(self, config: Config, registry: DeviceRegistry | None) -> None:
        self._config = config
        self._registry = registry

    def routes(self) -> Sequence[PageRoute]:
        """Its addresses."""
        return [
            PageRoute("/devices", self._show),
            PageRoute("/devices/change", self._change, "POST", Role.OWNER),
        ]

    async def _show(self, request: PageRequest) -> Response:
        search = request.http.query_params.get("search", "")[:LONGEST_SEARCH]
        found = await asyncio.to_thread(self._found, search)
        return request.page(
            "devices",
            search=search,
            rows=[_row(device) for device in found[:ON_ONE_PAGE]],
            more=max(0, len(found) - ON_ONE_PAGE),
            is_on=self._registry is not None,
            problems={} if self._registry is None else self._registry.problems,
            areas=self._areas(),
            why_not=self._why_not(),
        )

    async def _change(self, request: PageRequest) -> Response:
        form = await request.form()
        device = await asyncio.to_thread(self._changed, form)
        return request.part(
            "devices_row", row=_row(device), areas=self._areas(), why_not="", saved=True
        )

    def _found(self, search: str) -> list[SayableDevice]:
        """The devices with the words in name, room or kind, by room; those without one last."""
        devices = [] if self._registry is None else self._registry.devices
        words = search.casefold().split()
        found = [one for one in devices if all(word in _text(one) for word in words)]
        return sorted(found, key=lambda one: (one.area is None, one.area or "", one.name))

    def _changed(self, form: Mapping[str, str]) -> SayableDevice:
        """Write the file; the device as it is from now on.

        Raises:
            PageError: it is not there any more.
            DeviceConfigError: it cannot be written, or must not say this.

        """
        devices = [] if self._registry is None else self._registry.devices
        key = form.get("key", "")
        device = next((one for one in devices if one.entity.key == key), None)
        if self._registry is None or device is None:
            raise PageError(404, "this device is not there any more; load the page again")
        path = changeable_owner_file(self._config)
        changes = _changes(form, device)
        owner: OwnerFile = change_device(path, device.entity, changes, self._registry.rules)
        entities = [one.entity for one in devices]
        return next(one for one in sayable_devices(entities, owner) if one.entity.key == key)

    def _areas(self) -> list[str]:
        if self._registry is None:
            return []
        found = {one.area for one in self._registry.devices if one.area}
        return sorted(found | set(self._registry.owner.areas))

    def _why_not(self) -> str:
        """Why nothing can be changed; empty if it can."""
        try:
            changeable_owner_file(self._config)
        except DeviceConfigError as error:
            return str(error)
        return ""


def _changes(form: Mapping[str, str], device: SayableDevice) -> dict[str, Any]:
    """The values of the form, by the keys of the file; None is a key's default."""
    aliases = [alias for one in form.get("aliases", "").split(",") if (alias := one.strip())]
    if len(aliases) > MOST_ALIASES:
        raise PageError(422, f"a device has at most {MOST_ALIASES} other names")
    if (confirm := form.get("confirm", "")) not in CONFIRMS:
        raise PageError(422, "confirm is yes, no or empty")
    changes: dict[str, Any] = {
        "name": form.get("name", "").strip() or None,
        "aliases": aliases,
        "area": form.get("area", "").strip() or None,
        "hide": form.get("hide") == "yes",
        "confirm": CONFIRMS[confirm],
        "never_by_voice": form.get("never_by_voice") == "yes",
        "read_only": form.get("read_only") == "yes",
    }
    if not is_exposed(device.entity):
        changes["expose"] = True if form.get("expose") == "yes" else None
    return changes


def _row(device: SayableDevice) -> DeviceRow:
    confirm = next(word for word, value in CONFIRMS.items() if value is device.entry.confirm)
    return DeviceRow(device, is_exposed(device.entity), confirm)


def _text(device: SayableDevice) -> str:
    """The text in which a search looks."""
    parts = (device.entity.name, *device.names, device.area or "", device.domain)
    return " ".join(parts).casefold()
