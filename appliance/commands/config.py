"""`appliance config`: what is in force, and what is wrong with a file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.config import Config, load
from appliance.errors import ConfigError

if TYPE_CHECKING:
    import argparse

HIDDEN = "(hidden)"
SECRETS = frozenset({("mqtt", "username")})
"""Keys whose values are not shown; the password itself is never in the file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=("show", "check"),
        nargs="?",
        default="show",
        help="show: every key with the value in force (default); check: only what is wrong",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "check":
        return _check(arguments)
    config = load(arguments.config)
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(in_force(config)), indent=2).decode())
    else:
        print(_as_toml(in_force(config)))
    return 0


def in_force(config: Config) -> dict[str, Any]:
    """Every key with its value, secrets hidden, and the values that follow from others."""
    shown: dict[str, Any] = msgspec.to_builtins(config)
    for section, key in SECRETS:
        if shown[section][key]:
            shown[section][key] = HIDDEN
    shown["device"]["name"] = config.name
    shown["device"]["state_directory"] = str(config.state_directory)
    shown["device"]["models_directory"] = str(config.models_directory)
    shown["device"]["threads"] = config.threads
    shown["mqtt"]["root"] = config.root
    shown["mqtt"]["client_id"] = config.client_id
    shown["mqtt"]["port"] = config.broker_port
    return shown


def _check(arguments: argparse.Namespace) -> int:
    problems: tuple[str, ...] = ()
    try:
        load(arguments.config)
    except ConfigError as error:
        problems = error.problems
    if arguments.json:
        print(msgspec.json.encode({"ok": not problems, "problems": problems}).decode())
    elif problems:
        print("\n".join(problems), file=sys.stderr)
    else:
        print(f"{arguments.config}: ok")
    return ConfigError.exit_status if problems else 0


def _as_toml(shown: dict[str, Any]) -> str:
    lines: list[str] = []
    for section, keys in shown.items():
        lines += [f"[{section}]", *(f"{key} = {_value(value)}" for key, value in keys.items()), ""]
    return "\n".join(lines).rstrip()


def _value(value: Any) -> str:
    """A TOML value; JSON writes strings, numbers and booleans the same way."""
    return msgspec.json.encode(value).decode()
