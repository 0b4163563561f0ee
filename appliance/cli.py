"""The command line: finds the command, and turns our errors into exit statuses."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance import __version__
from appliance.errors import ApplianceError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "run": "the daemon: microphone, MQTT requests, results, telemetry",
    "listen": "recordings through the daemon's own path; one result each",
    "ask": "a sentence as text through the same path: intent, else language model",
    "evaluate": "accuracy and latency on a manifest of your own clips",
    "calibrate": "what a confidence must be, found on your own clips",
    "bench": "speed and memory of every stage on this board, against the padded, free way",
    "check": "one line per question: microphone, models, broker, clock, disk ...",
    "models": "the models: list, pull, verify, remove",
    "intents": "the sentences that may be said: check, list, test",
    "requests": "those set aside because their work ended the appliance: list, save, forget",
    "home-assistant": "what Home Assistant finds of this appliance: show, remove",
    "config": "the configuration: show what is in force, check a file",
    "network": "whom the service is let talk to, by the broker that the configuration names",
    "support-bundle": "one archive for a report of a fault, without secrets and speech",
}
"""Each is a module of `appliance.commands` with `add_arguments(parser)` and
`run(arguments) -> exit status`, imported only when it is the one asked for."""

DEFAULT_CONFIG = "config.toml"


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    words = list(sys.argv[1:] if words is None else words)
    parser = _parser(words)
    arguments = parser.parse_args(words)
    if arguments.command is None:
        parser.print_help()
        return 2
    command = _module_of(arguments.command)
    try:
        status = int(command.run(arguments))
        sys.stdout.flush()
    except ApplianceError as error:
        print(f"appliance: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    except UnicodeEncodeError as error:
        print(f"appliance: not UTF-8 text: {error.object[:60]!a}", file=sys.stderr)
        return 2
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # whoever reads (head, say) may have gone
            print(f"appliance: {error}", file=sys.stderr)
        # What could not be written must not be tried again at Python's own end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _module_of(command: str) -> Any:
    return importlib.import_module(f"appliance.commands.{command.replace('-', '_')}")


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="appliance",
        description="An offline voice and small-language-model appliance.",
        epilog="Exit status: 0 done, 1 failed, 2 wrong use, 69 something needed is not there, "
        "78 bad configuration.",
    )
    parser.add_argument("--version", action="version", version=f"appliance {__version__}")
    asked_for = next((word for word in words if not word.startswith("-")), None)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        command.add_argument(
            "--config",
            type=Path,
            default=Path(os.environ.get("APPLIANCE_CONFIG", DEFAULT_CONFIG)),
            metavar="PATH",
            help="the configuration file (default: $APPLIANCE_CONFIG, else config.toml here)",
        )
        if name == asked_for:
            _module_of(name).add_arguments(command)
    return parser
