"""`appliance satellite`: a board with microphone and loudspeaker, recognised elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.system import allocator, signal_wait

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = """\
Examples:
  appliance satellite --config /etc/appliance/config.toml

On the satellite, in config.toml:
  [device]
  name = "bedroom-satellite"
  area = "bedroom"
  [satellite]
  listen = "0.0.0.0:10700"
  allow = ["192.168.1.20"]      the appliance that recognises

On that appliance:
  [wyoming]
  satellites = ["192.168.1.31:10700"]

In place of `appliance run`; it needs no models, no broker and no sentences.
SIGTERM or Ctrl-C stops it. See docs/connect/satellite.md.

Exit status: 0 stopped on request, 1 crashed, 69 something required is missing,
78 wrong configuration."""


def run(arguments: argparse.Namespace) -> int:
    # Before numpy and the engines are imported: see commands/run.py.
    signal_wait.block()
    allocator.limit_memory()
    from appliance.config import load  # noqa: PLC0415
    from appliance.satellites import satellite  # noqa: PLC0415
    from appliance.system import logs  # noqa: PLC0415

    config = load(arguments.config)
    logs.set_up(config.log.level)
    return satellite.run(config)
