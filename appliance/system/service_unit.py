"""Reads the installed systemd unit of the appliance, with its drop-ins, without asking systemd."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

NAME = "appliance.service"

PLACES = ("etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system")
"""Folders in the order of their precedence."""

CREDENTIALS = (
    *("LoadCredential", "LoadCredentialEncrypted", "ImportCredential"),
    *("SetCredential", "SetCredentialEncrypted"),
)

NO = ("", "no", "false", "off", "0")


@dataclass(frozen=True, slots=True)
class ServiceUnit:
    """The settings of [Service], each with all of its values."""

    settings: dict[str, list[str]]

    def words(self, name: str) -> list[str]:
        """Every word of a setting that may be given several times."""
        return [word for value in self.settings.get(name, []) for word in value.split()]

    def is_on(self, name: str) -> bool:
        """Whether the last value of a setting is not "no"."""
        return self.settings.get(name, [""])[-1].lower() not in NO

    @property
    def credentials(self) -> set[str]:
        """The names of systemd credentials."""
        return {word.partition(":")[0] for name in CREDENTIALS for word in self.words(name)}

    @property
    def config_path(self) -> Path | None:
        """The configuration of the command line."""
        found = re.search(r"--config[= ](\S+)", " ".join(self.settings.get("ExecStart", [])))
        return Path(found[1]) if found else None


def read(root: Path) -> ServiceUnit | None:
    """The unit below `root`; None if there is none."""
    unit = next((root / place / NAME for place in PLACES if (root / place / NAME).is_file()), None)
    if unit is None:
        return None
    settings: dict[str, list[str]] = {}
    for path in (unit, *_drop_ins(root)):
        _add(path, settings)
    return ServiceUnit(settings)


def _drop_ins(root: Path) -> list[Path]:
    """Drop-ins sorted by file name; a file in an earlier folder hides one of the same name."""
    found: dict[str, Path] = {}
    for place in reversed(PLACES):
        for path in (root / place / f"{NAME}.d").glob("*.conf"):
            found[path.name] = path
    return [found[name] for name in sorted(found)]


def _add(path: Path, settings: dict[str, list[str]]) -> None:
    """Add the values of [Service]; an empty value removes all before it."""
    try:
        lines = path.read_text("utf-8", errors="replace").replace("\\\n", " ").splitlines()
    except OSError:
        return
    section = ""
    for line in map(str.strip, lines):
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and line[0] not in "#;":
            name, _, value = line.partition("=")
            if value.strip():
                settings.setdefault(name.strip(), []).append(value.strip())
            else:
                settings.pop(name.strip(), None)
