"""What is known of each slot and of a trial, kept over restarts in /persistent/slots."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from appliance_image import autoboot

if TYPE_CHECKING:
    from pathlib import Path

    from appliance_image.slots import Slot

HISTORY = 20
"""Updates that are remembered."""


@dataclass(frozen=True)
class Records:
    """Small JSON files; one that cannot be read counts as absent."""

    folder: Path

    def slot(self, slot: Slot) -> dict[str, Any]:
        """What was installed in the slot; `complete` is False from the first byte to the last."""
        return _read(self.folder / f"{slot}.json")

    def keep_slot(self, slot: Slot, facts: dict[str, Any]) -> None:
        self._write(f"{slot}.json", facts)

    def trial(self) -> dict[str, Any]:
        """The slot that is being tried, and what was wrong before it was; empty: none."""
        return _read(self.folder / "trial.json")

    def keep_trial(self, facts: dict[str, Any]) -> None:
        self._write("trial.json", facts)

    def end_trial(self, outcome: str, why: str, at: str) -> None:
        """Write down how it went."""
        entry = {**self.trial(), "outcome": outcome, "why": why, "ended_at": at}
        past = [*self.history(), entry][-HISTORY:]
        self._write("history.json", {"updates": past})
        (self.folder / "trial.json").unlink(missing_ok=True)

    def history(self) -> list[dict[str, Any]]:
        """How updates went, oldest first."""
        found = _read(self.folder / "history.json").get("updates", [])
        return found if isinstance(found, list) else []

    def _write(self, name: str, facts: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        autoboot.replace(self.folder / name, json.dumps(facts, indent=1).encode() + b"\n")


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
