"""The names of colours in services, with their red, green and blue."""

from __future__ import annotations

import functools
import importlib.resources
import tomllib

from appliance.errors import ServiceRefused


@functools.cache
def _names() -> dict[str, str]:
    file = importlib.resources.files("appliance.devices") / "colour_names.toml"
    found: dict[str, str] = tomllib.loads(file.read_text("utf-8"))["names"]
    return found


def rgb_of(name: str) -> tuple[int, int, int]:
    """Red, green and blue (0 to 255) of a CSS colour name, with or without spaces.

    Raises:
        ServiceRefused: there is no colour of this name.

    """
    code = _names().get(name.replace(" ", "").lower())
    if code is None:
        raise ServiceRefused(f"there is no colour {name!r}")
    red, green, blue = bytes.fromhex(code)
    return red, green, blue
