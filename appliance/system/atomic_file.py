"""Replaces small files atomically: after a power cut there is the old content or the new one."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def replace(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file's content; after an OSError the old content is unchanged.

    `mode` are its permissions from then on. The content is synced before the rename, and the
    rename before this returns.
    """
    fresh = path.with_name(f".{path.name}.new")
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "wb") as opened:
            os.fchmod(file, mode)
            opened.write(content)
            opened.flush()
            os.fsync(file)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def rewrite(path: Path, content: bytes) -> None:
    """`replace` a file that is there, or make one; its permissions and its owner stay.

    Only root can give a file to another user; made by another one, it is that one's from then on.
    """
    try:
        before = path.stat()
    except FileNotFoundError:
        replace(path, content)
        return
    replace(path, content, stat.S_IMODE(before.st_mode))
    with contextlib.suppress(PermissionError):
        os.chown(path, before.st_uid, before.st_gid)


def remove(path: Path) -> None:
    """Remove a file durably; no error if there is none."""
    path.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
