"""The actions of a command, such as `pull` in `appliance models pull`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def add_actions(
    parser: argparse.ArgumentParser, summaries: Mapping[str, str]
) -> list[argparse.ArgumentParser]:
    """Add one parser for each action; each has its own --help, and takes --config, too."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    parsers = [
        actions.add_parser(name, help=summary, description=sentence(summary))
        for name, summary in summaries.items()
    ]
    for action in parsers:
        action.add_argument(
            "--config",
            type=Path,
            default=argparse.SUPPRESS,
            metavar="PATH",
            help="the configuration file",
        )
    return parsers


def sentence(summary: str) -> str:
    """A summary as it stands on top of a help."""
    return f"{summary[0].upper()}{summary[1:]}."
