"""`appliance requests`: lists, saves and forgets dead letters."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance import config as configuration
from appliance.commands.action_parsers import add_actions
from appliance.journal.dead_letters import open_dead_letters

if TYPE_CHECKING:
    import argparse

    from appliance.journal.dead_letters import DeadLetter, DeadLetters


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions of `appliance requests`."""
    parser.epilog = """\
Examples:
  appliance requests list
  appliance requests save 019e3a52-7c10-7b9a-8f5e-2d1c4b6a9e01 request.wav

A request that crashed the appliance requests.maximum_attempts times is a dead
letter: it is answered `failed` and not tried again. The newest 20 are kept.

Exit status: 0 done, 1 there is no such request."""
    listing, save, forget = add_actions(
        parser,
        {
            "list": "list the dead letters",
            "save": "write the content of a dead letter to a file",
            "forget": "delete dead letters from the disk",
        },
    )
    listing.add_argument("--json", action="store_true", help="one JSON document")
    save.add_argument("id", metavar="ID", help="as `list` shows it")
    save.add_argument("file", type=Path, metavar="FILE", help="file to write")
    forget.add_argument("ids", nargs="+", metavar="ID", help="as `list` shows it")


def run(arguments: argparse.Namespace) -> int:
    """Run the action; 1 if there is no such request."""
    config = configuration.load(arguments.config)
    with open_dead_letters(config.state_directory) as dead_letters:
        if arguments.action == "list":
            return _list(dead_letters, as_json=arguments.json)
        if arguments.action == "save":
            return _save(dead_letters, arguments.id, arguments.file)
        gone = [name for name in arguments.ids if not dead_letters.remove(name)]
    for name in gone:
        print(f"appliance requests: there is no dead letter {name}", file=sys.stderr)
    return 1 if gone else 0


def _list(dead_letters: DeadLetters, *, as_json: bool) -> int:
    rows = dead_letters.all()
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
        return 0
    for row in rows:
        print(_line_of(row))
    if not rows:
        print("there are no dead letters")
    return 0


def _line_of(row: DeadLetter) -> str:
    asked = f"{row.operation}, {row.bytes} bytes, id {row.transaction or '-'}"
    return f"{row.id}  {row.at}  {asked}: tried {row.attempts} times; {row.reason}"


def _save(dead_letters: DeadLetters, name: str, file: Path) -> int:
    payload = dead_letters.payload(name)
    if payload is None:
        print(f"appliance requests: there is no dead letter {name}", file=sys.stderr)
        return 1
    file.write_bytes(payload)
    print(f"{len(payload)} bytes in {file}")
    return 0
