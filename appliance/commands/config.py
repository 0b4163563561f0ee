"""`appliance config`: shows the current settings, or the mistakes in a file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec

from appliance import doctor
from appliance.config import SECRETS, Config, load, saved_in_force
from appliance.doctor.check_result import CheckVerdict
from appliance.errors import ConfigError

if TYPE_CHECKING:
    import argparse

    from appliance.doctor.check_result import CheckResult

HIDDEN = "(hidden)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = """\
Examples:
  appliance config check --config /etc/appliance/config.toml
  appliance config show

Exit status: 0 no mistakes, 78 mistakes."""
    parser.add_argument(
        "action",
        choices=("show", "check"),
        nargs="?",
        default="show",
        help="show (default): every key with its current value, secrets hidden; check: list every "
        "mistake, and each file that is named but missing",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "check":
        return _check(arguments)
    config = load(arguments.config)
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(current_settings(config)), indent=2).decode())
    else:
        if names := saved_in_force(arguments.config).names:
            print(f"# saved on the page, see `appliance page settings`: {', '.join(names)}\n")
        print(_as_toml(current_settings(config)))
    return 0


def current_settings(config: Config) -> dict[str, Any]:
    """Every key with its current value, secrets hidden, derived values filled in."""
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
    """Mistakes in the file, otherwise in the files that it names: `run` starts with neither."""
    problems: tuple[str, ...] = ()
    named: list[CheckResult] = []
    try:
        config = load(arguments.config)
        answers = doctor.examine(doctor.context_of(config, arguments.config), doctor.CONFIGURED)
        named = [
            one for one in answers if one.verdict in (CheckVerdict.WARNING, CheckVerdict.ERROR)
        ]
    except ConfigError as error:
        problems = error.problems
    wrong = [one.found for one in named if one.verdict is CheckVerdict.ERROR]
    odd = [one.found for one in named if one.verdict is CheckVerdict.WARNING]
    good = not problems and not wrong
    if arguments.json:
        shown = {"ok": good, "problems": problems, "files": wrong, "warnings": odd}
        print(msgspec.json.encode(shown).decode())
    else:
        for line in (*problems, *wrong, *(f"warning: {one}" for one in odd)):
            print(line, file=sys.stderr)
        if good:
            print(f"{arguments.config}: ok")
    return 0 if good else ConfigError.exit_status


def _as_toml(shown: dict[str, Any]) -> str:
    lines: list[str] = []
    for section, keys in shown.items():
        lines += [f"[{section}]", *(f"{key} = {_value(value)}" for key, value in keys.items()), ""]
    return "\n".join(lines).rstrip()


def _value(value: Any) -> str:
    """A TOML value; JSON writes strings, numbers and booleans the same way."""
    return msgspec.json.encode(value).decode()
