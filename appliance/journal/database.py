"""Opens the journal's SQLite file: its tables, its settings, and what to do when it is damaged."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from typing import TYPE_CHECKING

from appliance.errors import JournalError
from appliance.journal.schema import TABLES, VERSIONS, bring_up_to_date, tables_of

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

FILE = "journal.db"

DAMAGED_SAID = "was damaged: what could not be read of it is lost; check the card or disk"

PAGE_BYTES = 1024
"""A commit writes whole pages, and most rows are a few hundred bytes."""

CHECKPOINT_PAGES = 4000
"""4 MB of changes, of which only the last to each page is written to its place."""

COMPANIONS = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a file."""

DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def open_database(directory: Path) -> sqlite3.Connection:
    """The journal of a state directory; a damaged one is set aside, what is legible saved.

    So is that of a newer version, after which this one was installed again: what waits in it
    goes on. JournalError when the directory cannot be written.
    """
    path = directory / FILE
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _finish_exchange(path)
        try:
            return _opened(path)
        except _Newer as newer:
            kind, why = f"version-{newer.version}", str(newer)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF not in DAMAGED:
                raise
            kind, why = "corrupt", DAMAGED_SAID
        saved = _save_what_is_legible(path)
        aside = _set_aside(path, kind)
        _finish_exchange(path)
        database = _opened(path)
    except (sqlite3.Error, OSError) as error:
        message = f"the journal {path} cannot be opened: {explain(error)}"
        raise JournalError(message) from error
    logger.error(
        "the journal %s %s; it is now %s, and %d rows of it go on", path, why, aside.name, saved
    )
    return database


def _save_what_is_legible(path: Path) -> int:
    """Write it beside, and whole, before the old file moves; returns how many rows it is.

    A full disk or a power cut amid it leaves everything to the next start.
    """
    beside = _beside(path)
    for suffix in ("", *COMPANIONS):
        beside.with_name(beside.name + suffix).unlink(missing_ok=True)
    with contextlib.closing(_opened(beside)) as database:
        saved = _salvage(path, database)
        database.execute("PRAGMA journal_mode = DELETE")  # all is in the one file that will move
        return saved


def _finish_exchange(path: Path) -> None:
    """Where the old file is out of the way, what was saved of it takes its place."""
    if not path.exists() and _beside(path).exists():
        _beside(path).rename(path)


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.saved")


class _Newer(Exception):
    """A file that a newer version of the appliance has written."""

    def __init__(self, version: int) -> None:
        super().__init__("is of a newer version of the appliance")
        self.version = version


def damaged_journals(directory: Path) -> list[Path]:
    """Those that were set aside and that nobody has taken away yet, oldest first."""
    return _asides(directory, "corrupt")


def newer_journals(directory: Path) -> list[Path]:
    """Those of a newer version that were set aside when this one was installed again."""
    return _asides(directory, "version")


def _asides(directory: Path, why: str) -> list[Path]:
    found = directory.glob(f"{FILE}.{why}-*")
    return sorted(path for path in found if not path.name.endswith(COMPANIONS))


def explain(error: Exception) -> str:
    """What a disk's complaint means, and what its owner does."""
    text = str(error)
    if any(words in text for words in ("readonly", "Read-only", "unable to open", "Permission")):
        return (
            "the disk is read-only, or the directory is another user's; "
            "device.state_directory must be writable for the appliance"
        )
    if "is full" in text or "No space" in text:
        return "the disk is full; free some space"
    if "locked" in text:
        return "another program holds it; stop that program"
    return f"{text}; check the card or disk"


def _opened(path: Path) -> sqlite3.Connection:
    # Its owner's alone, wherever the directory is; SQLite gives the files beside it the same mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2.0)
    try:
        _set_page_size(database)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        # A request or result counts as ours only when it would survive a power cut.
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA journal_size_limit = 4194304")
        # What was said is not left readable in pages that are free again.
        database.execute("PRAGMA secure_delete = ON")
        _check(database)
    except BaseException:
        database.close()
        raise
    return database


def _set_page_size(database: sqlite3.Connection) -> None:
    """Of a new file, or of an older one, which is written anew if there is room for it."""
    database.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    is_new = database.execute("PRAGMA page_count").fetchone()[0] == 0
    if is_new or database.execute("PRAGMA page_size").fetchone()[0] == PAGE_BYTES:
        return
    try:
        database.execute("PRAGMA journal_mode = DELETE")  # WAL holds on to a page's size
        database.execute("VACUUM")
    except sqlite3.OperationalError as error:
        logger.info("the journal keeps its large pages for now: %s", error)


def _check(database: sqlite3.Connection) -> None:
    """Make the tables of a new file, and read an old one through once."""
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > len(VERSIONS):
        raise _Newer(version)
    if version == 0:
        bring_up_to_date(database, version)
        return
    verdict = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
    if verdict != "ok" or not tables.issuperset(tables_of(version)):
        error = sqlite3.DatabaseError(verdict)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error
    bring_up_to_date(database, version)


def _set_aside(path: Path, why: str) -> Path:
    """Rename the file, last of all: what SQLite keeps beside it must not meet the next one."""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    aside = path.with_name(f"{path.name}.{why}-{stamp}")
    number = 1
    while aside.exists():  # a clock that stands still gives the same second twice
        number += 1
        aside = path.with_name(f"{path.name}.{why}-{stamp}-{number}")
    for suffix in (*COMPANIONS, ""):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


def _salvage(old: Path, database: sqlite3.Connection) -> int:
    """Copy every row that can still be read; returns how many."""
    saved = 0
    database.execute("BEGIN IMMEDIATE")
    for table in TABLES:
        try:
            with contextlib.closing(sqlite3.connect(old, isolation_level=None)) as damaged:
                saved += _copy(table, damaged, database)
        except sqlite3.Error as error:
            logger.warning("%s of the old journal cannot be read on: %s", table, error)
    database.execute("COMMIT")
    return saved


def _copy(table: str, damaged: sqlite3.Connection, database: sqlite3.Connection) -> int:
    """Rows one by one, for the next may be illegible: from the first on, and from the last back."""
    saved = 0
    here, there = (_columns(table, one) for one in (database, damaged))
    columns = [name for name in here if name in there]  # it may be of an older version
    if not columns:
        return 0
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    insert = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
    for order in ("", f"ORDER BY {columns[0]} DESC"):  # their first column is their order on disk
        with contextlib.suppress(sqlite3.DatabaseError):
            for row in damaged.execute(f"SELECT {names} FROM {table} {order}"):  # noqa: S608
                saved += database.execute(insert, row).rowcount
    return saved


def _columns(table: str, database: sqlite3.Connection) -> list[str]:
    return [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
