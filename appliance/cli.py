"""The command line: finds the command, and turns errors into exit statuses."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance import __version__
from appliance.commands.action_parsers import sentence
from appliance.errors import ApplianceError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "run": "the daemon: microphone, MQTT requests, results, telemetry",
    "satellite": "microphone, wake word and loudspeaker only; recognised by another appliance",
    "listen": "recognise recordings as the daemon does; one result for each file",
    "ask": "treat a text like speech: one of your sentences, otherwise the language model",
    "evaluate": "accuracy and latency on your own recordings or texts",
    "calibrate": "compute the confidence settings from your own recordings",
    "clips": "keep, list or remove your own examples for evaluate and calibrate",
    "bench": "speed and memory of every stage, compared with unconstrained decoding in 30 s",
    "check": "check microphone, models, broker, clock, disk and more; one line each",
    "models": "list, pull, verify or remove models",
    "intents": "check, list or test the sentences that may be said",
    "devices": "what was found on the broker, and what a sentence would publish",
    "requests": "requests that crashed the appliance (dead letters): list, save, forget",
    "token": "make, list or remove the tokens of programs that use the HTTP server",
    "page": "make a new password for the page; list or remove the settings that it keeps",
    "home-assistant": "what Home Assistant finds of this appliance: show, remove",
    "config": "show the current configuration, or check a file for mistakes",
    "licences": "what is installed and under which licence; as a list or as an SBOM",
    "fleet": "many boards over MQTT: list them, make a signed bundle, push it in stages",
    "network": "show or apply the systemd IP allow list for the broker",
    "support-bundle": "write one archive for a bug report, without secrets and speech",
}
"""Each is a module of `appliance.commands` with `add_arguments(parser)` and
`run(arguments) -> exit status`. Only the requested one is imported."""

MODULES = {
    "home-assistant": "home_assistant_discovery",
    "listen": "recognise_recordings",
    "requests": "dead_letters",
}
"""Those whose module says more than the command's name; the others have its name."""

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
        if not isinstance(error, BrokenPipeError):  # the reader, such as head, may have ended
            print(f"appliance: {error}", file=sys.stderr)
        # Python flushes at its end: what could not be written must not be tried again there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _module_of(command: str) -> Any:
    module = MODULES.get(command, command.replace("-", "_"))
    return importlib.import_module(f"appliance.commands.{module}")


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="appliance",
        description="An offline voice and small-language-model appliance.",
        epilog="`appliance COMMAND --help` has examples. Exit status: 0 done, 1 failed, 2 wrong "
        "use, 69 something required is missing, 78 wrong configuration.",
    )
    parser.add_argument("--version", action="version", version=f"appliance {__version__}")
    requested = next((word for word in words if not word.startswith("-")), None)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=summary,
            description=sentence(summary),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_argument(
            "--config",
            type=Path,
            default=Path(os.environ.get("APPLIANCE_CONFIG", DEFAULT_CONFIG)),
            metavar="PATH",
            help="the configuration file (default: $APPLIANCE_CONFIG, otherwise ./config.toml)",
        )
        if name == requested:
            _module_of(name).add_arguments(command)
    return parser
