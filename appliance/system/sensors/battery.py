"""How full the battery is that feeds the board."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.system.sensors.sysfs import children, number, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FULL = 100.0


def of_the_board(root: Path) -> Iterator[Path]:
    """Its batteries; those of a mouse or a headset are not among them."""
    for supply in children(root / "sys/class/power_supply", ""):
        if text(supply / "type") == "Battery" and text(supply / "scope") != "Device":
            yield supply


def percent(root: Path) -> float | None:
    """Of the emptiest; None where there is none, or where it does not say."""
    found = [number(battery / "capacity") for battery in of_the_board(root)]
    return min((share for share in found if share is not None and 0 <= share <= FULL), default=None)
