"""Charge of the battery that supplies the board."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.system.sensors.sysfs import children, number, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FULL = 100.0


def of_the_board(root: Path) -> Iterator[Path]:
    """The board's batteries, without those of a mouse or a headset."""
    for supply in children(root / "sys/class/power_supply", ""):
        if text(supply / "type") == "Battery" and text(supply / "scope") != "Device":
            yield supply


def percent(root: Path) -> float | None:
    """Charge of the emptiest battery in percent; None if there is none or it is unknown."""
    found = [number(battery / "capacity") for battery in of_the_board(root)]
    return min((share for share in found if share is not None and 0 <= share <= FULL), default=None)
