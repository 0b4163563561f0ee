"""The loudspeaker's volume, and whether it is muted; kept over a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from appliance.errors import JournalError
from appliance.values import encode

if TYPE_CHECKING:
    from appliance.dialogue.speech_output import SpeechOutput
    from appliance.journal.journal import Journal

KEY = "loudspeaker"
"""Key of the record in the journal."""


class _Kept(msgspec.Struct, frozen=True):
    level: float
    muted: bool
    order: str
    """Id of the job that set it."""


class LoudspeakerVolume:
    """The volume, set by voice or command; its first value is the configured one. Any thread."""

    def __init__(self, journal: Journal, speech: SpeechOutput) -> None:
        self._journal = journal
        self._speech = speech
        row = journal.records(KEY).get("")
        self._kept = _Kept(speech.volume, muted=False, order="")
        if row is not None:
            self._kept = msgspec.json.decode(row, type=_Kept)
            speech.use_volume(self._kept.level, muted=self._kept.muted)

    @property
    def level(self) -> float:
        """The volume, 0 to 1."""
        return self._kept.level

    def use(self, level: float, *, muted: bool, order: str) -> None:
        """Set it, unless the same order already did: a request may come again after a crash.

        Raises:
            JournalError: the disk refuses; it is set until the next start.

        """
        if order == self._kept.order:
            return
        self._kept = _Kept(round(min(1.0, max(0.0, level)), 2), muted, order)
        self._speech.use_volume(self._kept.level, muted=muted)
        try:
            self._journal.write_records({KEY: encode(self._kept)})
        except JournalError as error:
            raise JournalError(f"the volume is set until the next start only: {error}") from error
