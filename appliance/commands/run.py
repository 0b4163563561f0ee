"""`appliance run`: the daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.system import allocator, signal_wait

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = """\
Examples:
  appliance run --config /etc/appliance/config.toml
  appliance run --trial       print what happens; no microphone is required

SIGTERM or Ctrl-C stops it within seconds. SIGHUP reloads configuration and
sentences. `script/install` installs it as a systemd service.

Exit status: 0 stopped on request, 1 crashed or (with --once) a sample was not
understood, 69 something required is missing, 78 wrong configuration."""
    parser.add_argument(
        "--trial",
        action="store_true",
        help="print what is heard and published; without a microphone, play the sample recordings",
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="play the sample recordings, then stop; exit status 0 if each result is as expected",
    )


def run(arguments: argparse.Namespace) -> int:
    # Before numpy and the engines are imported: the import starts threads, and a signal that one of
    # them receives would end the process at once.
    signal_wait.block()
    allocator.limit_memory()
    import msgspec  # noqa: PLC0415

    from appliance.config import load  # noqa: PLC0415
    from appliance.daemon import daemon  # noqa: PLC0415
    from appliance.demo.demo import Demo  # noqa: PLC0415
    from appliance.demo.embedded_broker import EmbeddedBroker  # noqa: PLC0415
    from appliance.demo.simulated_home import SimulatedHome  # noqa: PLC0415
    from appliance.system import logs  # noqa: PLC0415

    config = load(arguments.config)
    logs.set_up(config.log.level)
    companions: list[daemon.Companion] = []
    if not config.mqtt.host:
        port = config.mqtt.embedded_port
        companions.append(EmbeddedBroker(port, config.requests.maximum_bytes))
    if not (arguments.trial or arguments.once):
        return daemon.run(arguments.config, config, daemon.Extras(companions=companions))
    if not config.mqtt.host and not arguments.once and config.devices.discovery == "off":
        # Nobody's own devices are on an embedded broker: the trial may act on simulated ones.
        devices = msgspec.structs.replace(config.devices, discovery="act")
        config = msgspec.structs.replace(config, devices=devices)
        companions.append(SimulatedHome(config))
    demo = Demo(config, once=arguments.once)
    extras = daemon.Extras(
        companions=[*companions, demo], microphone=demo.microphone, observers=[demo]
    )
    return daemon.run(arguments.config, config, extras)
