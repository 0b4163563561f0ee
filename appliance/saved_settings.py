"""Settings that the page saves beside a config.toml which it may not write: which, and where."""

from __future__ import annotations

import copy
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from appliance.errors import UNREADABLE_TOML
from appliance.pushed_bundle import NEVER, SECTIONS

if TYPE_CHECKING:
    from pathlib import Path

FILE = "settings.toml"
"""File in the state directory."""

MORE_KEYS = frozenset({"device.area", "device.language"})
"""Keys of other tables than those of a bundle."""

LARGEST_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class SavedSettings:
    """The content of the file."""

    tables: dict[str, dict[str, Any]]
    problem: str = ""
    """Why none of it counts; empty if it does."""

    @property
    def names(self) -> tuple[str, ...]:
        """The keys, such as `speech.model`."""
        return tuple(sorted(f"{name}.{key}" for name, keys in self.tables.items() for key in keys))


def file_of(state_directory: Path) -> Path:
    """The path of the file."""
    return state_directory / FILE


def may_be_saved(name: str) -> bool:
    """Whether the page may keep a key, such as `speech.model`, beside config.toml.

    It may keep what a signed bundle may contain, and the room and language. Only config.toml sets
    microphone, servers and who may reach them, broker, login, log, folders, and what is recorded.
    """
    return name in MORE_KEYS or (name.partition(".")[0] in SECTIONS and name not in NEVER)


def read(state_directory: Path) -> SavedSettings:
    """Read the file; empty if there is none. A damaged one counts as a whole or not at all."""
    path = file_of(state_directory)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return SavedSettings({})
    except OSError as error:
        return SavedSettings({}, f"{path}: cannot be read: {error.strerror}")
    try:
        return SavedSettings(tables_of(content.decode()))
    except ValueError as error:
        return SavedSettings({}, f"{path}: {error}")


def tables_of(text: str) -> dict[str, dict[str, Any]]:
    """The tables of the file's text.

    Raises:
        ValueError: it is not TOML, or has a key that may not be saved here.

    """
    if len(text) > LARGEST_BYTES:
        raise ValueError(f"more than {LARGEST_BYTES:,} characters")
    try:
        tables = tomllib.loads(text)
    except UNREADABLE_TOML as error:
        raise ValueError(f"not valid TOML: {error}") from error
    for section, keys in tables.items():
        if not isinstance(keys, dict):
            raise ValueError(f"{section} is set in config.toml only")  # noqa: TRY004  (the owner's)
        for key in keys:
            if not may_be_saved(f"{section}.{key}"):
                raise ValueError(f"{section}.{key} is set in config.toml only")
    return tables


def merged(tables: dict[str, Any], more: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The tables of config.toml, with the keys of others in place of theirs."""
    changed = copy.deepcopy(tables)
    for section, keys in more.items():
        changed[section] = {**changed.get(section, {}), **keys}
    return changed
