"""Keeps what was announced to Home Assistant, so that it can be removed later."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance.errors import UNREADABLE_JSON
from appliance.system import atomic_file

if TYPE_CHECKING:
    from appliance.config import Config

logger = logging.getLogger(__name__)

FILE = "home-assistant.json"
MACHINE_ID = Path("/etc/machine-id")

MOST_COMPONENTS = 1000
"""Maximum number of components kept, including removed ones; every discovery message lists them
all."""


class AnnouncedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """The device as Home Assistant knows it."""

    object_id: str
    """Derived from the first name. It survives a renaming, and so do the entities."""
    root: str
    """Root of its topics."""
    prefix: str
    """Discovery prefix."""
    machine: str
    """A hash of the machine's id: a copied card is another device."""
    components: dict[str, str] = {}
    """The platform of each entity and trigger that was ever announced."""

    @classmethod
    def of(cls, config: Config) -> AnnouncedDevice:
        """The saved device, otherwise a new one for the first announcement."""
        new = cls(
            object_id=f"appliance_{config.name}",
            root=config.root,
            prefix=config.home_assistant.prefix,
            machine=_machine(),
        )
        try:
            content = (config.state_directory / FILE).read_bytes()
            kept = msgspec.json.decode(content, type=cls)
        except FileNotFoundError:
            return new
        except (OSError, *UNREADABLE_JSON) as error:
            logger.warning("what Home Assistant was told before is not known: %s", error)
            return new
        return kept if kept.machine == new.machine else new

    def keep(self, directory: Path) -> None:
        """Save the device. If the disk refuses, a later change may leave old entities behind."""
        try:
            directory.mkdir(parents=True, exist_ok=True)
            atomic_file.replace(directory / FILE, msgspec.json.encode(self))
        except OSError as error:
            logger.warning("what Home Assistant is told is not kept: %s", error)


def _machine() -> str:
    content = b""
    with contextlib.suppress(OSError):
        content = MACHINE_ID.read_bytes()
    return hashlib.sha256(b"appliance" + content).hexdigest()[:16]
