"""When a beat of the watchdog is due."""

from __future__ import annotations

import os

import pytest

from appliance.system.systemd_notify import SystemdNotifier


@pytest.mark.parametrize(
    ("environment", "every"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_a_beat_is_due_twice_per_watchdog_interval(
    environment: dict[str, str], every: float | None
) -> None:
    assert SystemdNotifier(environment).beat_every_s == every


def test_without_systemd_nothing_happens_and_nothing_fails() -> None:
    notifier = SystemdNotifier({})
    notifier.ready("listening")
    notifier.status("thinking")
    notifier.beat()
    notifier.reloading()
    notifier.extend(10)
    notifier.stopping()
