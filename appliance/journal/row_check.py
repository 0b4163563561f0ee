"""Checks that the values of a row are such as the journal writes.

SQLite checks its own structure and not the values. A damaged byte may make a text that is not
UTF-8, a number out of a blob, or JSON that is none, and one such row would end every start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from appliance.errors import UNREADABLE_JSON

if TYPE_CHECKING:
    import sqlite3

TYPES: dict[str, tuple[type, ...]] = {
    "INTEGER": (int,),
    "REAL": (float, int),
    "TEXT": (str,),
    "BLOB": (bytes,),
    "": (str, int, float),
}
"""Python types by the declared type of a column."""

JSON_COLUMNS: dict[str, Any] = {
    "user_properties": tuple[tuple[str, str], ...],
    "result": dict[str, Any],
}

LARGEST_COUNT = 2**53
"""Largest valid whole number, so that sums and the next number stay exact."""

LONGEST_LIFE_S = 2.0**33
"""Longest time that a journal may have been open, in seconds (270 years); with more, every waiting
message would be too old."""

Form = dict[str, tuple[type, ...]]
"""The columns of a table, and which types their values have."""


class NotText:
    """Stands for a text that is not UTF-8."""


def text_or_not(data: bytes) -> str | NotText:
    """Text factory for a connection: a damaged text must not end the reading of its table."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return NotText()


def form_of(table: str, database: sqlite3.Connection) -> Form:
    """The columns of a table, and which types their values have."""
    found = {}
    for _, name, declared, must, _, key in database.execute(f"PRAGMA table_info({table})"):
        types = TYPES[declared]
        is_rank = key and declared == "INTEGER"  # stored as the row's number, not as a value
        found[name] = types if must and not is_rank else (*types, type(None))
    return found


def is_sound(table: str, row: dict[str, Any], form: Form) -> bool:
    """Whether the appliance can use a row: types, JSON, and the values of `meta`."""
    if any(not isinstance(value, form[name]) for name, value in row.items()):
        return False
    if any(isinstance(value, int) and abs(value) >= LARGEST_COUNT for value in row.values()):
        return False
    if not row.get("size", 0) >= 0 or not 0 <= row.get("written", 0) < LONGEST_LIFE_S:
        return False
    if table == "meta":
        return _is_sound_meta(row["key"], row["value"])
    for name, kind in JSON_COLUMNS.items():
        try:
            if name in row:
                msgspec.json.decode(row[name], type=kind)
        except UNREADABLE_JSON:
            return False
    return True


def _is_sound_meta(key: str, value: Any) -> bool:
    match key:
        case "seq" | "dropped":
            return isinstance(value, int) and value >= 0
        case "lived":
            return isinstance(value, float | int) and 0 <= value < LONGEST_LIFE_S
        case "last_id":
            return value is None or isinstance(value, str)
    return False
