"""Reads the owner's file of devices: other names, rooms, what is hidden and what is allowed."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from appliance.devices.discovered_entities import DiscoveredEntities, DiscoveryRules
from appliance.devices.discovery_message import declared_component
from appliance.errors import DeviceConfigError, SentencesError, UnsafeTemplate
from appliance.sentences.marked_yaml import Document

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from appliance.devices.discovery_message import ComponentMessage
    from appliance.devices.entity import DeviceEntity

OWN = "file"
"""First word of what identifies a device of the owner's file."""

SpokenName = Annotated[str, Meta(min_length=1, max_length=80)]


class DeviceEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The owner's settings for the devices that fit a pattern."""

    device: str
    """Name as it was found, or `component name`; * stands for anything."""
    name: SpokenName | None = None
    aliases: list[SpokenName] = []
    area: str | None = None
    floor: str | None = None
    hide: bool = False
    expose: bool | None = None
    """True: it can be named in sentences although its kind cannot by default (locks, garage doors,
    valves)."""
    confirm: bool | None = None
    """Whether a command must be answered with yes first; None: as its kind needs it."""
    never_by_voice: bool = False
    read_only: bool = False
    range: tuple[float, float] | None = None
    """Lowest and highest value of a Sparkplug metric that is written; None: those of its birth."""


class OwnDevice(msgspec.Struct, frozen=True):
    """A device that announces nothing: a discovery message for it, and its room."""

    component: str
    config: dict[str, Any]
    area: str | None = None
    device: str | None = None
    """Identifies it if two have the same name; otherwise the name does."""

    def message(self) -> ComponentMessage:
        """Its message, in the form of a discovery message.

        Raises:
            DeviceConfigError: there is no such component.

        """
        key = f"{OWN} {self.device or self.config.get('name', '')}"
        about = {"identifiers": [key], "suggested_area": self.area}
        device = {name: value for name, value in about.items() if value}
        return declared_component(self.component, key, {**self.config, "device": device})


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

    def unused_entries(self, entities: Iterable[DeviceEntity]) -> list[DeviceEntry]:
        """The entries that count for no device: misspelt, or behind one that fits the same."""
        used = [self.entry_for(entity.component, entity.name) for entity in entities]
        return [entry for entry in self.devices if not any(entry is one for one in used)]


def pattern_for(entity: DeviceEntity) -> str:
    """The `device:` of an entry that is for this entity's name and component alone."""
    return re.sub(r"([*?\[])", r"[\1]", f"{entity.component} {entity.name}")


def load_owner_file(path: Path | None, rules: DiscoveryRules) -> OwnerFile:
    """The owner's file; an empty one without a path.

    Raises:
        DeviceConfigError: it cannot be read, or has a mistake; as `file:line: what`.

    """
    if path is None:
        return OwnerFile()
    try:
        document = Document.read(path, str(path))
    except SentencesError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            # No empty one instead: with a wrong path, no lock would ask for a yes any more.
            raise DeviceConfigError(
                f"{path}: cannot be read, there is no such file; correct devices.file, or make "
                f"an empty one: touch {path}"
            ) from error
        raise DeviceConfigError(str(error)) from error
    return read_owner_file(document, rules)


def read_owner_file(document: Document, rules: DiscoveryRules) -> OwnerFile:
    """Read the file.

    Raises:
        DeviceConfigError: it has a mistake; as `file:line: what`.

    """
    for path, first in document.repeated:
        what = f"{path[-1]!r} stands here twice, first on line {first}"
        raise DeviceConfigError(f"{document.place(path)}: {what}")
    try:
        owner = msgspec.convert(document.value or {}, OwnerFile)
    except msgspec.ValidationError as error:
        what, _, at = str(error).partition(" - at ")
        raise DeviceConfigError(f"{document.place(_path_of(at))}: {what}") from error
    _check_own(owner, document, rules)
    return owner


def _check_own(owner: OwnerFile, document: Document, rules: DiscoveryRules) -> None:
    """Whether every device of the owner's own can be made."""
    found = DiscoveredEntities(rules)
    for index, own in enumerate(owner.own):
        place = document.place(("own", index))
        try:
            is_new = found.declare([own.message()])
        except (DeviceConfigError, UnsafeTemplate) as error:
            raise DeviceConfigError(f"{place}: {error}") from error
        if not is_new or len(found.entities) <= index:
            what = "another one has the same name; give each a `device:`"
            raise DeviceConfigError(f"{place}: {what}")


def _path_of(at: str) -> tuple[str | int, ...]:
    """The keys and indices of a path as msgspec writes it: `$.devices[2].area`."""
    parts = re.findall(r"\.(\w+)|\[(\d+)\]", at)
    return tuple(key or int(index) for key, index in parts)
