"""`appliance network`: shows or applies the IP allow list. Quick: it runs before each start."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from appliance import config as configuration
from appliance.errors import ApplianceError
from appliance.system import systemd_ip_allowlist, systemd_queries

if TYPE_CHECKING:
    import argparse

ROOT = Path("/")
NOT_AN_ADDRESS = "mqtt.host is a name, not an address: the unit allows all local networks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `appliance network`."""
    parser.epilog = """\
Examples:
  appliance network
  sudo appliance network --apply

It prints the systemd drop-in that limits IPAddressAllow= to the address in
mqtt.host, and to wyoming.allow and metrics.allow if these servers are on. The
service applies it at each start.

Exit status: 0 done, 1 it could not be applied (the previous rules are active
again)."""
    parser.add_argument("--apply", action="store_true", help="apply it now; requires root")


def run(arguments: argparse.Namespace) -> int:
    """Print the drop-in, or apply it; if that fails, remove it again."""
    config = configuration.load(arguments.config)
    text = systemd_ip_allowlist.drop_in(config.mqtt.host, config.clients)
    if not arguments.apply:
        print(text or NOT_AN_ADDRESS)
        return 0
    try:
        if systemd_ip_allowlist.write_drop_in(text, ROOT):
            systemd_queries.reload()
    except (OSError, subprocess.TimeoutExpired) as error:
        with contextlib.suppress(OSError):
            systemd_ip_allowlist.write_drop_in(None, ROOT)
        raise ApplianceError(
            f"the IP allow list could not be applied: {error}; "
            "run as root, under systemd: appliance network --apply"
        ) from error
    return 0
