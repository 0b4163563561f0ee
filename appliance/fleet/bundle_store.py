"""Stores bundles on this board: write, start a trial, activate, roll back; each is atomic."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from typing import TYPE_CHECKING

import msgspec

from appliance.errors import BundleError
from appliance.pushed_bundle import RECORD, BundleRecord, contents_of, folder_of, read_record
from appliance.system import atomic_file

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.fleet.bundle import Bundle

logger = logging.getLogger(__name__)

MOST_STARTS = 3
"""Number of starts in a trial after which a bundle is rolled back; one may be a power cut."""


class BundleStore:
    """The bundles of a board. After an interrupted step, the old or the new bundle is active."""

    def __init__(self, state_directory: Path) -> None:
        self._state_directory = state_directory

    @property
    def record(self) -> BundleRecord:
        """The state of bundles."""
        return read_record(self._state_directory)

    def write(self, bundle: Bundle, signed: bytes) -> bool:
        """Write the files of a bundle; False if it is the newest one already.

        Raises:
            BundleError: its number is not higher than every earlier one, or it cannot be written.

        """
        record = self.record
        if record.digest == digest_of(signed) and record.state != "taken_back":
            return False
        if record.state == "trial":
            raise BundleError(f"the trial of bundle {record.serial} is not over; wait for its end")
        if bundle.serial <= record.highest:
            raise BundleError(
                f"bundle {bundle.serial} is not newer than {record.highest}, the highest one that "
                "this board has had; make it again with a higher number"
            )
        try:
            self._write_files(bundle)
        except OSError as error:
            raise BundleError(f"the bundle cannot be written: {error.strerror}") from error
        return True

    def refuse(self, bundle: Bundle, signed: bytes, reason: str) -> None:
        """Note that a bundle failed its check before it became active."""
        record = msgspec.structs.replace(
            self.record,
            highest=bundle.serial,
            state="taken_back",
            reason=reason,
            digest=digest_of(signed),
        )
        self._write_record(record)
        self._remove_others(record)

    def begin_trial(self, bundle: Bundle, signed: bytes) -> None:
        """Use this bundle from the next start on, for a trial."""
        before = self.record
        self._write_record(
            BundleRecord(
                highest=bundle.serial,
                serial=bundle.serial,
                previous=before.serial,
                state="trial",
                digest=digest_of(signed),
            )
        )

    def count_start(self) -> None:
        """Count a start in a trial, before anything of the bundle is read."""
        record = self.record
        if record.state != "trial":
            return
        if record.starts >= MOST_STARTS:
            self.take_back(f"the appliance did not stay up in {MOST_STARTS} starts")
        else:
            self._write_record(msgspec.structs.replace(record, starts=record.starts + 1))

    def confirm(self) -> None:
        """Activate the bundle after its trial."""
        record = msgspec.structs.replace(self.record, state="active", starts=0)
        self._write_record(record)
        self._remove_others(record)
        logger.info("bundle %d has passed its trial", record.serial)

    def take_back(self, reason: str) -> bool:
        """Roll back to the bundle before; False if there is no trial."""
        record = self.record
        if record.state != "trial":
            return False
        back = msgspec.structs.replace(
            record, serial=record.previous, previous=0, state="taken_back", starts=0, reason=reason
        )
        self._write_record(back)
        self._remove_others(back)
        logger.error("bundle %d was rolled back: %s", record.serial, reason)
        return True

    def _write_files(self, bundle: Bundle) -> None:
        contents = contents_of(self._state_directory, bundle.serial)
        shutil.rmtree(contents, ignore_errors=True)
        for name, text in bundle.files.items():
            path = contents / name
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic_file.replace(path, text.encode())
        for folder in (contents, contents.parent):
            number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(number)
            finally:
                os.close(number)

    def _write_record(self, record: BundleRecord) -> None:
        folder = folder_of(self._state_directory)
        folder.mkdir(parents=True, exist_ok=True)
        atomic_file.replace(folder / RECORD, msgspec.json.encode(record))

    def _remove_others(self, record: BundleRecord) -> None:
        """Delete the files of bundles that will not be used again."""
        bundles = contents_of(self._state_directory, record.serial).parent
        if bundles.is_dir():
            for one in bundles.iterdir():
                if one.name != str(record.serial):
                    shutil.rmtree(one, ignore_errors=True)


def digest_of(signed: bytes) -> str:
    """SHA-256 of the signed content."""
    return hashlib.sha256(signed).hexdigest()
