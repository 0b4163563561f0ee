"""`appliance run`: the daemon."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from appliance.system import allocator, signal_wait

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from appliance.config import Config
    from appliance.daemon.daemon import Extras

SWITCH_INTERVAL_S = 0.0005
"""Python's own 5 ms is what a thread with a moment's work waits for each one that computes. In a
flood of requests the thread that reads from the broker then falls behind."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = """\
Examples:
  appliance run --config /etc/appliance/config.toml
  appliance run --trial       print what happens; no microphone is required

SIGTERM or Ctrl-C stops it within seconds. SIGHUP reloads configuration and
sentences. `script/install` installs it as a systemd service.

Exit status: 0 stopped on request, 1 crashed or (with --once) a sample was not
understood, 69 something required is missing, 75 it must start again (a signed
bundle came or was rolled back; systemd does that), 78 wrong configuration."""
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
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    import msgspec  # noqa: PLC0415

    from appliance.daemon import daemon  # noqa: PLC0415
    from appliance.demo.demo import Demo  # noqa: PLC0415
    from appliance.demo.embedded_broker import EmbeddedBroker  # noqa: PLC0415
    from appliance.demo.simulated_home import SimulatedHome  # noqa: PLC0415
    from appliance.demo.trial_address import trial_address  # noqa: PLC0415
    from appliance.system import logs  # noqa: PLC0415

    config = _config_of_start(arguments.config)
    logs.set_up(config.log.level)
    for found in config.without_effect:
        logging.getLogger(__name__).warning("%s", found)
    companions: list[daemon.Companion] = []
    if not config.mqtt.host:
        port = config.mqtt.embedded_port
        companions.append(EmbeddedBroker(port, config.requests.maximum_bytes))
    if not (arguments.trial or arguments.once):
        return _run_service(arguments.config, config, daemon.Extras(companions=companions))
    if not config.mqtt.host and not arguments.once and config.devices.discovery == "off":
        # Nobody's own devices are on an embedded broker: the trial may act on simulated ones.
        devices = msgspec.structs.replace(config.devices, discovery="act")
        config = msgspec.structs.replace(config, devices=devices)
        companions.append(SimulatedHome(config))
    if not config.page.listen and not arguments.once:
        listen = trial_address()
        page = msgspec.structs.replace(config.page, listen=listen)
        config = msgspec.structs.replace(config, page=page)
    demo = Demo(config, once=arguments.once)
    extras = daemon.Extras(
        companions=[*companions, demo], microphone=demo.microphone, observers=[demo]
    )
    return daemon.run(arguments.config, config, extras)


def _config_of_start(path: Path) -> Config:
    """The configuration with the active bundle; one in its trial must not prevent the start."""
    from appliance.config import load  # noqa: PLC0415
    from appliance.errors import ConfigError  # noqa: PLC0415
    from appliance.fleet.bundle_store import BundleStore  # noqa: PLC0415

    own = load(path, with_bundle=False)
    if not own.fleet.public_key:
        return own
    store = BundleStore(own.state_directory)
    store.count_start()
    try:
        return load(path)
    except ConfigError as error:
        if not store.take_back(str(error)):
            raise
        return load(path)


def _run_service(path: Path, config: Config, extras: Extras) -> int:
    """Run the daemon; if it cannot start during a bundle's trial, roll the bundle back."""
    from appliance.daemon import daemon  # noqa: PLC0415
    from appliance.errors import ApplianceError, StateLocked  # noqa: PLC0415
    from appliance.fleet.bundle_receiver import RESTART_STATUS  # noqa: PLC0415
    from appliance.fleet.bundle_store import BundleStore  # noqa: PLC0415

    try:
        return daemon.run(path, config, extras)
    except StateLocked:
        raise
    except ApplianceError as error:
        if config.fleet.public_key and BundleStore(config.state_directory).take_back(str(error)):
            return RESTART_STATUS
        raise
