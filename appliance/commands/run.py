"""`appliance run`: the daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.system import allocator, signals

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "SIGTERM or Ctrl-C stops it within seconds; SIGHUP reads the configuration and the "
        "sentences again. Under systemd use systemd/appliance.service."
    )
    parser.add_argument(
        "--trial",
        action="store_true",
        help="print what is heard and published; play the sample recordings where there is no "
        "microphone",
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="play the sample recordings, then stop: status 0 when each gave what was expected",
    )


def run(arguments: argparse.Namespace) -> int:
    # Before numpy and the engines are imported: they start threads as they are, and a signal that
    # one of those takes would end the process on the spot.
    signals.block()
    allocator.settle()
    from appliance.config import load  # noqa: PLC0415
    from appliance.daemon import daemon  # noqa: PLC0415
    from appliance.demo.demo import Demo  # noqa: PLC0415
    from appliance.demo.embedded_broker import EmbeddedBroker  # noqa: PLC0415
    from appliance.system import logs  # noqa: PLC0415

    config = load(arguments.config)
    logs.set_up(config.log.level)
    companions: list[daemon.Companion] = []
    if not config.mqtt.host:
        port = config.mqtt.embedded_port
        companions.append(EmbeddedBroker(port, config.requests.maximum_bytes))
    if not (arguments.trial or arguments.once):
        return daemon.run(arguments.config, config, daemon.Extras(companions=companions))
    demo = Demo(config, once=arguments.once)
    extras = daemon.Extras(
        companions=[*companions, demo], microphone=demo.microphone, observers=[demo]
    )
    return daemon.run(arguments.config, config, extras)
