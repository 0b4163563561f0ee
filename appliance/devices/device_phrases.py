"""Phrases about devices in each language, from `phrases/<language>.toml`."""

from __future__ import annotations

import functools
import importlib.resources
import tomllib

FALLBACK = "en"


@functools.cache
def _phrases(language: str) -> dict[str, str]:
    folder = importlib.resources.files("appliance.devices") / "phrases"
    file = folder / f"{language.partition('-')[0]}.toml"
    if not file.is_file():
        file = folder / f"{FALLBACK}.toml"
    return tomllib.loads(file.read_text("utf-8"))


def device_phrase(language: str, key: str, names: list[str] | None = None) -> str:
    """A phrase with the names of devices."""
    return _phrases(language)[key].format(name=", ".join(names or []))
