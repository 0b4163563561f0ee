"""Checks a written bundle in a process of its own: `python -m appliance.fleet.bundle_check`.

Configuration, sentences and devices file are read as the daemon would read them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from appliance import config as configuration
from appliance.devices.discovered_entities import DiscoveryRules
from appliance.devices.owner_file import load_owner_file
from appliance.errors import ApplianceError, ConfigError
from appliance.pushed_bundle import contents_of
from appliance.sentences import sentence_set

TIMEOUT_S = 120.0
LONGEST_REASON = 2000


def problem_of(config_path: Path, serial: int) -> str | None:
    """The problem of a bundle; None if there is none."""
    command = [sys.executable, "-m", "appliance.fleet.bundle_check", str(config_path), str(serial)]
    try:
        done = subprocess.run(  # noqa: S603  (our own module)
            command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return f"its check takes more than {TIMEOUT_S:.0f} s"
    except OSError as error:
        return f"it cannot be checked: {error}"
    if done.returncode == 0:
        return None
    said = (done.stdout.strip() or done.stderr.strip() or "its check failed")[-LONGEST_REASON:]
    return f"{said} (status {done.returncode})"


def main() -> int:
    """Check the bundle whose configuration and number are the arguments."""
    config_path, serial = Path(sys.argv[1]), int(sys.argv[2])
    try:
        own = configuration.load(config_path, with_bundle=False)
        contents = contents_of(own.state_directory, serial)
        config = configuration.load(config_path, contents=contents)
        load_owner_file(config.devices_file, DiscoveryRules.of(config))
        loaded = sentence_set.load(
            config.sentence_folder,
            config.device.language,
            builtin=config.sentences.builtin,
            area=config.device.area,
            included=config.sentences.included,
        )
        _ = loaded.grammar
    except ApplianceError as error:
        print(error)
        return ConfigError.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
