"""Every key of config.toml with its default and its explanation, as the file itself says them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True)
class DescribedKey:
    """One key."""

    key: str
    default: str
    """As it stands in the file, in TOML."""
    comment: str


@dataclass(frozen=True)
class DescribedSection:
    """One table."""

    name: str
    comment: str
    keys: tuple[DescribedKey, ...]


def shipped_sections() -> list[DescribedSection]:
    """The tables of the config.toml that the appliance brings."""
    return described_sections((resources.files("appliance") / "config.toml").read_text("utf-8"))


def described_sections(text: str) -> list[DescribedSection]:
    """The tables of a config.toml whose every key stands on one line, below its comment."""
    found: list[DescribedSection] = []
    comment: list[str] = []
    section, about, keys = "", "", list[DescribedKey]()
    for line in [*text.splitlines(), "[]"]:
        if line.startswith("["):
            if section:
                found.append(DescribedSection(section, about, tuple(keys)))
            section, about, keys = line.strip("[]"), " ".join(comment), []
            comment = []
        elif line.startswith("#"):
            comment.append(line[1:].strip())
        else:
            if "=" in line:
                key, _, default = line.partition(" = ")
                keys.append(DescribedKey(key, default, " ".join(comment)))
            comment = []
    return found
