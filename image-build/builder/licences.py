"""What a package's own files say of its licence, in SPDX's names where that is certain."""

from __future__ import annotations

import re
from email.parser import HeaderParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

VERSIONS = {
    "GPL": ("1", "2", "3"),
    "LGPL": ("2", "2.1", "3"),
    "AGPL": ("3",),
    "GFDL": ("1.2", "1.3"),
}

SPDX = {
    "expat": "MIT",
    "mit": "MIT",
    "mit license": "MIT",
    "the mit license (mit)": "MIT",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd-3-clause license": "BSD-3-Clause",
    "isc": "ISC",
    "zlib": "Zlib",
    "apache-2": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "mpl-2.0": "MPL-2.0",
    "epl-2.0": "EPL-2.0",
    "psf-2": "PSF-2.0",
    "cc0-1.0": "CC0-1.0",
    "unlicense": "Unlicense",
    "openssl": "OpenSSL",
}
"""Lower-case names of copyright files and wheels → SPDX identifiers."""

COMMON = re.compile(r"/usr/share/common-licenses/([A-Za-z]+-?[0-9.]*[0-9]?)")


def of_package(copyright_file: Path) -> list[str]:
    """Names out of a Debian package's copyright file; empty where it names none."""
    try:
        text = copyright_file.read_text(errors="replace")
    except OSError:
        return []
    named = set()
    if re.match(r"(?i)format:", text.lstrip()):
        for line in re.findall(r"^License:[ \t]*(\S[^\n]*)", text, re.MULTILINE):
            named |= {
                part.strip()
                for part in re.split(r"\s+(?:and/or|and|or)\s+|,", line)
                if part.strip()
            }
    if not named:
        named |= {found.rstrip(".") for found in COMMON.findall(text)}
    if not named:
        named |= _by_text(text)
    return sorted({spdx(name) for name in named})


def _by_text(text: str) -> set[str]:
    """The few texts that old copyright files carry in full."""
    words = " ".join(text.split())
    found = set()
    if "Permission is hereby granted, free of charge, to any person obtaining a copy" in words:
        found.add("MIT")
    if re.search(r"Redistributions? (of|in|and)", words):
        found.add("BSD-3-Clause" if re.search("(?i)neither the name", words) else "BSD-2-Clause")
    if "public domain" in words.lower():
        found.add("public-domain")
    return found


def of_wheel(metadata: Path) -> list[str]:
    """Names out of a wheel's METADATA: its expression, else its classifiers, else its field."""
    headers = HeaderParser().parsestr(metadata.read_text(errors="replace"))
    if expression := headers.get("License-Expression"):
        return [expression]
    classified = [
        line.split(" :: ")[-1]
        for line in headers.get_all("Classifier", [])
        if line.startswith("License ::") and not line.endswith("OSI Approved")
    ]
    field = (headers.get("License") or "").strip()
    short = field.splitlines()[0].strip() if field else ""
    if short and short.lower() in SPDX:
        return [spdx(short)]
    return sorted({spdx(name) for name in classified}) or ([short] if 0 < len(short) < 80 else [])  # noqa: PLR2004


def spdx(name: str) -> str:
    """SPDX's identifier for a name of Debian's, else the name itself."""
    plain = name.strip().strip(".").lower()
    if plain in SPDX:
        return SPDX[plain]
    family = re.fullmatch(r"(a?l?gpl|gfdl)(?:-|v)?([0-9.]+?)(?:\.0)?(\+| or later)?", plain)
    if not family or family[2] not in VERSIONS.get(family[1].upper(), ()):
        return name.strip()
    version = family[2] if "." in family[2] else f"{family[2]}.0"
    return f"{family[1].upper()}-{version}-{'or-later' if family[3] else 'only'}"
