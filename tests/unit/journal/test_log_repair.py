"""Damaged frames in the write-ahead log of a real SQLite database: what is repaired."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from appliance.journal.log_repair import FRAME_HEADER, HEADER, repaired

PAGE = 1024
FRAME = FRAME_HEADER.size + PAGE
COMMITS = 30


@pytest.fixture(scope="module")
def database_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A database with so many commits in its log, none of which is in the main file."""
    path = tmp_path_factory.mktemp("log") / "x.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(f"PRAGMA page_size = {PAGE}")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE said (rank INTEGER PRIMARY KEY, words TEXT)")
        for number in range(COMMITS):
            database.execute("INSERT INTO said (words) VALUES (?)", (f"words {number} " * 30,))
        yield path


@pytest.fixture(scope="module")
def log(database_file: Path) -> bytes:
    return database_file.with_name("x.db-wal").read_bytes()


def rows(database_file: Path, log: bytes, folder: Path) -> int:
    """How many SQLite finds with this log."""
    path = folder / "x.db"
    path.write_bytes(database_file.read_bytes())
    path.with_name("x.db-wal").write_bytes(log)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(database.execute("SELECT count(*) FROM said").fetchone()[0])


def place(log: bytes, share: float) -> int:
    """Where about so much of the log's frames begins."""
    return HEADER.size + int((len(log) - HEADER.size) // FRAME * share) * FRAME


def test_a_log_without_damage_is_left_as_it_is(
    database_file: Path, log: bytes, tmp_path: Path
) -> None:
    assert repaired(log, PAGE) == (log, 0)
    assert rows(database_file, log, tmp_path) == COMMITS


@pytest.mark.parametrize("offset", [1, 5, 9, 17, 22, FRAME_HEADER.size + 500, FRAME - 3])
def test_a_damaged_byte_anywhere_in_a_frame_is_mended_exactly(
    database_file: Path, log: bytes, offset: int, tmp_path: Path
) -> None:
    damaged = bytearray(log)
    damaged[place(log, 0.3) + offset] ^= 0x05
    assert rows(database_file, bytes(damaged), tmp_path) < COMMITS, (
        "SQLite alone loses what follows"
    )
    assert repaired(bytes(damaged), PAGE) == (log, 1)


def test_several_damaged_frames_are_mended_if_one_between_them_is_whole(log: bytes) -> None:
    damaged = bytearray(log)
    for share in (0.1, 0.5, 0.7):
        damaged[place(log, share) + 100] ^= 0x11
    assert repaired(bytes(damaged), PAGE) == (log, 3)


def test_more_than_one_damaged_word_stays_in_its_page_and_what_follows_is_kept(log: bytes) -> None:
    damaged = bytearray(log)
    at = place(log, 0.4) + FRAME_HEADER.size + 700
    damaged[at : at + 40] = b"#" * 40
    mended, count = repaired(bytes(damaged), PAGE)
    assert count == 1
    assert len(mended) == len(log)
    assert repaired(mended, PAGE) == (mended, 0)


def test_a_log_that_ends_in_the_middle_of_a_commit_is_left_as_it_is(log: bytes) -> None:
    for torn in (log[: -FRAME // 2], log[:-FRAME] + b"x" * FRAME, log[:-10] + bytes(10)):
        assert repaired(torn, PAGE) == (torn, 0)


def test_frames_of_an_older_log_are_never_taken(log: bytes) -> None:
    damaged = bytearray(log)
    half = place(log, 0.5)
    for start in range(half, len(log), FRAME):
        damaged[start + 8 : start + 16] = b"otherlog"
    assert repaired(bytes(damaged), PAGE) == (bytes(damaged), 0)


def test_no_damage_raises_an_error(log: bytes) -> None:
    chance = random.Random(5)  # noqa: S311
    for _ in range(300):
        damaged = bytearray(log)
        for _ in range(chance.randrange(1, 30)):
            at = chance.randrange(len(log))
            damaged[at : at + chance.randrange(1, 300)] = chance.randbytes(chance.randrange(300))
        mended, _ = repaired(bytes(damaged), PAGE)
        assert repaired(mended, PAGE) == (mended, 0)
