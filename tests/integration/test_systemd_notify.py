"""What the service sends to systemd, read from a real socket."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

import pytest

from appliance.system.systemd_notify import SystemdNotifier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Supervisor = tuple[socket.socket, dict[str, str]]


@pytest.fixture(params=["in a folder", "abstract"])
def supervisor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Supervisor]:
    """A listening socket and the environment that names it."""
    if request.param == "abstract":
        name = f"appliance-test-{os.getpid()}-{time.monotonic_ns()}"
        address, named = f"\0{name}", f"@{name}"
    else:
        address = named = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address)
        listening.settimeout(5)
        yield listening, {"NOTIFY_SOCKET": named}


def heard(listening: socket.socket) -> list[str]:
    return listening.recv(4096).decode().splitlines()


def silent(listening: socket.socket) -> bool:
    listening.settimeout(0)
    with pytest.raises(BlockingIOError):
        listening.recv(4096)
    return True


def test_ready_is_sent_with_a_status(supervisor: Supervisor) -> None:
    listening, environment = supervisor
    SystemdNotifier(environment).ready("listening, 0 waiting, 52 °C")
    assert heard(listening) == ["READY=1", "STATUS=listening, 0 waiting, 52 °C"]


def test_a_status_cannot_add_an_assignment(supervisor: Supervisor) -> None:
    listening, environment = supervisor
    SystemdNotifier(environment).status("reload failed:\nMAINPID=1")
    assert heard(listening) == ["STATUS=reload failed: MAINPID=1"]


def test_the_same_status_is_sent_once(supervisor: Supervisor) -> None:
    listening, environment = supervisor
    notifier = SystemdNotifier(environment)
    notifier.status("idle")
    notifier.status("idle")
    assert heard(listening) == ["STATUS=idle"]
    assert silent(listening)


def test_a_beat_is_sent_when_it_is_due_and_not_before(supervisor: Supervisor) -> None:
    listening, environment = supervisor
    moments = iter([100.0, 110.0, 129.9, 130.0])
    notifier = SystemdNotifier({**environment, "WATCHDOG_USEC": "60000000"}, lambda: next(moments))
    for _ in range(4):
        notifier.beat()
    assert [heard(listening), heard(listening)] == [["WATCHDOG=1"], ["WATCHDOG=1"]]
    assert silent(listening)


def test_a_reload_sends_the_monotonic_time(
    supervisor: Supervisor,
) -> None:
    listening, environment = supervisor
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    SystemdNotifier(environment).reloading()
    state, moment = heard(listening)
    assert state == "RELOADING=1"
    name, microseconds = moment.split("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(microseconds) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def test_an_extended_timeout_and_the_stop_are_sent(supervisor: Supervisor) -> None:
    listening, environment = supervisor
    notifier = SystemdNotifier(environment)
    notifier.extend(1.5)
    notifier.stopping()
    assert heard(listening) == ["EXTEND_TIMEOUT_USEC=1500000"]
    assert heard(listening) == ["STOPPING=1", "STATUS=stopping"]


def test_a_missing_socket_does_not_stop_the_service(tmp_path: Path) -> None:
    SystemdNotifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready("listening")


def test_a_full_socket_does_not_block_the_service(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        notifier = SystemdNotifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        for number in range(5000):
            notifier.status(f"{number}")
