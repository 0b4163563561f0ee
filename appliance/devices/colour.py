"""Converts colours between the forms that lamps use, with the roundings of Home Assistant."""

from __future__ import annotations

import colorsys
import math

RGB = tuple[int, int, int]
HS = tuple[float, float]
XY = tuple[float, float]

WHITE_LIMITS_K = (1000, 40_000)
"""Range of the approximation of white, in kelvin."""


def mireds_of(kelvin: float) -> int:
    """Mireds (a million divided by kelvin), rounded down."""
    return math.floor(1_000_000 / kelvin)


def kelvin_of(mireds: float) -> int:
    """Kelvin, rounded down."""
    return math.floor(1_000_000 / mireds)


def rgb_to_hs(red: float, green: float, blue: float) -> HS:
    """Hue (0 to 360) and saturation (0 to 100), three decimals."""
    hue, saturation, _ = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    return round(hue * 360, 3), round(saturation * 100, 3)


def hs_to_rgb(hue: float, saturation: float, value: float = 100) -> RGB:
    """Red, green and blue (0 to 255); `value` is the brightness in percent."""
    red, green, blue = colorsys.hsv_to_rgb(hue / 360, saturation / 100, value / 100)
    return round(red * 255), round(green * 255), round(blue * 255)


def rgb_to_xy(red: float, green: float, blue: float) -> XY:
    """CIE 1931 xy with three decimals; wide-gamut RGB with white D65, as Philips publishes it."""
    if red + green + blue == 0:
        return 0.0, 0.0
    r, g, b = (_linear(channel / 255) for channel in (red, green, blue))
    x = r * 0.664511 + g * 0.154324 + b * 0.162028
    y = r * 0.283881 + g * 0.668433 + b * 0.047685
    z = r * 0.000088 + g * 0.072310 + b * 0.986039
    return round(x / (x + y + z), 3), round(y / (x + y + z), 3)


def xy_to_rgb(x: float, y: float) -> RGB:
    """Red, green and blue at full brightness: the inverse of `rgb_to_xy`."""
    y = y or 1e-11
    capital_x, capital_z = x / y, (1 - x - y) / y
    channels = (
        capital_x * 1.656492 - 0.354851 - capital_z * 0.255038,
        -capital_x * 0.707196 + 1.655397 + capital_z * 0.036152,
        capital_x * 0.051713 - 0.121364 + capital_z * 1.011530,
    )
    compressed = [max(0.0, _gamma(channel)) for channel in channels]
    most = max(1.0, *compressed)
    red, green, blue = (int(channel / most * 255) for channel in compressed)
    return red, green, blue


def xy_to_hs(x: float, y: float) -> HS:
    """Hue and saturation of a point in CIE 1931."""
    return rgb_to_hs(*xy_to_rgb(x, y))


def hs_to_xy(hue: float, saturation: float) -> XY:
    """CIE 1931 xy of hue and saturation."""
    return rgb_to_xy(*hs_to_rgb(hue, saturation))


def xy_to_kelvin(x: float, y: float) -> int:
    """Correlated colour temperature by McCamy's formula (1992)."""
    n = (x - 0.3320) / (0.1858 - y)
    return int(437 * n**3 + 3601 * n**2 + 6861 * n + 5517)


def kelvin_to_rgb(kelvin: float) -> tuple[float, float, float]:
    """White of a colour temperature, by T. Helland's approximation; 0 to 255 each."""
    lowest, highest = WHITE_LIMITS_K
    t = min(max(kelvin, lowest), highest) / 100
    warm = 66
    red = 255.0 if t <= warm else _clamped(329.698727446 * (t - 60) ** -0.1332047592)
    if t <= warm:
        green = _clamped(99.4708025861 * math.log(t) - 161.1195681661)
    else:
        green = _clamped(288.1221695283 * (t - 60) ** -0.0755148492)
    if t >= warm:
        blue = 255.0
    else:
        blue = 0.0 if t <= 19 else _clamped(138.5177312231 * math.log(t - 10) - 305.0447927307)  # noqa: PLR2004
    return red, green, blue


def kelvin_to_hs(kelvin: float) -> HS:
    """Hue and saturation of a white."""
    return rgb_to_hs(*kelvin_to_rgb(kelvin))


def rgb_to_rgbw(red: int, green: int, blue: int) -> tuple[int, ...]:
    """Move the common part of the channels to the white one."""
    white = min(red, green, blue)
    return _as_bright_as((red, green, blue), (red - white, green - white, blue - white, white))


def rgbw_to_rgb(red: int, green: int, blue: int, white: int) -> tuple[int, ...]:
    """Add white to each channel."""
    return _as_bright_as((red, green, blue, white), (red + white, green + white, blue + white))


def rgb_to_rgbww(rgb: RGB, coldest_k: int, warmest_k: int) -> tuple[int, ...]:
    """Move the colour's part of the middle white to cold and warm white."""
    coldest, warmest = mireds_of(coldest_k), mireds_of(warmest_k)
    white = kelvin_to_rgb(kelvin_of(coldest + (warmest - coldest) / 2))
    level = min(
        part / of_white if of_white else 0 for part, of_white in zip(rgb, white, strict=True)
    )
    rest = [part - of_white * level for part, of_white in zip(rgb, white, strict=True)]
    return _as_bright_as(rgb, (*rest, round(level * 255), round(level * 255)))


def rgbww_to_rgb(rgbww: tuple[int, ...], coldest_k: int, warmest_k: int) -> tuple[int, ...]:
    """Add the white of both white channels to each channel."""
    red, green, blue, cold, warm = rgbww
    coldest, warmest = mireds_of(coldest_k), mireds_of(warmest_k)
    share = warm / (cold + warm) if cold + warm else 0.5
    mireds = coldest + share * (warmest - coldest)
    white = kelvin_to_rgb(kelvin_of(mireds) if mireds else 0)
    level = max(cold, warm) / 255
    mixed = tuple(
        part + of_white * level for part, of_white in zip((red, green, blue), white, strict=True)
    )
    return _as_bright_as(rgbww, mixed)


def kelvin_to_rgbww(
    kelvin: int, brightness: int, coldest_k: int, warmest_k: int
) -> tuple[int, ...]:
    """Cold and warm white that together have this colour temperature."""
    coldest, warmest = mireds_of(coldest_k), mireds_of(warmest_k)
    cold = (warmest - mireds_of(kelvin)) / (warmest - coldest) * brightness
    return 0, 0, 0, round(cold), round(brightness - cold)


def _as_bright_as(given: tuple[int, ...], made: tuple[float, ...]) -> tuple[int, ...]:
    """Scale the made colour so that its largest channel is that of the given one."""
    factor = max(given) / max(made) if max(made) else 0.0
    return tuple(round(channel * factor) for channel in made)


def _linear(channel: float) -> float:
    return ((channel + 0.055) / 1.055) ** 2.4 if channel > 0.04045 else channel / 12.92  # noqa: PLR2004


def _gamma(channel: float) -> float:
    if channel <= 0.0031308:  # noqa: PLR2004
        return 12.92 * channel
    return float(1.055 * channel ** (1 / 2.4) - 0.055)


def _clamped(channel: float) -> float:
    return min(max(channel, 0.0), 255.0)
