"""A real sound server, a real PortAudio, real speech: what is spoken is heard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any

import pytest
from support.virtual_microphone import VirtualMicrophone, virtual_microphone

from appliance.audio.decode import decode
from appliance.engines.whisper.model import Whisper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.values import Samples

REPOSITORY = Path(__file__).parent.parent.parent
SAMPLES = REPOSITORY / "appliance" / "samples"

EAR = textwrap.dedent("""
    import json, sys, time
    import numpy as np
    from appliance.audio.capture import SoundCard
    from appliance.audio.ear import Ear, Neighbours
    from appliance.audio.listener import Listener
    from appliance.config import Listening
    from appliance.engines.silero import Silero
    from appliance.identity import Ids

    def say(**what):
        print(json.dumps(what), flush=True)

    def take(utterance):
        path = f"{sys.argv[1]}/{utterance.id}.npy"
        np.save(path, utterance.samples)
        say(path=path, after=time.monotonic() - utterance.speech_ended,
            speech=utterance.speech_seconds, overruns=microphone.overruns)
        return True

    microphone = SoundCard()
    neighbours = Neighbours(hand_over=take, new_id=Ids().new, on_activity=lambda activity: None)
    listener = Listener(microphone, Ear(Silero(), Listening(), neighbours), neighbours)
    listener.start()
    state = None
    while True:
        listener.turn()
        if microphone.state is not state:
            state = microphone.state
            say(state=state)
""")
"""PortAudio reads the environment when it is loaded, so each ear is a process."""


class Ear:
    """What a listening process says, line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._lines: Queue[dict[str, Any]] = Queue()
        self._process = process
        threading.Thread(target=self._collect, daemon=True).start()

    def hears(self, key: str, value: object = None, seconds: float = 30.0) -> dict[str, Any]:
        """The next line with this key (and value); TimeoutError when none comes."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                line = self._lines.get(timeout=left)
            except Empty:
                break
            if key in line and value in (None, line[key]):
                return line
        raise TimeoutError(f"nothing with {key}={value} within {seconds} s")

    def _collect(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(json.loads(line))


@contextmanager
def ear_in(microphone: VirtualMicrophone) -> Iterator[Ear]:
    process = subprocess.Popen(
        [sys.executable, "-c", EAR, str(microphone.folder)],
        env={**microphone.environment, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Ear(process)
    finally:
        process.terminate()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def microphone(tmp_path: Path) -> Iterator[VirtualMicrophone]:
    with virtual_microphone(tmp_path) as opened:
        yield opened


def load(line: dict[str, Any]) -> Samples:
    import numpy as np  # noqa: PLC0415

    samples: Samples = np.load(line["path"])
    return samples


def test_a_sentence_spoken_into_the_room_is_understood(
    microphone: VirtualMicrophone, models_directory: Path
) -> None:
    with ear_in(microphone) as ear:
        ear.hears("state", "ok")
        microphone.play(SAMPLES / "kitchen_light.flac")
        line = ear.hears("path")

    assert line["overruns"] == 0
    assert line["after"] > 0.6  # the pause, and what the detector took
    whole = decode(SAMPLES / "kitchen_light.flac", maximum_seconds=10)
    assert len(load(line)) > 0.8 * len(whole)
    heard = Whisper(models_directory / "whisper-tiny.en", threads=1).transcribe(load(line), "en")
    assert heard.text.lower().strip(" .") == "turn on the kitchen light"


def test_a_microphone_that_vanishes_is_noticed_and_hears_again_when_it_is_back(
    microphone: VirtualMicrophone,
) -> None:
    with ear_in(microphone) as ear:
        ear.hears("state", "ok")
        microphone.stop()
        ear.hears("state", "lost", seconds=10)

        microphone.start()
        ear.hears("state", "ok", seconds=30)
        microphone.play(SAMPLES / "kitchen_light.flac")
        assert ear.hears("path")["speech"] > 0.5


def test_a_muted_microphone_is_told_from_a_lost_one(microphone: VirtualMicrophone) -> None:
    with ear_in(microphone) as ear:
        # Nobody speaks into a null sink: every sample is exactly zero.
        ear.hears("state", "silent", seconds=15)
        microphone.play(SAMPLES / "kitchen_light.flac")
        ear.hears("state", "ok")


def test_without_any_sound_system_it_says_that_there_is_no_microphone(tmp_path: Path) -> None:
    if Path("/proc/asound/pcm").is_file():
        pytest.skip("this machine has a sound card, which cannot be hidden from PortAudio")
    done = subprocess.run(
        [sys.executable, "-c", "from appliance.audio.capture import *; SoundCard().open()"],
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "HOME": str(tmp_path),
            "PULSE_SERVER": f"unix:{tmp_path}/nobody",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert "MicrophoneError: there is no microphone; plug one in" in done.stderr
