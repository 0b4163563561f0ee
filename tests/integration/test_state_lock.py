"""Only one appliance uses a state directory; with real processes and a real disk."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from appliance.errors import NeededError, StateLocked
from appliance.system import state_lock
from appliance.system.state_lock import StateLock, holder

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLD = """
import sys, time
from pathlib import Path
from typing import TYPE_CHECKING
from appliance.system.state_lock import StateLock
StateLock(Path(sys.argv[1])).__enter__() and print("held", flush=True)
"""


@pytest.fixture
def another(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock of tmp_path / state."""
    script = HOLD.replace('print("held", flush=True)', '(print("held", flush=True), input())')
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path / "state"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_appliance_reports_who_uses_the_directory(
    another: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    state = tmp_path / "state"
    assert holder(state) == another.pid
    with pytest.raises(StateLocked) as raised:
        StateLock(state).acquire()
    assert str(raised.value) == (
        f"another appliance (pid {another.pid}) uses {state}; stop it or set device.state_directory"
    )
    assert raised.value.exit_status == 69


def test_a_killed_appliance_leaves_no_lock(
    another: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    another.send_signal(signal.SIGKILL)
    another.wait()
    assert holder(tmp_path / "state") is None
    with StateLock(tmp_path / "state"):
        assert holder(tmp_path / "state") == os.getpid()


def test_a_child_process_does_not_keep_the_lock(tmp_path: Path) -> None:
    state = StateLock(tmp_path)
    state.acquire()
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        state.release()
        with StateLock(tmp_path):
            pass
        child.kill()


def test_reading_the_lock_s_holder_does_not_stop_a_starting_appliance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / state_lock.FILE).touch()
    file = os.open(tmp_path / state_lock.FILE, os.O_RDONLY)
    fcntl.flock(file, fcntl.LOCK_SH)
    glances = [lambda: None, lambda: os.close(file)]

    def meanwhile(_: float) -> None:
        glances.pop(0)()

    monkeypatch.setattr(time, "sleep", meanwhile)
    with StateLock(tmp_path):
        assert holder(tmp_path) == os.getpid()


def test_the_directory_is_readable_for_its_owner_only(tmp_path: Path) -> None:
    state = tmp_path / "deep" / "state"
    with StateLock(state):
        assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert holder(state) is None
    StateLock(state).release()


def test_a_missing_directory_has_no_holder(tmp_path: Path) -> None:
    assert holder(tmp_path / "nowhere") is None


@pytest.mark.parametrize("place", ["/proc/appliance", "/dev/null/state"])
def test_a_directory_that_is_not_writable_is_reported_with_what_to_do(place: str) -> None:
    with pytest.raises(NeededError) as raised:
        StateLock(Path(place)).acquire()
    pattern = rf"the state directory {place} cannot be used: .+; .* or set device\.state_directory"
    assert re.fullmatch(pattern, str(raised.value))


def test_a_file_in_place_of_the_directory_is_reported(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(NeededError, match=r"state cannot be used: File exists"):
        StateLock(tmp_path / "state").acquire()


def test_the_lock_works_on_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / state_lock.FILE).touch()
    held = StateLock(tmp_path)
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from appliance.system.state_lock import StateLock, holder\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "StateLock(Path(sys.argv[1])).acquire(); print(holder(Path(sys.argv[1])))"
    )
    root = Path(__file__).parent.parent.parent
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert done.stdout == "0\n"
    held.acquire()
    held.release()
