"""Changes one entry of the owner's file of devices, and leaves every other line as it is."""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.devices.owner_file import DeviceEntry, OwnerFile, pattern_for, read_owner_file
from appliance.errors import DeviceConfigError, SentencesError
from appliance.pushed_bundle import folder_of
from appliance.sentences.marked_yaml import Document, end_of, is_mapping, node_of
from appliance.system import atomic_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from appliance.config import Config
    from appliance.devices.discovered_entities import DiscoveryRules
    from appliance.devices.entity import DeviceEntity

NEW_FILE_MODE = 0o640

MOST_ALIASES = 20
"""Further names of one device."""

BOM = "\ufeff"

BY_HAND = "it is written in a form that cannot be changed here: change it by hand"

Edit = tuple[int, int, str]
"""Beginning and end of a piece of text, and what takes its place."""

_one_at_a_time = threading.Lock()


def changeable_owner_file(config: Config) -> Path:
    """The path for `change_device`.

    Raises:
        DeviceConfigError: there is no file that may be changed, and why.

    """
    path = config.devices_file or config.page_devices_file
    if path.is_relative_to(folder_of(config.state_directory)):
        raise DeviceConfigError("the devices file came with a signed bundle: change it there")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise DeviceConfigError(
            f"the appliance may not write {path}. Move it to {config.page_devices_file}, let it "
            "belong to its user, and leave devices.file empty"
        )
    return path


def change_device(
    path: Path, entity: DeviceEntity, changes: Mapping[str, Any], rules: DiscoveryRules
) -> OwnerFile:
    """Set keys of the entry for one device: the only writer of the owner's file.

    The page calls it. The daemon reads the changed file within seconds. Comments, order and every
    other line stay. A device without an entry of its own gets one, which begins with its present
    settings.

    Args:
        path: of the file, which is made if there is none. `changeable_owner_file` finds it.
        entity: the device, as the registry has it.
        changes: by the keys of `DeviceEntry` but `device`; None is a key's default.
        rules: those of the registry.

    Returns:
        The new content of the file.

    Raises:
        DeviceConfigError: a value is not allowed; or the file has a mistake, cannot be written,
            or has a form that needs a person. Nothing is changed.

    """
    with _one_at_a_time:
        text, owner = _planned(path, entity, changes, rules)
        _write(path, text)
        return owner


def planned_change(
    path: Path, entity: DeviceEntity, changes: Mapping[str, Any], rules: DiscoveryRules
) -> OwnerFile:
    """The content that `change_device` would give the file; raises what it raises."""
    with _one_at_a_time:
        return _planned(path, entity, changes, rules)[1]


def _planned(
    path: Path, entity: DeviceEntity, changes: Mapping[str, Any], rules: DiscoveryRules
) -> tuple[str, OwnerFile]:
    text = _read(path)
    owner = read_owner_file(_document(path, text), rules)
    fitting = owner.entry_for(entity.component, entity.name)
    exact = (pattern_for(entity).casefold(), entity.name.casefold())
    if fitting is not None and fitting.device.casefold() in exact:
        at = owner.devices.index(fitting)
        wanted = _changed(fitting, changes)
        text = _with_keys(text, at, fitting, wanted)
        behind = at + 1
    else:
        at = behind = len(owner.devices) if fitting is None else owner.devices.index(fitting)
        former = msgspec.structs.replace(fitting or DeviceEntry(""), device=pattern_for(entity))
        wanted = _changed(former, changes)
        text = _with_entry(text, at, wanted)
    devices = [*owner.devices[:at], wanted, *owner.devices[behind:]]
    expected = msgspec.structs.replace(owner, devices=devices)
    if _meaning(path, text, rules) != expected:
        raise DeviceConfigError(f"{path}: {BY_HAND}")
    return text, expected


def _changed(entry: DeviceEntry, changes: Mapping[str, Any]) -> DeviceEntry:
    """The entry with the changes; checked."""
    if "device" in changes:
        raise DeviceConfigError("the name that a device was found under stays")
    merged = {**msgspec.to_builtins(entry), **changes}
    given = {key: value for key, value in merged.items() if value is not None}
    try:
        return msgspec.convert(given, DeviceEntry)
    except msgspec.ValidationError as error:
        raise DeviceConfigError(str(error).replace("$.", "")) from error


# The text.


def _with_keys(text: str, at: int, old: DeviceEntry, wanted: DeviceEntry) -> str:
    """The text with the keys of one entry that differ."""
    entry = _devices_in(node_of(text)).value[at]
    written = {key.value: value for key, value in entry.value}
    edits: list[Edit] = []
    fresh: list[str] = []
    for key in DeviceEntry.__struct_fields__:
        value = getattr(wanted, key)
        if value == getattr(old, key):
            continue
        if key in written:
            start, end = written[key].start_mark.index, end_of(written[key])
            space = " " if start == end else ""  # of `name:` with nothing behind it
            edits.append((start, end, f"{space}{json.dumps(value, ensure_ascii=False)}"))
        else:
            fresh.append(_pair(key, value))
    if fresh:
        edits.append(_insertion(text, entry, fresh))
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _insertion(text: str, entry: Any, pairs: list[str]) -> Edit:
    """The insertion of more keys: behind the last one, in the entry's style."""
    end = end_of(entry.value[-1][1])
    if entry.flow_style:
        return end, end, "".join(f", {pair}" for pair in pairs)
    end = _line_end(text, end)
    indent = " " * entry.value[0][0].start_mark.column
    return end, end, "".join(f"{_newline(text)}{indent}{pair}" for pair in pairs)


def _with_entry(text: str, at: int, entry: DeviceEntry) -> str:
    """The text with a new entry before the one that is number `at`, or as the last."""
    root = node_of(text)
    listed = None if root is None else _devices_in(root)
    if listed is None:
        if root is not None and root.flow_style:
            raise DeviceConfigError(BY_HAND)
        ended = text if not text or text.endswith("\n") else text + _newline(text)
        return ended + _lines(text, ["devices:", *_block(entry, "  ")])
    items = listed.value
    if listed.flow_style:
        start = items[at].start_mark.index if at < len(items) else end_of(listed) - 1
        before = ", " if items and at == len(items) else ""
        after = ", " if at < len(items) else ""
        return text[:start] + before + _flow(entry) + after + text[start:]
    block = _block(entry, " " * listed.start_mark.column)
    if at < len(items):
        start = _above_comments(text, items[at].start_mark.index)
        return text[:start] + _lines(text, block) + text[start:]
    end = _line_end(text, end_of(listed))
    return text[:end] + "".join(f"{_newline(text)}{line}" for line in block) + text[end:]


def _devices_in(root: Any) -> Any:
    """The node of `devices:`; None if there is none."""
    if not is_mapping(root):
        return None
    return next((value for key, value in root.value if key.value == "devices"), None)


def _pairs(entry: DeviceEntry) -> Iterator[str]:
    for key, value in msgspec.to_builtins(entry).items():
        yield _pair(key, value)


def _pair(key: str, value: Any) -> str:
    # JSON in one line is YAML, and needs no rules about quotes.
    return f"{key}: {json.dumps(value, ensure_ascii=False)}"


def _block(entry: DeviceEntry, indent: str) -> list[str]:
    first, *more = _pairs(entry)
    return [f"{indent}- {first}", *(f"{indent}  {pair}" for pair in more)]


def _flow(entry: DeviceEntry) -> str:
    return "{" + ", ".join(_pairs(entry)) + "}"


def _lines(text: str, lines: list[str]) -> str:
    return "".join(f"{line}{_newline(text)}" for line in lines)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _line_end(text: str, index: int) -> int:
    """The index at which the line of a character ends."""
    end = text.find("\n", index)
    end = len(text) if end < 0 else end
    return end - 1 if text[index:end].endswith("\r") else end


def _above_comments(text: str, index: int) -> int:
    """The beginning of a character's line, or of the comments right above it."""
    start = text.rfind("\n", 0, index) + 1
    while start:
        above = text.rfind("\n", 0, start - 1) + 1
        if not text[above:start].lstrip().startswith("#"):
            break
        start = above
    return start


# The file.


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8").removeprefix(BOM)
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise DeviceConfigError(f"{path}: cannot be read: {error}") from error


def _document(path: Path, text: str) -> Document:
    try:
        return Document(str(path), text)
    except SentencesError as error:
        raise DeviceConfigError(str(error)) from error


def _meaning(path: Path, text: str, rules: DiscoveryRules) -> OwnerFile | None:
    """The content of the changed text; None if it cannot be read any more."""
    try:
        return read_owner_file(_document(path, text), rules)
    except DeviceConfigError:
        return None


def _write(path: Path, text: str) -> None:
    path = path.resolve()  # a link stays one
    try:
        if path.exists():
            atomic_file.rewrite(path, text.encode())
        else:
            atomic_file.replace(path, text.encode(), NEW_FILE_MODE)
    except OSError as error:
        raise DeviceConfigError(f"{path}: cannot be written: {error.strerror}") from error
