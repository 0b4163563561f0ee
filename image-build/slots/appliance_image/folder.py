"""The owner's folder on the card, as it comes from any computer: found and read with patience."""

from __future__ import annotations

import codecs
import hashlib
from typing import TYPE_CHECKING

from appliance_image.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXT_BYTES = 256 * 1024
"""A settings file is text that a person wrote."""

FILES = 2000
"""In one folder of sentences."""

NOT_OURS = frozenset({"system volume information", "thumbs.db", "desktop.ini"})
"""What other systems leave behind, beside names with a dot in front."""


def is_ours(name: str) -> bool:
    """Whether the owner has put it there."""
    return not name.startswith((".", "~")) and name.lower() not in NOT_OURS


def entry(folder: Path, *names: str) -> Path | None:
    """What is there under one of these names, whatever the case.

    A system that hides endings makes `config.toml.txt` of `config.toml`: that is taken, too.

    Raises:
        Refused: there are several.

    """
    wanted = {name for plain in names for name in (plain, f"{plain}.txt")}
    found = [path for path in _listed(folder) if path.name.lower() in wanted]
    if len(found) > 1:
        raise Refused(f"{' and '.join(path.name for path in found)} are both there: leave one")
    return found[0] if found else None


def unknown(folder: Path, names: set[str]) -> list[str]:
    """Names in the folder that nobody reads."""
    wanted = {name for plain in names for name in (plain, f"{plain}.txt")}
    return [path.name for path in _listed(folder) if path.name.lower() not in wanted]


def read_text(path: Path, most: int = TEXT_BYTES) -> str:
    """A text, with line feeds alone; byte order marks and UTF-16 are understood.

    Raises:
        Refused: it is no text, or cannot be read.

    """
    if path.is_dir():
        raise Refused(f"{path.name} is a folder; a file is wanted")
    try:
        size = path.stat().st_size
        if size > most:
            raise Refused(f"{path.name} has {size} bytes; at most {most} are read")
        content = path.read_bytes()
    except OSError as error:
        raise Refused(f"{path.name} cannot be read: {error.strerror}") from error
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"{path.name} is not UTF-8 text: save it as UTF-8") from error
    if "\0" in text:
        raise Refused(f"{path.name} is no text")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def tree(folder: Path) -> Iterator[Path]:
    """The files below a folder, in order; other systems' own are passed over.

    Raises:
        Refused: it is a file, or there is too much.

    """
    if not folder.is_dir():
        raise Refused(f"{folder.name} is a file; a folder is wanted")
    for count, path in enumerate(_below(folder)):
        if count >= FILES:
            raise Refused(f"{folder.name} has more than {FILES} files")
        yield path


def fingerprint(path: Path, *, by_content: bool) -> str:
    """Tells whether something has changed; a large file is known by its size and time."""
    digest = hashlib.sha256()
    for file in _below(path) if path.is_dir() else [path]:
        facts = file.stat()
        small = by_content and facts.st_size <= TEXT_BYTES
        mark = file.read_bytes() if small else f"{facts.st_size} {facts.st_mtime_ns}".encode()
        digest.update(f"{file.relative_to(path)} {len(mark)} ".encode() + mark)
    return digest.hexdigest()


def fingerprint_or_none(path: Path) -> str | None:
    """The same by content; None where nothing is."""
    return fingerprint(path, by_content=True) if path.exists() else None


def _below(folder: Path) -> Iterator[Path]:
    for path in _listed(folder):
        if path.is_dir():
            yield from _below(path)
        elif path.is_file():
            yield path


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if is_ours(path.name))
    except OSError:  # it is not there, or the card cannot read it: as if it were empty
        return []
