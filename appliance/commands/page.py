"""`appliance page`: makes a new password for the page; shows and removes what it has saved."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from appliance import config as configuration
from appliance import saved_settings
from appliance.commands.action_parsers import add_actions
from appliance.errors import EditRefused
from appliance.page.access import PageAccess, Role
from appliance.page.editable_config import EditableConfig
from appliance.system import atomic_file
from appliance.values import encode

if TYPE_CHECKING:
    import argparse

    from appliance.config import Config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions of `appliance page`."""
    parser.epilog = """\
Examples:
  appliance page password
  appliance page password --role viewer
  appliance page settings
  appliance page settings --remove speech.model

The owner's password is made at the first start with page.listen, and is in the
file page-password.txt in the state directory until you make another one here.
A new password ends every session; only its hash is kept. Who has the password
of a viewer sees and tries everything, and changes nothing.

Where the page may not write config.toml, as in the service, it keeps settings
in settings.toml in the state directory. They count before config.toml. To let
none count, set page.save_settings to false. Removed ones no longer count after
a reload (systemctl reload appliance), or a restart where a key needs one.

Exit status: 0 done, 1 such a setting was not saved."""
    password, settings = add_actions(
        parser,
        {
            "password": "make a new password, and print it",
            "settings": "list the settings that the page keeps, or remove some",
        },
    )
    settings.add_argument(
        "--remove", nargs="+", metavar="KEY", help="let the value in config.toml count again"
    )
    settings.add_argument("--remove-all", action="store_true", help="the same for all")
    settings.add_argument("--json", action="store_true", help="one JSON document")
    password.add_argument(
        "--role",
        type=Role,
        choices=list(Role),
        default=Role.OWNER,
        help="owner (default) or viewer, who changes nothing",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the action."""
    config = configuration.load(arguments.config)
    if arguments.action == "settings":
        return _settings(arguments, config)
    print(PageAccess(config.state_directory).make_password(arguments.role))
    if not config.page.listen:
        print("it is of use once page.listen has an address", file=sys.stderr)
    return 0


def _settings(arguments: argparse.Namespace, config: Config) -> int:
    path = saved_settings.file_of(config.state_directory)
    if arguments.remove_all:
        atomic_file.remove(path)  # a damaged one, too
        return 0
    file = EditableConfig(arguments.config, config.state_directory, beside=True)
    for name in arguments.remove or ():
        changed = file.without(name)
        if changed.problems:
            raise EditRefused("; ".join(changed.problems))
        file.save(changed.text, file.read()[1])
    saved = configuration.saved_in_force(arguments.config)
    if arguments.json:
        shown = {"file": str(path), "settings": saved.tables, "problem": saved.problem}
        print(encode(shown).decode())
        return 0
    for section, keys in saved.tables.items():
        for key, value in keys.items():
            print(f"{section}.{key} = {encode(value).decode()}")
    if saved.problem:
        print(f"none of them counts: {saved.problem}", file=sys.stderr)
    return 0
