"""Scales between per cent and the range of a device, with the roundings of Home Assistant."""

from __future__ import annotations

Range = tuple[float, float]
"""Lowest and highest value of the range; lower is "off"."""


def _states(of: Range) -> float:
    return of[1] - of[0] + 1


def to_percent(of: Range, value: float) -> int:
    """The percentage of a device's value, rounded down."""
    return int((value - (of[0] - 1)) * 100 // _states(of))


def from_percent(of: Range, percent: float) -> float:
    """The device's value for a percentage; the caller rounds."""
    return percent * _states(of) / 100 + of[0] - 1


def to_device_brightness(scale: int, brightness: int) -> float:
    """The device's value for a brightness of 0 to 255; the caller rounds."""
    return brightness * scale / 255


def from_device_brightness(scale: int, value: float) -> int:
    """The brightness of a device's value, 1 to 255."""
    return min(255, max(1, round(value * 255 / scale)))


def fahrenheit_of(celsius: float) -> float:
    """Degrees Fahrenheit."""
    return celsius * 1.8 + 32.0


def celsius_of(fahrenheit: float) -> float:
    """Degrees Celsius."""
    return (fahrenheit - 32.0) / 1.8
