"""The active signed bundle: the configuration keys that it may change, and its record."""

from __future__ import annotations

import copy
import tomllib
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from appliance.errors import UNREADABLE_JSON

if TYPE_CHECKING:
    from pathlib import Path

SECTIONS = frozenset(
    {"cascade", "devices", "language_model", "sentences", "speaking", "speech", "telemetry"}
    | {"timers", "wake_word"}
)
"""Tables that a bundle may contain. Only the owner of the board sets the microphone, servers, log,
broker and login, folders and the bundle key."""

NEVER = frozenset({"sentences.folder", "devices.file", "devices.discovery", "language_model.facts"})
"""Keys in those tables that a bundle may not contain. It brings its own files and does not decide
whether announced devices are controlled. Answers quote lines of the facts file, so with that key
the sender of a bundle could read every file that the service can read."""

SETTINGS, DEVICES, SENTENCES = "settings.toml", "devices.yaml", "sentences"

RECORD = "record.json"


class BundleRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the bundles on this board, kept in the state directory."""

    highest: int = 0
    """The highest serial number ever taken: an equal or lower one is refused."""
    serial: int = 0
    """Serial number of the active bundle; 0 for none."""
    previous: int = 0
    """Serial number of the bundle to restore if the active one fails; 0 for none."""
    state: Literal["none", "trial", "active", "taken_back"] = "none"
    """`taken_back` means that the newest bundle failed; `serial` is then the one before it."""
    starts: int = 0
    """Number of times the daemon was started during the trial."""
    reason: str = ""
    """Why the newest bundle failed."""
    digest: str = ""
    """SHA-256 of the newest bundle."""


def folder_of(state_directory: Path) -> Path:
    """The folder of the bundles and their record."""
    return state_directory / "fleet"


def contents_of(state_directory: Path, serial: int) -> Path:
    """The folder with the files of a bundle."""
    return folder_of(state_directory) / "bundles" / str(serial)


def read_record(state_directory: Path) -> BundleRecord:
    """Read the record; if it is damaged, take the highest serial number of the stored bundles."""
    folder = folder_of(state_directory)
    try:
        return msgspec.json.decode((folder / RECORD).read_bytes(), type=BundleRecord)
    except (OSError, *UNREADABLE_JSON):
        pass
    try:
        numbers = [int(one.name) for one in (folder / "bundles").iterdir() if one.name.isdecimal()]
    except OSError:
        numbers = []
    return BundleRecord(highest=max(numbers, default=0))


def refused_settings(settings: dict[str, Any]) -> list[str]:
    """One problem for each setting that a bundle may not contain."""
    problems = []
    for section, keys in settings.items():
        if section not in SECTIONS or not isinstance(keys, dict):
            problems.append(f"{section} may not be in a bundle")
            continue
        names = (f"{section}.{key}" for key in keys)
        problems += [f"{name} may not be in a bundle" for name in names if name in NEVER]
    return problems


def with_bundle(tables: dict[str, Any], contents: Path) -> dict[str, Any]:
    """The tables of config.toml with the changes of a bundle.

    Raises:
        OSError: a file of the bundle cannot be read.
        ValueError: its settings are not TOML, or contain a forbidden key.

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
