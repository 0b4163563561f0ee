"""The signed bundle in force: what it may change of the configuration, and the record of it."""

from __future__ import annotations

import copy
import tomllib
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

SECTIONS = frozenset(
    {"cascade", "devices", "language_model", "sentences", "speaking", "speech", "telemetry"}
    | {"timers", "wake_word"}
)
"""Tables that a bundle may have. What opens a microphone, a server or the log, the broker and its
login, the folders and the key itself stay with whoever has the board."""

NEVER = frozenset({"sentences.folder", "devices.file", "devices.discovery", "language_model.facts"})
"""Keys in those tables that it may not have: the bundle brings the files, and does not say whether
announced devices are acted on. Facts are lines of a file that answers repeat: with that key
whoever may send bundles could read every file that the service can."""

SETTINGS, DEVICES, SENTENCES = "settings.toml", "devices.yaml", "sentences"

RECORD = "record.json"


class BundleRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What became of bundles on this board; in the state directory."""

    highest: int = 0
    """The highest serial number ever taken: an equal or lower one is refused."""
    serial: int = 0
    """That of the bundle in force; 0 for none."""
    previous: int = 0
    """That of the bundle which comes back if this one fails; 0 for none."""
    state: Literal["none", "trial", "active", "taken_back"] = "none"
    """`taken_back` is said of the newest one; `serial` is then the one before."""
    starts: int = 0
    """How often the daemon was started on trial."""
    reason: str = ""
    """Why it was taken back."""
    digest: str = ""
    """SHA-256 of the newest one."""


def folder_of(state_directory: Path) -> Path:
    """Where bundles and their record are."""
    return state_directory / "fleet"


def contents_of(state_directory: Path, serial: int) -> Path:
    """Where the files of a bundle are."""
    return folder_of(state_directory) / "bundles" / str(serial)


def read_record(state_directory: Path) -> BundleRecord:
    """The record; after damage the highest number is that of the folders that are there."""
    folder = folder_of(state_directory)
    try:
        return msgspec.json.decode((folder / RECORD).read_bytes(), type=BundleRecord)
    except (OSError, msgspec.MsgspecError):
        pass
    try:
        numbers = [int(one.name) for one in (folder / "bundles").iterdir() if one.name.isdecimal()]
    except OSError:
        numbers = []
    return BundleRecord(highest=max(numbers, default=0))


def refused_settings(settings: dict[str, Any]) -> list[str]:
    """What a bundle's settings may not have."""
    problems = []
    for section, keys in settings.items():
        if section not in SECTIONS or not isinstance(keys, dict):
            problems.append(f"{section} may not be in a bundle")
            continue
        names = (f"{section}.{key}" for key in keys)
        problems += [f"{name} may not be in a bundle" for name in names if name in NEVER]
    return problems


def with_bundle(tables: dict[str, Any], contents: Path) -> dict[str, Any]:
    """The tables of config.toml with what a bundle changes.

    Raises:
        OSError: a file of it cannot be read.
        ValueError: its settings are not TOML, or have what they may not have.

    """
    changed = copy.deepcopy(tables)
    if (contents / SETTINGS).exists():
        settings = tomllib.loads((contents / SETTINGS).read_text(encoding="utf-8"))
        if problems := refused_settings(settings):
            raise ValueError("; ".join(problems))
        for section, keys in settings.items():
            changed[section] = {**changed.get(section, {}), **keys}
    if (contents / SENTENCES).is_dir():
        changed["sentences"] = {
            **changed.get("sentences", {}),
            "folder": str(contents / SENTENCES),
        }
    if (contents / DEVICES).exists():
        changed["devices"] = {**changed.get("devices", {}), "file": str(contents / DEVICES)}
    return changed
