"""Reads the owner's file of devices: other names, rooms, what is hidden and what is allowed."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from appliance.errors import DeviceConfigError, SentencesError
from appliance.sentences.marked_yaml import Document

if TYPE_CHECKING:
    from pathlib import Path

SpokenName = Annotated[str, Meta(min_length=1, max_length=80)]


class DeviceEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the owner says of the devices that fit a pattern."""

    device: str
    """Name as it was found, or `component name`; * stands for anything."""
    name: SpokenName | None = None
    aliases: list[SpokenName] = []
    area: str | None = None
    floor: str | None = None
    hide: bool = False
    expose: bool | None = None
    """True: sayable although its kind is not by default (locks, garage doors, valves)."""
    never_by_voice: bool = False
    read_only: bool = False


class OwnDevice(msgspec.Struct, frozen=True):
    """A device that announces nothing: what its discovery message would be, and its room."""

    component: str
    config: dict[str, Any]
    area: str | None = None
    device: str | None = None
    """Identifies it if two have the same name; otherwise the name does."""


class OwnerFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of the owner's file."""

    areas: list[str] = []
    """Rooms: a device whose name begins or ends with one is in it."""
    devices: list[DeviceEntry] = []
    own: list[OwnDevice] = []
    """Devices with plain topics: Shelly, WLED, a program of one's own."""

    def entry_for(self, component: str, name: str) -> DeviceEntry | None:
        """The first entry whose pattern fits, in any case."""
        texts = (name.casefold(), f"{component} {name}".casefold())
        for entry in self.devices:
            pattern = entry.device.casefold()
            if any(fnmatch.fnmatchcase(text, pattern) for text in texts):
                return entry
        return None


def load_owner_file(path: Path | None) -> OwnerFile:
    """The owner's file; an empty one without a path.

    Raises:
        DeviceConfigError: it cannot be read, or has a mistake.

    """
    if path is None:
        return OwnerFile()
    try:
        return msgspec.convert(Document.read(path, str(path)).value or {}, OwnerFile)
    except SentencesError as error:
        raise DeviceConfigError(str(error)) from error
    except msgspec.ValidationError as error:
        raise DeviceConfigError(f"{path}: {error}") from error
