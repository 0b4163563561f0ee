"""Opens the journal's SQLite file, upgrades it, and salvages a damaged one."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from typing import TYPE_CHECKING, Any

from appliance.errors import JournalError
from appliance.journal import log_repair
from appliance.journal.raw_pages import RawPages
from appliance.journal.row_check import Form, form_of, is_sound, text_or_not
from appliance.journal.schema import TABLES, VERSIONS, tables_of, upgrade

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

logger = logging.getLogger(__name__)

FILE = "journal.db"

DAMAGED_REASON = "is damaged; unreadable rows are lost, check the SD card or disk"

PAGE_BYTES = 1024
"""A commit writes whole pages, and most rows are a few hundred bytes."""

CHECKPOINT_PAGES = 4000
"""4 MB of changes; of several changes to one page only the last is copied to its place."""

COMPANION_SUFFIXES = ("-wal", "-shm", "-journal")
"""Endings of the files that SQLite keeps next to a database."""

WITHOUT_RANK = ("meta", "attempts", "records")
"""Tables whose rows have no number."""

FEWEST_COLUMNS = {
    "meta": 2,
    "inbox": 13,
    "outbox": 9,
    "answers": 4,
    "attempts": 2,
    "set_aside": 9,
    "records": 2,
}
"""Columns of each table when it was first made in its present form."""

SCHEMA_ERRORS = ("unsupported file format",)
"""Errors without a code of their own that a damaged header gives."""

DAMAGE_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def open_database(directory: Path) -> sqlite3.Connection:
    """Open the journal in a state directory, or create it.

    A damaged file is renamed, and its readable rows are copied into a new one. The same
    happens to a file of a newer version, after a downgrade of the appliance: its requests and
    messages are kept.

    Raises:
        JournalError: the directory cannot be written.

    """
    path = directory / FILE
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _finish_replacement(path)
        _repair_log(path)
        try:
            return _opened(path)
        except _NewerVersion as newer:
            kind, why = f"version-{newer.version}", str(newer)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if not _is_damage(error):
                raise
            kind, why = "corrupt", DAMAGED_REASON
        saved = _salvage_into_new_file(path)
        aside = _rename(path, kind)
        _finish_replacement(path)
        database = _opened(path)
    except (sqlite3.Error, OSError) as error:
        message = f"cannot open the journal {path}: {explain(error)}"
        raise JournalError(message) from error
    logger.error(
        "the journal %s %s; it was renamed to %s, and %d of its rows were kept",
        path,
        why,
        aside.name,
        saved,
    )
    return database


def _repair_log(path: Path) -> None:
    """Repair the write-ahead log, if a run that was cut off has left a damaged one; keep both."""
    log = path.with_name(f"{path.name}-wal")
    try:
        content = log.read_bytes()
    except FileNotFoundError:
        return
    sound, damaged = log_repair.repaired(content, PAGE_BYTES)
    if not damaged:
        return
    aside = _name_aside(path, "corrupt")
    log_repair.replace(aside.with_name(f"{aside.name}-log"), content)
    log_repair.replace(log, sound)
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    logger.error(
        "%d damaged frames of the journal's log %s were repaired; check the SD card or disk",
        damaged,
        log,
    )


def _is_damage(error: sqlite3.DatabaseError | UnicodeDecodeError) -> bool:
    """Whether an error comes from the content of the file, and not from the disk or its mode."""
    if isinstance(error, UnicodeDecodeError) or str(error) in SCHEMA_ERRORS:
        return True
    code = getattr(error, "sqlite_errorcode", None)  # Python's own errors have none: a bad text
    return code is None or code & 0xFF in DAMAGE_CODES


def _salvage_into_new_file(path: Path) -> int:
    """Copy the readable rows into a second file; return their number.

    The old file is renamed only after the new one is complete, so that the next start can repeat
    this after a full disk or a power cut.
    """
    beside = _salvaged_path(path)
    for suffix in ("", *COMPANION_SUFFIXES):
        beside.with_name(beside.name + suffix).unlink(missing_ok=True)
    with contextlib.closing(_opened(beside)) as database:
        saved = _salvage(path, database)
        # No companion files: everything must be in the one file that is renamed.
        database.execute("PRAGMA journal_mode = DELETE")
        return saved


def _finish_replacement(path: Path) -> None:
    """Move the salvaged file into place if the damaged one was renamed already."""
    if not path.exists() and _salvaged_path(path).exists():
        _salvaged_path(path).rename(path)


def _salvaged_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.saved")


class _NewerVersion(Exception):
    """A newer version of the appliance wrote the file."""

    def __init__(self, version: int) -> None:
        super().__init__("was written by a newer version of the appliance")
        self.version = version


def file_identity(path: Path) -> tuple[int, int] | None:
    """Device and number of a file: another one if it was replaced, None if it is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def write_copy(database: sqlite3.Connection, path: Path) -> None:
    """Write an open database to a path from which its file was taken away.

    A file that somebody put there in the meantime is renamed.

    Raises:
        OSError: it cannot be written.
        sqlite3.Error: the same.

    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = _salvaged_path(path)
    for suffix in ("", *COMPANION_SUFFIXES):
        beside.with_name(beside.name + suffix).unlink(missing_ok=True)
    os.close(os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    with contextlib.closing(sqlite3.connect(beside, isolation_level=None)) as copy:
        database.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
    if path.exists():
        _rename(path, "replaced")
    beside.rename(path)


def damaged_journals(directory: Path) -> list[Path]:
    """Return damaged journals that were renamed and not deleted yet, oldest first."""
    return _renamed(directory, "corrupt")


def newer_journals(directory: Path) -> list[Path]:
    """Return journals of a newer version that were renamed after a downgrade."""
    return _renamed(directory, "version")


def _renamed(directory: Path, kind: str) -> list[Path]:
    found = directory.glob(f"{FILE}.{kind}-*")
    return sorted(path for path in found if not path.name.endswith(COMPANION_SUFFIXES))


def explain(error: Exception) -> str:
    """Return what an SQLite or system error means, and what the owner should do."""
    text = str(error)
    if any(words in text for words in ("readonly", "Read-only", "unable to open", "Permission")):
        return (
            "the disk is read-only, or the directory belongs to another user; "
            "make device.state_directory writable for the appliance"
        )
    if "is full" in text or "No space" in text:
        return "the disk is full; free some space"
    if "locked" in text:
        return "another program has locked it; stop that program"
    return f"{text}; check the SD card or disk"


def _opened(path: Path) -> sqlite3.Connection:
    # Only its owner may read it, in any directory; SQLite gives its companion files the same mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2.0)
    try:
        _set_page_size(database)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        # A request or result counts as accepted only when it would survive a power cut.
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA journal_size_limit = 4194304")
        # Deleted sentences must not stay readable in free pages.
        database.execute("PRAGMA secure_delete = ON")
        _check(database)
    except BaseException:
        database.close()
        raise
    return database


def _set_page_size(database: sqlite3.Connection) -> None:
    """Set it in a new file; rewrite an older file if the disk has room for that."""
    database.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    is_new = database.execute("PRAGMA page_count").fetchone()[0] == 0
    if is_new or database.execute("PRAGMA page_size").fetchone()[0] == PAGE_BYTES:
        return
    try:
        database.execute("PRAGMA journal_mode = DELETE")  # WAL keeps the page size
        database.execute("VACUUM")
    except sqlite3.OperationalError as error:
        logger.info(
            "the journal could not be rewritten with small pages, the next start tries again: %s",
            error,
        )


def _check(database: sqlite3.Connection) -> None:
    """Create the tables of a new file; check every page of an old one, and upgrade it."""
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > len(VERSIONS):
        raise _NewerVersion(version)
    tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
    if version == 0 and not tables:
        upgrade(database, version)
        return
    check = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if check != "ok" or version == 0 or not tables.issuperset(tables_of(version)):
        raise _damage(check)
    try:
        upgrade(database, version)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        raise _damage(str(error)) from error  # the file has another version than it says
    with contextlib.closing(sqlite3.connect(":memory:")) as sound:
        upgrade(sound, 0)
        if any(_declared(table, sound) != _declared(table, database) for table in TABLES):
            raise _damage("the columns are not ours")
        _check_values(database, {table: form_of(table, sound) for table in TABLES})


def _check_values(database: sqlite3.Connection, forms: Mapping[str, Form]) -> None:
    """Raise for a row that the appliance cannot use."""
    texts, database.text_factory = database.text_factory, text_or_not
    try:
        for table, form in forms.items():
            for values in database.execute(f"SELECT * FROM {table}"):  # noqa: S608
                if not is_sound(table, dict(zip(form, values, strict=True)), form):
                    raise _damage(f"a value in the table {table} is not readable")
    finally:
        database.text_factory = texts


def _damage(what: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _rename(path: Path, kind: str) -> Path:
    """Rename the file after its companions: SQLite must not apply those to the next file."""
    aside = _name_aside(path, kind)
    for suffix in (*COMPANION_SUFFIXES, ""):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


def _name_aside(path: Path, kind: str) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    aside = path.with_name(f"{path.name}.{kind}-{stamp}")
    number = 1
    while aside.exists():  # the clock may stand still
        number += 1
        aside = path.with_name(f"{path.name}.{kind}-{stamp}-{number}")
    return aside


def _salvage(old: Path, database: sqlite3.Connection) -> int:
    """Copy every row that can still be read; return their number."""
    saved = 0
    database.execute("BEGIN IMMEDIATE")
    for table in TABLES:
        try:
            with contextlib.closing(sqlite3.connect(old, isolation_level=None)) as damaged:
                saved += _copy(table, damaged, database)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            logger.warning(
                "the table %s of the old journal cannot be read to its end: %s", table, error
            )
    saved += _copy_raw(old, database)
    database.execute("COMMIT")
    return saved


def _copy_raw(old: Path, database: sqlite3.Connection) -> int:
    """Copy what SQLite itself cannot find any more, because the page with the schema is damaged."""
    forms = {table: form_of(table, database) for table in TABLES}
    saved = 0
    try:
        for rank, values in RawPages(old, PAGE_BYTES).rows():
            for table, columns in forms.items():
                if row := _fitted(columns, rank, values, table):
                    names, marks = ", ".join(row), ", ".join("?" * len(row))
                    insert = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
                    with contextlib.suppress(sqlite3.IntegrityError):
                        saved += database.execute(insert, tuple(row.values())).rowcount
                    break
    except OSError as error:
        logger.warning("the pages of the old journal cannot be read: %s", error)
    return saved


def _fitted(
    columns: Form, rank: int | None, values: list[Any], table: str
) -> dict[str, Any] | None:
    """The row as a row of this table; None if it is none.

    An older row has fewer values than the table has columns: those that came later have defaults.
    """
    least = FEWEST_COLUMNS[table]
    if not least <= len(values) <= len(columns) or (rank is None) != (table in WITHOUT_RANK):
        return None
    row = dict(zip(columns, values, strict=False))
    if rank is not None:
        row[next(iter(columns))] = rank
    return row if is_sound(table, row, columns) else None


def _copy(table: str, damaged: sqlite3.Connection, database: sqlite3.Connection) -> int:
    """Copy rows one by one up to the first unreadable one: forwards, then backwards."""
    saved = 0
    known = _columns(table, damaged)  # fewer if an older version wrote it
    columns = [name for name in _columns(table, database) if name in known]
    if not columns:
        return 0
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    insert = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
    form = form_of(table, database)
    damaged.text_factory = text_or_not
    for order in ("", f"ORDER BY {columns[0]} DESC"):  # the first column is the order on disk
        with contextlib.suppress(sqlite3.DatabaseError):
            for row in damaged.execute(f"SELECT {names} FROM {table} {order}"):  # noqa: S608
                if is_sound(table, dict(zip(columns, row, strict=True)), form):
                    saved += database.execute(insert, row).rowcount
    return saved


def _declared(table: str, database: sqlite3.Connection) -> list[tuple[str, str]]:
    """Names and types of the columns."""
    return [(row[1], row[2]) for row in database.execute(f"PRAGMA table_info({table})")]


def _columns(table: str, database: sqlite3.Connection) -> list[str]:
    return [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
