"""Sums, units and dates, computed exactly and without a model; pure."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

DECIMALS = 4
"""Digits after the decimal point in an answer; an answer with more is called rounded."""

ABSOLUTE_ZERO_C = Fraction(-27315, 100)

UNITS: Mapping[str, tuple[str, Fraction, Fraction]] = {
    "mm": ("length", Fraction(1, 1000), Fraction(0)),
    "cm": ("length", Fraction(1, 100), Fraction(0)),
    "m": ("length", Fraction(1), Fraction(0)),
    "km": ("length", Fraction(1000), Fraction(0)),
    "in": ("length", Fraction(254, 10_000), Fraction(0)),
    "ft": ("length", Fraction(3048, 10_000), Fraction(0)),
    "mi": ("length", Fraction(1_609_344, 1000), Fraction(0)),
    "g": ("mass", Fraction(1), Fraction(0)),
    "kg": ("mass", Fraction(1000), Fraction(0)),
    "oz": ("mass", Fraction(28_349_523_125, 1_000_000_000), Fraction(0)),
    "lb": ("mass", Fraction(45_359_237, 100_000), Fraction(0)),
    "ml": ("volume", Fraction(1, 1000), Fraction(0)),
    "l": ("volume", Fraction(1), Fraction(0)),
    "gal": ("volume", Fraction(3_785_411_784, 1_000_000_000), Fraction(0)),
    "s": ("time", Fraction(1), Fraction(0)),
    "min": ("time", Fraction(60), Fraction(0)),
    "h": ("time", Fraction(3600), Fraction(0)),
    "d": ("time", Fraction(86_400), Fraction(0)),
    "°C": ("temperature", Fraction(1), -ABSOLUTE_ZERO_C),
    "°F": ("temperature", Fraction(5, 9), -ABSOLUTE_ZERO_C - Fraction(160, 9)),
}
"""Quantity, factor and offset to the base unit (m, g, l, s, K), by symbol. The inch, the pound and
the US gallon are defined by these exact values (NIST Special Publication 811)."""


def calculate(left: Fraction, operation: str, right: Fraction) -> Fraction | None:
    """`left` and `right` by `plus`, `minus`, `times`, `divided` or `percent`.

    None for a division by zero. `percent` is `right` percent of `left`.
    """
    match operation:
        case "plus":
            return left + right
        case "minus":
            return left - right
        case "times":
            return left * right
        case "percent":
            return left * right / 100
    return None if right == 0 else left / right


def convert(value: Fraction, source: str, target: str) -> Fraction | None:
    """A value in another unit; None if the units measure different things, or are not known."""
    if source not in UNITS or target not in UNITS:
        return None
    (kind, factor, offset), (other, to_factor, to_offset) = UNITS[source], UNITS[target]
    if kind != other:
        return None
    return (value * factor + offset - to_offset) / to_factor


def days_until(today: date, month: int, day: int) -> int | None:
    """Days from `today` to the next such date, 0 if it is today; None if it is invalid."""
    for year in range(today.year, today.year + 9):  # from one 29 February to the next
        try:
            then = date(year, month, day)
        except ValueError:
            continue
        if then >= today:
            return (then - today).days
    return None


def written(value: Fraction, decimal_point: str) -> tuple[str, bool]:
    """A number in digits, and whether it had to be rounded."""
    scale = 10**DECIMALS
    scaled = round(value * scale)
    whole, rest = divmod(abs(scaled), scale)
    digits = f"{rest:0{DECIMALS}d}".rstrip("0")
    sign = "-" if scaled < 0 else ""
    text = f"{sign}{whole}{decimal_point}{digits}" if digits else f"{sign}{whole}"
    return text, value != Fraction(scaled, scale)
