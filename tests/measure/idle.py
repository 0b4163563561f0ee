"""What the appliance costs while it waits for its wake word in a room with a little noise.

PYTHONPATH=.:tests APPLIANCE_MODELS=... python -m measure.idle [--seconds 60]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import wave
from pathlib import Path

import numpy as np
import psutil
from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.virtual_microphone import SINK, virtual_microphone


def hum(path: Path, seconds: int) -> None:
    """A fan: noise at -60 dBFS."""
    noise = np.random.default_rng(1).normal(0, 33, 16_000 * seconds).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(noise.tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=60)
    seconds = parser.parse_args().seconds
    with (
        tempfile.TemporaryDirectory() as name,
        Mosquitto(Path(name) / "broker") as broker,
        virtual_microphone(Path(name)) as microphone,
        DaemonProcess(
            Path(name),
            Path(os.environ["APPLIANCE_MODELS"]),
            mqtt={"host": "127.0.0.1", "port": broker.port},
            listening={"trigger": "wake_word"},
        ) as daemon,
    ):
        hum(Path(name) / "hum.wav", seconds + 10)
        player = psutil.Popen(
            ["paplay", f"--device={SINK}", f"{name}/hum.wav"], env=microphone.environment
        )
        daemon.environment = microphone.environment
        daemon.start()
        assert daemon.process is not None
        process = psutil.Process(daemon.process.pid)
        time.sleep(3.0)
        before = sum(process.cpu_times()[:2])
        time.sleep(seconds)
        used = sum(process.cpu_times()[:2]) - before
        memory = process.memory_info().rss / 2**20
        print(f"{100 * used / seconds:.1f} % of one core, {memory:.0f} MB resident")
        player.kill()
        player.wait()


if __name__ == "__main__":
    main()
