"""The mutes of the microphone, kept on disk so that a restart does not open it again."""

from __future__ import annotations

import enum
import logging
from typing import TYPE_CHECKING

import msgspec

from appliance.errors import UNREADABLE_JSON
from appliance.system import atomic_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

logger = logging.getLogger(__name__)

FILE = "muted.json"


class MutedBy(enum.StrEnum):
    """Where the microphone was muted. A mute can only be undone where it was made."""

    BUTTON = "button"
    REQUEST = "request"
    """`request/microphone`, over MQTT."""


class MuteState:
    """The active mutes. Any thread may read them; only one thread at a time may call `change`."""

    def __init__(self, directory: Path, *, has_button: bool) -> None:
        """Read the file. A mute by a button is dropped if the board has no button any more."""
        self._path = directory / FILE
        self._mutes = self._kept(has_button=has_button)

    @property
    def mutes(self) -> frozenset[MutedBy]:
        """The active mutes; empty if it is not muted."""
        return self._mutes

    def change(self, by: MutedBy, *, muted: bool) -> None:
        """Add or remove one mute. If it cannot be saved, it lasts until the next start."""
        self._mutes = self._mutes | {by} if muted else self._mutes - {by}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._mutes:
                atomic_file.replace(self._path, msgspec.json.encode(sorted(self._mutes)))
            else:
                atomic_file.remove(self._path)
        except OSError as error:
            logger.error("a restart will not keep the mute: %s", error)  # noqa: TRY400

    def _kept(self, *, has_button: bool) -> frozenset[MutedBy]:
        possible = frozenset(MutedBy) if has_button else frozenset({MutedBy.REQUEST})
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=list[MutedBy])
        except FileNotFoundError:
            return frozenset()
        except (OSError, *UNREADABLE_JSON) as error:
            # If the state is unknown, stay muted, so that nobody who believes it is muted is
            # overheard.
            logger.error("the microphone is muted, because %s: %s", self._path, error)  # noqa: TRY400
            return possible
        mutes = possible & frozenset(kept)
        if mutes:
            logger.warning("the microphone is muted since the last run, by: %s", _names(mutes))
        return mutes


def _names(mutes: Iterable[MutedBy]) -> str:
    return ", ".join(sorted(mutes))
