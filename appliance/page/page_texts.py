"""The texts of the page in its languages, from `texts/<language>/`, one file for each view."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources

FALLBACK = "en"


@functools.cache
def languages() -> tuple[str, ...]:
    """The codes of the languages that the page has."""
    folder = resources.files(__package__) / "texts"
    return tuple(sorted(one.name for one in folder.iterdir() if one.is_dir()))


@functools.cache
def texts(language: str) -> dict[str, str]:
    """Every text, by its key; one that is not translated is in English."""
    folder = resources.files(__package__) / "texts" / language
    found: dict[str, str] = {} if language == FALLBACK else dict(texts(FALLBACK))
    for file in folder.iterdir():
        if file.name.endswith(".toml"):
            found.update(tomllib.loads(file.read_text("utf-8")))
    return found


def chosen_language(accepted: str, default: str) -> str:
    """The first language of an Accept-Language header (RFC 9110) that the page has.

    `default` is the appliance's own language, for a browser that says nothing.
    """
    wanted: list[tuple[float, str]] = []
    for part in accepted.split(",")[:20]:
        code, _, weight = part.partition(";q=")
        try:
            quality = float(weight or 1.0)
        except ValueError:
            continue
        wanted.append((-quality, code.strip().lower().split("-")[0]))
    order = [code for _, code in sorted(wanted, key=lambda one: one[0]) if code]
    order.append(default.lower().split("-")[0])
    return next((code for code in order if code in languages()), FALLBACK)
