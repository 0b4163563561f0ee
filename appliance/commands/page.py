"""`appliance page`: makes a new password for the page."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from appliance import config as configuration
from appliance.commands.action_parsers import add_actions
from appliance.page.access import PageAccess, Role

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions of `appliance page`."""
    parser.epilog = """\
Examples:
  appliance page password
  appliance page password --role viewer

The owner's password is made at the first start with page.listen, and is in the
file page-password.txt in the state directory until you make another one here.
A new password ends every session; only its hash is kept. Who has the password
of a viewer sees and tries everything, and changes nothing.

Exit status: 0 done."""
    (password,) = add_actions(parser, {"password": "make a new password, and print it"})
    password.add_argument(
        "--role",
        type=Role,
        choices=list(Role),
        default=Role.OWNER,
        help="owner (default) or viewer, who changes nothing",
    )


def run(arguments: argparse.Namespace) -> int:
    """Make the password."""
    config = configuration.load(arguments.config)
    print(PageAccess(config.state_directory).make_password(arguments.role))
    if not config.page.listen:
        print("it is of use once page.listen has an address", file=sys.stderr)
    return 0
