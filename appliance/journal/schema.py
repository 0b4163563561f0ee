"""The tables of the journal, and the SQL that upgrades those of an older version."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE inbox (
    rank INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    identity BLOB NOT NULL,
    operation TEXT NOT NULL,
    transaction_id TEXT,
    priority INTEGER NOT NULL,
    expires_at REAL,
    reply_to TEXT,
    correlation BLOB,
    payload BLOB NOT NULL
);
CREATE INDEX inbox_identity ON inbox (identity);
CREATE TABLE outbox (
    rank INTEGER PRIMARY KEY AUTOINCREMENT,
    size INTEGER NOT NULL,
    written REAL NOT NULL,
    topic TEXT NOT NULL,
    retain INTEGER NOT NULL,
    content_type TEXT,
    correlation BLOB,
    user_properties TEXT NOT NULL,
    payload BLOB NOT NULL
);
CREATE TABLE answers (
    rank INTEGER PRIMARY KEY AUTOINCREMENT,
    identity BLOB NOT NULL UNIQUE,
    written REAL NOT NULL,
    result BLOB NOT NULL
);
"""
"""`written` is in seconds that the journal has been open in its life, because the calendar may
jump by years on a board without a clock battery. `expires_at` is in calendar time."""

SECOND = """
ALTER TABLE inbox ADD COLUMN boot TEXT;
ALTER TABLE inbox ADD COLUMN expires_boot_seconds REAL;
ALTER TABLE inbox ADD COLUMN requester TEXT NOT NULL DEFAULT '';
UPDATE inbox SET expires_boot_seconds = expires_at, requester = coalesce(reply_to, '');
CREATE TABLE attempts (
    id TEXT PRIMARY KEY,
    begun INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE set_aside (
    rank INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    operation TEXT NOT NULL,
    transaction_id TEXT,
    reply_to TEXT,
    attempts INTEGER NOT NULL,
    reason TEXT NOT NULL,
    at TEXT NOT NULL,
    payload BLOB NOT NULL
);
"""
"""Attempts have their own table: to count one in the inbox would rewrite the recording."""

THIRD = """
DROP INDEX inbox_identity;
ALTER TABLE inbox RENAME TO old_inbox;
CREATE TABLE inbox (
    rank INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    identity BLOB NOT NULL,
    operation TEXT NOT NULL,
    transaction_id TEXT,
    priority INTEGER NOT NULL,
    expires_at REAL,
    reply_to TEXT,
    correlation BLOB,
    boot TEXT,
    expires_boot_seconds REAL,
    requester TEXT NOT NULL DEFAULT '',
    payload BLOB NOT NULL
);
INSERT INTO inbox (rank, id, identity, operation, transaction_id, priority, expires_at,
    reply_to, correlation, boot, expires_boot_seconds, requester, payload)
    SELECT rank, id, identity, operation, transaction_id, priority, expires_at, reply_to,
    correlation, boot, expires_boot_seconds, requester, payload FROM old_inbox;
DROP TABLE old_inbox;
ALTER TABLE outbox RENAME TO old_outbox;
CREATE TABLE outbox (
    rank INTEGER PRIMARY KEY,
    size INTEGER NOT NULL,
    written REAL NOT NULL,
    topic TEXT NOT NULL,
    retain INTEGER NOT NULL,
    content_type TEXT,
    correlation BLOB,
    user_properties TEXT NOT NULL,
    payload BLOB NOT NULL
);
INSERT INTO outbox SELECT * FROM old_outbox;
DROP TABLE old_outbox;
ALTER TABLE answers RENAME TO old_answers;
CREATE TABLE answers (
    rank INTEGER PRIMARY KEY,
    identity BLOB NOT NULL UNIQUE,
    written REAL NOT NULL,
    result BLOB NOT NULL
);
INSERT INTO answers SELECT * FROM old_answers;
DROP TABLE old_answers;
"""
"""Spares the SD card: a commit writes whole pages, and each index and each AUTOINCREMENT was one
page more. The inbox is short (`requests.maximum_waiting`), so it is scanned without an index.
That no rank of the outbox is used twice matters only within one process, which counts them."""

FOURTH = """
CREATE TABLE records (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""
"""Small values that a part of the appliance keeps, such as one row for each timer. They are in the
journal so that one transaction changes them and writes the messages that tell of the change."""

FIFTH = """
ALTER TABLE inbox ADD COLUMN area TEXT NOT NULL DEFAULT '';
"""
"""The room of the speaker, which a request may give."""

SIXTH = """
ALTER TABLE outbox ADD COLUMN qos INTEGER NOT NULL DEFAULT 1;
ALTER TABLE outbox ADD COLUMN boot TEXT;
ALTER TABLE outbox ADD COLUMN expires_boot_seconds REAL;
ALTER TABLE outbox ADD COLUMN sent INTEGER NOT NULL DEFAULT 0;
"""
"""Commands to devices have a QoS of their own, are dropped if they are late, and are sent once."""

SEVENTH = """
ALTER TABLE outbox ADD COLUMN command TEXT;
"""
"""The key of the record of the command that a message to a device belongs to."""

VERSIONS = (FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH, SEVENTH)

TABLES = ("meta", "inbox", "outbox", "answers", "attempts", "set_aside", "records")

SINCE = {"attempts": 2, "set_aside": 2, "records": 4}
"""The version that added a table, if it was not the first."""


def tables_of(version: int) -> tuple[str, ...]:
    """Return the tables of a file of this version."""
    return tuple(table for table in TABLES if SINCE.get(table, 1) <= version)


def upgrade(database: sqlite3.Connection, version: int) -> None:
    """Upgrade a file from `version` (0 is a new file) to the newest, in one transaction."""
    steps = " ".join(VERSIONS[version:])
    if steps:
        database.executescript(f"BEGIN; {steps} PRAGMA user_version = {len(VERSIONS)}; COMMIT;")
