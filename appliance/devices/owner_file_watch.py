"""Notices that the owner's file of devices has changed; a mistake in it changes nothing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from appliance.devices.owner_file import load_owner_file
from appliance.errors import DeviceConfigError
from appliance.sentences.file_watch import FileWatch

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.devices.device_registry import DeviceRegistry

logger = logging.getLogger(__name__)


class OwnerFileWatch:
    """Belongs to the main thread; call `look` every few seconds."""

    def __init__(self, path: Path, registry: DeviceRegistry) -> None:
        """`registry` has read the file at `path` before, if it was there."""
        self._path = path
        self._registry = registry
        self._watch = FileWatch(path)
        self._is_first_look = True
        self._is_there = path.exists()
        """Whether it has been there: the page makes its file only at the first change."""
        self.problem = ""
        """The problem of the newest version, as `file:line: what`; empty if there is none."""

    def look(self) -> None:
        """Read the file again if it has changed and no program is still writing it."""
        if self._watch.has_changed() or self._is_first_look:
            # The first time, because it may have changed while everything else was built.
            self._is_first_look = False
            self.read()

    def read(self) -> None:
        """Read the file; the last good version stays active if this one cannot be used."""
        self._is_there = self._is_there or self._path.exists()
        if not self._is_there:
            return
        try:
            owner = load_owner_file(self._path, self._registry.rules)
        except DeviceConfigError as error:
            self.problem = str(error)
            logger.error("the devices file cannot be used, the old one counts: %s", error)  # noqa: TRY400
            return
        self.problem = ""
        if self._registry.replace_owner(owner):
            logger.info("the devices file has changed: %d entries", len(owner.devices))
