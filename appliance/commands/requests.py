"""`appliance requests`: those that were given up, for they ended the appliance or its engine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance import config as configuration
from appliance.journal.dead_letters import open_dead_letters

if TYPE_CHECKING:
    from appliance.journal.dead_letters import DeadLetter, DeadLetters


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What follows `appliance requests`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="the requests that were set aside")
    save = actions.add_parser("save", help="write what one of them asked into a file")
    forget = actions.add_parser("forget", help="take them off the disk")
    for action in (listing, save, forget):
        action.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="PATH")
    listing.add_argument("--json", action="store_true", help="one JSON document")
    save.add_argument("id", metavar="ID")
    save.add_argument("file", type=Path, metavar="FILE")
    forget.add_argument("ids", nargs="+", metavar="ID")


def run(arguments: argparse.Namespace) -> int:
    """Do one of the three; 1 when there is no such request."""
    config = configuration.load(arguments.config)
    with open_dead_letters(config.state_directory) as dead_letters:
        if arguments.action == "list":
            return _list(dead_letters, as_json=arguments.json)
        if arguments.action == "save":
            return _save(dead_letters, arguments.id, arguments.file)
        gone = [name for name in arguments.ids if not dead_letters.remove(name)]
    for name in gone:
        print(f"appliance requests: no request {name} is set aside", file=sys.stderr)
    return 1 if gone else 0


def _list(dead_letters: DeadLetters, *, as_json: bool) -> int:
    rows = dead_letters.all()
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
        return 0
    for row in rows:
        print(_line_of(row))
    if not rows:
        print("no request is set aside")
    return 0


def _line_of(row: DeadLetter) -> str:
    asked = f"{row.operation}, {row.bytes} bytes, id {row.transaction or '-'}"
    return f"{row.id}  {row.at}  {asked}: begun {row.attempts} times; {row.reason}"


def _save(dead_letters: DeadLetters, name: str, file: Path) -> int:
    payload = dead_letters.payload(name)
    if payload is None:
        print(f"appliance requests: no request {name} is set aside", file=sys.stderr)
        return 1
    file.write_bytes(payload)
    print(f"{len(payload)} bytes in {file}")
    return 0
