"""Signals as a real process gets them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

WAITS = """
from appliance.system import signal_wait
signal_wait.block()
print("waiting", flush=True)
while (caught := signal_wait.wait(0.05)) is None:
    pass
print(caught.name, flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_caught_and_none_is_invented_after_a_standstill(
    number: signal.Signals,
) -> None:
    words = [sys.executable, "-c", WAITS]
    with subprocess.Popen(words, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        for _ in range(3):  # stopped for longer than it waits, as by a debugger or by suspension
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.15)
            process.send_signal(signal.SIGCONT)
            time.sleep(0.1)
        assert process.poll() is None
        process.send_signal(number)
        assert process.stdout.readline() == f"{number.name}\n"
