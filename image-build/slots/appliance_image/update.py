"""Write an update into the slot that does not run; try it, keep it, or go back."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import shutil
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from appliance_image import autoboot
from appliance_image.bundle import PARTS, PIECE, Manifest, Part, Update, age_of
from appliance_image.errors import Failed, Refused
from appliance_image.mounts import mounted, writable
from appliance_image.records import Records
from appliance_image.slots import LAYOUT, Places, Slot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from appliance_image.boards import Board


def now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def name_the_slot(partition: Path, slot: Slot) -> None:
    """Let the kernel's arguments in a freshly written boot partition be those of its slot."""
    with mounted(partition) as folder:
        shutil.copyfile(folder / f"cmdline.{slot}", folder / "cmdline.txt")


@dataclass
class Slots:
    """Both slots of the card."""

    places: Places
    board: Board
    tell: Callable[[str], None] = print
    name_the_slot: Callable[[Path, Slot], None] = name_the_slot

    def __post_init__(self) -> None:
        self.records = Records(self.places.records)

    @property
    def running(self) -> Slot:
        return self.places.running()

    @property
    def committed(self) -> Slot:
        return autoboot.committed_slot(self.places.autoboot)

    @property
    def on_trial(self) -> bool:
        """Whether what runs is only being tried."""
        return self.running is not self.committed

    def status(self) -> dict[str, Any]:
        """All that is known, for a person or as JSON."""
        facts = self.places.image_facts()
        return {
            "board": self.places.board(),
            "version": facts.get("version"),
            "built": facts.get("built"),
            "running": self.running,
            "committed": self.committed,
            "on_trial": self.on_trial,
            "other": self.records.slot(self.running.other) or {"as": "flashed"},
            "trial": self.records.trial() or None,
            "last_updates": self.records.history()[-3:],
        }

    def install(self, source: IO[bytes], *, allow_older: bool = False) -> Manifest:
        """Write an update into the other slot; what runs is not touched.

        Raises:
            Refused: it is not for this board or not in order; nothing that counts was changed.
            Failed: the card did not take it.

        """
        if self.on_trial:
            raise Refused(
                "What runs is only being tried, and the other slot is the one to go back to: "
                "first `appliance-slot commit` or `appliance-slot rollback`."
            )
        update = Update(source, self.places.key)
        slot = self.running.other
        self._suits(update.manifest, slot, allow_older=allow_older)
        facts = {"version": update.manifest.version, "built": update.manifest.built}
        self.records.keep_slot(slot, {**facts, "complete": False})
        for name, part, pieces in update.parts():
            partition = self._partition(name, slot)
            self.tell(f"{name}: {part.size >> 20} MB into slot {slot}")
            _write(partition, pieces)
            _read_back(partition, name, part)
        self.name_the_slot(self.places.boot(slot), slot)
        self.records.keep_slot(slot, {**facts, "complete": True, "installed_at": now()})
        self.tell(f"{update.manifest.version} is in slot {slot}; next: appliance-slot try")
        return update.manifest

    def try_other(self, known_errors: list[str]) -> None:
        """Restart into the other slot once; the board comes back to this one by itself.

        Raises:
            Refused: there is nothing whole to try.
            Failed: the board cannot.

        """
        slot = self.running.other
        record = self.records.slot(slot)
        if self.on_trial:
            raise Refused("What runs is being tried already.")
        if record and not record.get("complete"):
            raise Refused(f"Slot {slot} is not whole: an installation was broken off. Repeat it.")
        self.records.keep_trial(
            {
                "slot": slot,
                "version": record.get("version", "as flashed"),
                "from": self.places.image_facts().get("version"),
                "tried_at": now(),
                "known_errors": known_errors,
            }
        )
        self.tell(f"restarting into slot {slot}")
        try:
            self.board.restart_into_trial()
        except Failed as failure:  # else the next start would say that the update did not come up
            self.records.end_trial("not tried", str(failure), now())
            raise

    def commit(self, why: str = "by hand") -> None:
        """What runs is what is started from now on."""
        running = self.running
        try:
            needed = self.on_trial
        except Refused:  # autoboot.txt is damaged, and is written anew
            needed = True
        if needed:
            with writable(self.places.bootcfg):
                autoboot.commit(self.places.autoboot, running)
            self.records.end_trial("committed", why, now())
        self.tell(f"slot {running} is started from now on")

    def roll_back(self, why: str = "by hand", known_errors: Sequence[str] = ()) -> None:
        """Leave what is being tried; else try the version before, as `try` does."""
        if not self.on_trial:
            self.try_other(list(known_errors))
            return
        try:
            self.records.end_trial("rolled back", why, now())
        except OSError as failure:  # a full partition must not keep the bad slot running
            self.tell(f"it is not remembered: {failure}")
        self.tell(f"restarting into slot {self.committed}: {why}")
        self.board.restart()

    def notice_the_way_back(self) -> str | None:
        """After a start: whether a trial ended without having been kept, in a sentence."""
        trial = self.records.trial()
        if not trial or self.on_trial:
            return None
        if trial.get("slot") == self.running:
            self.records.end_trial("committed", "found committed", now())
            return None
        self.records.end_trial("rolled back", "it did not come up", now())
        return f"the update to {trial.get('version')} did not come up; {self.running} runs again"

    def _suits(self, manifest: Manifest, slot: Slot, *, allow_older: bool) -> None:
        board, facts = self.places.board(), self.places.image_facts()
        if board not in manifest.boards:
            fits = ", ".join(manifest.boards)
            raise Refused(f"This update is for {fits}; this board is {board or 'none of these'}.")
        if manifest.layout != LAYOUT:
            raise Refused(
                f"This update wants cards of layout {manifest.layout}, and this one has "
                f"{LAYOUT}: write its image to the card."
            )
        running = age_of(str(facts.get("version", "")), str(facts.get("built", "")))
        if manifest.age < running and not allow_older:
            raise Refused(
                f"This update ({manifest.version}, {manifest.built}) is older than what runs "
                f"({facts.get('version')}, {facts.get('built')}). If you mean it: --allow-older"
            )
        for name in PARTS:
            room, needed = _size(self._partition(name, slot)), manifest.parts[name].size
            if needed > room:
                raise Refused(f"{name} has {needed} bytes, its partition {room}: flash the card.")

    def _partition(self, name: str, slot: Slot) -> Path:
        return self.places.boot(slot) if name == "boot.img" else self.places.system(slot)


def _size(partition: Path) -> int:
    try:
        with partition.open("rb") as file:
            return file.seek(0, os.SEEK_END)
    except OSError as error:
        raise Refused(f"{partition} is not there: {error.strerror}") from error


def _write(partition: Path, pieces: Iterator[bytes]) -> None:
    """The pieces one after the other; a device file is never made longer or shorter.

    Its first piece goes last: until the content is whole, nothing takes it for a file system.
    """
    try:
        with partition.open("r+b", buffering=0) as file:
            first = next(pieces, b"")
            file.write(bytes(len(first)))
            os.fsync(file.fileno())
            for piece in pieces:
                file.write(piece)
            os.fsync(file.fileno())
            file.seek(0)
            file.write(first)
            os.fsync(file.fileno())
    except OSError as error:
        raise Failed(f"{partition} cannot be written: {error.strerror}") from error


def _read_back(partition: Path, name: str, part: Part) -> None:
    """Compare what the card holds, not what memory remembers of it."""
    digest, left = hashlib.sha256(), part.size
    with partition.open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, part.size, os.POSIX_FADV_DONTNEED)
        while left and (piece := file.read(min(PIECE, left))):
            digest.update(piece)
            left -= len(piece)
    if digest.hexdigest() != part.sha256:
        raise Failed(f"{name} reads back otherwise than it was written: the card is failing.")
