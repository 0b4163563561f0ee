"""`appliance token`: makes, lists and removes the tokens of HTTP clients."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from appliance import config as configuration
from appliance.commands.action_parsers import add_actions
from appliance.openai_api.tokens import ClientTokens

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions of `appliance token`."""
    parser.epilog = """\
Examples:
  appliance token add open-webui
  appliance token list
  appliance token remove open-webui

A program that uses http.listen sends its token as `Authorization: Bearer TOKEN`
(most programs call it API key). Give each program a token of its own: then you
can withdraw one without the others, and the log says who asked. A token is
shown once, when it is made; only its hash is kept. A change counts at once.

Exit status: 0 done, 1 the name is taken, or has no token."""
    add, listing, remove = add_actions(
        parser,
        {
            "add": "make a token for a program, and print it",
            "list": "who has a token, and since when",
            "remove": "withdraw a token",
        },
    )
    for one in (add, remove):
        one.add_argument("name", metavar="NAME", help="of the program, for example open-webui")
    for one in (add, listing):
        one.add_argument("--json", action="store_true", help="one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Run the action; 1 if there is no such token."""
    config = configuration.load(arguments.config)
    tokens = ClientTokens(config.state_directory)
    if arguments.action == "add":
        token = tokens.add(arguments.name)
        print(_json({"name": arguments.name, "token": token}) if arguments.json else token)
        if not config.http.listen:
            print("it is of use once http.listen has an address", file=sys.stderr)
        return 0
    if arguments.action == "list":
        _list(tokens, as_json=arguments.json)
        return 0
    if not tokens.remove(arguments.name):
        print(f"appliance token: {arguments.name} has no token", file=sys.stderr)
        return 1
    return 0


def _list(tokens: ClientTokens, *, as_json: bool) -> None:
    kept = tokens.kept()
    if as_json:
        print(_json([{"name": name, "made_at": one.made_at} for name, one in kept.items()]))
        return
    for name, one in kept.items():
        print(f"{name}  {one.made_at}")
    if not kept:
        print("no program has a token; make one: appliance token add NAME")


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
