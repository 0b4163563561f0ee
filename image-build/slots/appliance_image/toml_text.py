"""TOML to tables and back: the standard library only reads it."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

Tables = dict[str, dict[str, Any]]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def read(path: Path) -> Tables:
    """The tables of a file; empty where there is none.

    Raises:
        tomllib.TOMLDecodeError: it is no TOML.
        UnicodeDecodeError: it is not UTF-8.

    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    return tables_of(content.decode("utf-8-sig"))


def tables_of(text: str) -> Tables:
    """The tables of a text; what stands above the first is the table with the empty name."""
    found = tomllib.loads(text.replace("\r\n", "\n").replace("\r", "\n"))
    tables = {name: value for name, value in found.items() if isinstance(value, dict)}
    loose = {name: value for name, value in found.items() if not isinstance(value, dict)}
    return {"": loose, **tables} if loose else tables


def write(tables: Tables) -> str:
    """A text that reads back as the same tables."""
    lines: list[str] = []
    for name, table in tables.items():
        lines += [f"[{_key(name)}]"] if name else []
        lines += [f"{_key(key)} = {_value(value)}" for key, value in table.items()]
        lines.append("")
    return "\n".join(lines)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    # A JSON string is a TOML string but for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        pairs = (f"{_key(key)} = {_value(one)}" for key, one in value.items())
        return f"{{ {', '.join(pairs)} }}"
    return str(value)  # numbers, dates and times as Python and TOML both write them
