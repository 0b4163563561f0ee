"""Whether the clock counts as synchronised."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from appliance.system.clock_sync import clock_synced

if TYPE_CHECKING:
    from pathlib import Path


def test_the_file_of_systemd_timesyncd_decides(tmp_path: Path) -> None:
    assert clock_synced(tmp_path) is None
    daemon = tmp_path / "run/systemd/timesync"
    daemon.mkdir(parents=True)
    assert clock_synced(tmp_path) is False
    (daemon / "synchronized").touch()
    assert clock_synced(tmp_path) is True


def test_reading_the_clock_s_state_does_not_change_the_clock() -> None:
    before, steady = time.time(), time.monotonic()
    assert clock_synced() in {True, False, None}
    assert abs((time.time() - before) - (time.monotonic() - steady)) < 1.0
