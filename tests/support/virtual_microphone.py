"""A microphone without hardware: the null sink of a private PulseAudio, as a source."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SINK = "room"
PROGRAMS = ("pulseaudio", "paplay", "pactl")

ALSA = """\
pcm.!default { type pulse }
ctl.!default { type pulse }
"""
"""PortAudio knows ALSA only; ALSA's plugin leads on to PulseAudio."""


OPTIONS = (
    "--daemonize=no",
    "--exit-idle-time=-1",
    "--use-pid-file=no",
    "--disable-shm=yes",
    "--log-level=error",
)


class VirtualMicrophone:
    """A sound server of its own: what `play` plays is what its microphone records."""

    def __init__(self, folder: Path) -> None:
        socket = folder / "pulse.socket"
        self.folder = folder
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "PULSE_SERVER": f"unix:{socket}",
            "PULSE_COOKIE": str(folder / "cookie"),
        }
        """Give this to a process whose microphone reads from this one."""
        self._modules = (
            f"module-native-protocol-unix socket={socket} auth-anonymous=1",
            f"module-null-sink sink_name={SINK} rate=48000 channels=2",
        )
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the sound server and wait until it answers."""
        (self.folder / ".asoundrc").write_text(ALSA, encoding="ascii")
        log = self.folder / "pulseaudio.log"
        modules = [f"--load={module}" for module in self._modules]
        self._daemon = subprocess.Popen(
            ["pulseaudio", "-n", *OPTIONS, f"--log-target=file:{log}", *modules],
            env=self.environment,
        )
        for _ in range(100):
            if self._pactl("set-default-source", f"{SINK}.monitor") == 0:
                return
            time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"PulseAudio did not start: {log.read_text(encoding='utf-8')}")

    def stop(self) -> None:
        """End the sound server; a listener finds the microphone gone."""
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(10)
            self._daemon = None

    def pause(self) -> None:
        """Let the sound server stand still: it is there, and does nothing."""
        if self._daemon is not None:
            self._daemon.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        if self._daemon is not None:
            self._daemon.send_signal(signal.SIGCONT)

    def play(self, recording: Path) -> None:
        """Play a recording (WAV or FLAC) to the microphone; returns at its end."""
        subprocess.run(
            ["paplay", f"--device={SINK}", str(recording)],
            env=self.environment,
            check=True,
            timeout=60,
        )

    def fall_dumb(self) -> None:
        """Lead the microphone to a pipe into which nobody writes: it opens, and brings nothing."""
        pipe = f"file={self.folder / 'pipe'}"
        self._pactl("load-module", "module-pipe-source", "source_name=dumb", pipe, "rate=16000")
        if self._pactl("set-default-source", "dumb") != 0:
            raise RuntimeError("PulseAudio has no pipe to listen to")

    def speak_again(self) -> None:
        """Lead it back to what is played."""
        self._pactl("set-default-source", f"{SINK}.monitor")

    def listeners(self) -> int:
        """How many programs have the microphone open."""
        return self._count("source-outputs")

    def talkers(self) -> int:
        """How many programs are playing something."""
        return self._count("sink-inputs")

    def _count(self, what: str) -> int:
        listed = subprocess.run(
            ["pactl", "list", "short", what],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return len(listed.stdout.splitlines())

    def _pactl(self, *words: str) -> int:
        return subprocess.run(
            ["pactl", *words], env=self.environment, capture_output=True, check=False
        ).returncode


@contextmanager
def virtual_microphone(folder: Path) -> Iterator[VirtualMicrophone]:
    """A microphone in an empty folder, its sound server running; skips without PulseAudio."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        reason = f"{', '.join(missing)} not installed; run: sudo apt install pulseaudio"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    microphone = VirtualMicrophone(folder)
    microphone.start()
    try:
        yield microphone
    finally:
        microphone.stop()
