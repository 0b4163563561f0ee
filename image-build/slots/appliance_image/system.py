"""Where the owner's settings go inside the system; tests have them in a folder."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from appliance_image import autoboot

if TYPE_CHECKING:
    from appliance_image.appliance_calls import Appliance

SPARE_BYTES = 128 << 20
"""What must stay free on the persistent partition, for the journal and the next settings."""


@dataclass(frozen=True)
class System:
    """The inside, below a root."""

    appliance: Appliance
    root: Path = Path("/")

    @property
    def owner(self) -> Path:
        """The owner's folder on the card."""
        return self.root / "boot/config/appliance"

    @property
    def etc(self) -> Path:
        """The appliance's configuration; kept over restarts."""
        return self.root / "etc/appliance"

    @property
    def persistent(self) -> Path:
        return self.root / "persistent"

    @property
    def shipped(self) -> Path:
        """What the image was built with."""
        return self.root / "usr/share/appliance"

    @property
    def run(self) -> Path:
        """Gone with the power."""
        return self.root / "run/appliance-image"

    @property
    def config(self) -> Path:
        """What the appliance reads: made of the image's and the owner's at each start."""
        return self.etc / "config.toml"

    def keep(self, path: Path, content: bytes | str, mode: int = 0o644) -> None:
        """A file with this content, old or new at every moment."""
        content = content.encode() if isinstance(content, str) else content
        if path.exists() and path.read_bytes() == content:
            if path.stat().st_mode & 0o777 != mode:
                path.chmod(mode)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        mask = os.umask(0o777 & ~mode)
        try:
            autoboot.replace(path, content)
        finally:
            os.umask(mask)
        path.chmod(mode)

    def free_bytes(self) -> int:
        """Room for the owner's files."""
        facts = os.statvfs(self.persistent)
        return max(0, facts.f_bavail * facts.f_frsize - SPARE_BYTES)


def said_by(*command: str | Path, given: str = "") -> tuple[bool, str]:
    """Whether a program ends well, and what it says."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, input=given)
    return done.returncode == 0, (done.stdout + done.stderr).strip()
