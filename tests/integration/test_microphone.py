"""The microphone with a real sound server, the real PortAudio and real speech."""

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

LISTENING_PROGRAM = textwrap.dedent("""
    import json, sys, time
    import numpy as np
    from support.pipeline_parts import RecordedIntake
    from appliance.audio.microphone import SoundCardMicrophone
    from appliance.config import ListeningSettings
    from appliance.dialogue.listener_control import ListenerControl
    from appliance.engines.silero import Silero
    from appliance.listening.listener import Listener
    from appliance.listening.frames_to_utterances import FramesToUtterances

    def report(**fields):
        print(json.dumps(fields), flush=True)

    def take(utterance):
        path = f"{sys.argv[1]}/{utterance.id}.npy"
        np.save(path, utterance.samples)
        report(path=path, after=time.monotonic() - utterance.speech_ended,
               speech=utterance.speech_seconds, overruns=microphone.overruns)
        return True

    microphone = SoundCardMicrophone()
    listening = FramesToUtterances(Silero(), ListeningSettings(), RecordedIntake(take))
    listener = Listener(microphone, listening, ListenerControl())
    listener.start()
    state = None
    while True:
        listener.turn()
        if microphone.state is not state:
            state = microphone.state
            report(state=state)
""")
"""A process of its own, because PortAudio reads the environment only when it is loaded."""


class ListeningProcess:
    """The lines that a listening process prints."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._lines: Queue[dict[str, Any]] = Queue()
        self._process = process
        threading.Thread(target=self._collect, daemon=True).start()

    def wait_for(self, key: str, value: object = None, seconds: float = 30.0) -> dict[str, Any]:
        """The next line with this key (and value); TimeoutError if there is none in time."""
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
def listening_to(microphone: VirtualMicrophone) -> Iterator[ListeningProcess]:
    process = subprocess.Popen(
        [sys.executable, "-c", LISTENING_PROGRAM, str(microphone.folder)],
        env={**microphone.environment, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'tests'}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield ListeningProcess(process)
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


def test_a_sentence_played_to_the_microphone_is_transcribed(
    microphone: VirtualMicrophone, models_directory: Path
) -> None:
    with listening_to(microphone) as listening:
        listening.wait_for("state", "ok")
        microphone.play(SAMPLES / "kitchen_light.flac")
        line = listening.wait_for("path")

    assert line["overruns"] == 0
    assert line["after"] > 0.6  # the pause, and the time of the detector
    whole = decode(SAMPLES / "kitchen_light.flac", maximum_seconds=10)
    assert len(load(line)) > 0.8 * len(whole)
    heard = Whisper(models_directory / "whisper-tiny.en", threads=1).transcribe(load(line), "en")
    assert heard.text.lower().strip(" .") == "turn on the kitchen light"


def test_a_microphone_that_vanishes_is_lost_and_works_again_when_it_is_back(
    microphone: VirtualMicrophone,
) -> None:
    with listening_to(microphone) as listening:
        listening.wait_for("state", "ok")
        microphone.stop()
        listening.wait_for("state", "lost", seconds=10)

        microphone.start()
        listening.wait_for("state", "ok", seconds=30)
        microphone.play(SAMPLES / "kitchen_light.flac")
        assert listening.wait_for("path")["speech"] > 0.5


def test_a_microphone_without_sound_is_silent_and_not_lost(microphone: VirtualMicrophone) -> None:
    with listening_to(microphone) as listening:
        # Nothing is played to the null sink, so every sample is exactly zero.
        listening.wait_for("state", "silent", seconds=15)
        microphone.play(SAMPLES / "kitchen_light.flac")
        listening.wait_for("state", "ok")


def test_without_a_sound_system_the_error_says_that_there_is_no_microphone(tmp_path: Path) -> None:
    if Path("/proc/asound/pcm").is_file():
        pytest.skip("this machine has a sound card, which cannot be hidden from PortAudio")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from appliance.audio.microphone import *; SoundCardMicrophone().open()",
        ],
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
