"""Recordings of others in the decoder's own process: its limits, and what becomes of a crash."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import wave
from typing import TYPE_CHECKING

import av
import numpy as np
import psutil
import pytest
from support.waiting import until

from appliance.audio import decoder_process
from appliance.audio.decoder_process import decode_recording
from appliance.errors import AudioError, Interrupted
from appliance.values import SAMPLE_RATE

if TYPE_CHECKING:
    from pathlib import Path


def recorded(seconds: float = 1.0) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        writer.writeframes(np.full(round(seconds * SAMPLE_RATE), 8192, "<i2").tobytes())
    return file.getvalue()


def long_silence(seconds: float) -> bytes:
    """A FLAC file of a few kilobytes for each minute."""
    file = io.BytesIO()
    with av.open(file, mode="w", format="flac") as writer:
        stream = writer.add_stream("flac", rate=SAMPLE_RATE, layout="mono")
        assert isinstance(stream, av.AudioStream)
        for _ in range(round(seconds)):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, SAMPLE_RATE), np.int16), "s16", "mono")
            frame.rate = SAMPLE_RATE
            writer.mux(stream.encode(frame))
        writer.mux(stream.encode(None))
    return file.getvalue()


def refusal(source: bytes | Path, seconds: float = 120.0, size: int | None = None) -> str:
    with pytest.raises(AudioError) as caught:
        decode_recording(source, maximum_seconds=seconds, maximum_bytes=size)
    return str(caught.value)


def children() -> set[int]:
    found = set()
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # it is over
            if decoder_process.MODULE in " ".join(child.cmdline()):
                found.add(child.pid)
    return found


def test_a_recording_is_decoded_from_memory_and_from_a_file_in_the_same_process(
    tmp_path: Path,
) -> None:
    path = tmp_path / "tone.wav"
    path.write_bytes(recorded())
    first = decode_recording(path, maximum_seconds=10.0)
    pids = children()
    second = decode_recording(recorded(), maximum_seconds=10.0)
    assert children() == pids
    assert first.dtype == second.dtype == np.float32
    assert first.shape == second.shape == (SAMPLE_RATE,)
    assert np.allclose(second, 0.25, atol=0.001)


def test_what_is_refused_is_refused_with_its_reason_and_the_next_is_decoded(tmp_path: Path) -> None:
    decode_recording(recorded(), maximum_seconds=10.0)
    pids = children()
    assert refusal(b"") == "the recording is empty"
    assert "is not a recording" in refusal(b"turn on the light, please. " * 100)
    assert "longer than 10 s" in refusal(recorded(11.0), seconds=10.0)
    assert "at most 1024 are allowed" in refusal(recorded(), size=1024)
    missing = tmp_path / "none.wav"
    assert refusal(missing).startswith(f"{missing} cannot be read: No such file")
    assert refusal(tmp_path).endswith("is not a file")
    assert len(decode_recording(recorded(), maximum_seconds=10.0)) == SAMPLE_RATE
    assert children() == pids


def test_what_needs_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    recording = long_silence(600.0)
    assert len(decode_recording(recording, maximum_seconds=700.0)) == 600 * SAMPLE_RATE
    monkeypatch.setattr(decoder_process, "LEAST_MEMORY_BYTES", 16_000_000)
    monkeypatch.setattr(decoder_process, "BYTES_PER_SAMPLE", 0)
    assert "memory" in refusal(recording, seconds=700.0) or "MB" in refusal(recording, 700.0)
    monkeypatch.undo()
    assert len(decode_recording(recorded(), maximum_seconds=10.0)) == SAMPLE_RATE


def test_what_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    recording = long_silence(1800.0)
    monkeypatch.setattr(decoder_process, "LEAST_CPU_S", 0.02)
    monkeypatch.setattr(decoder_process, "CPU_S_PER_SECOND", 0.0)
    assert "takes more than 0.02 s" in refusal(recording, seconds=2000.0)
    monkeypatch.undo()
    assert len(decode_recording(recorded(), maximum_seconds=10.0)) == SAMPLE_RATE


def test_a_decoder_that_crashes_is_the_error_of_its_recording() -> None:
    decode_recording(recorded(), maximum_seconds=10.0)

    def crash() -> bool:
        for pid in children():
            os.kill(pid, signal.SIGKILL)
        return False

    with pytest.raises(AudioError, match="its decoder ended with signal 9, SIGKILL"):
        decode_recording(long_silence(1800.0), maximum_seconds=2000.0, must_stop=crash)
    assert len(decode_recording(recorded(), maximum_seconds=10.0)) == SAMPLE_RATE


def test_a_decoder_that_died_while_it_was_idle_is_replaced() -> None:
    decode_recording(recorded(), maximum_seconds=10.0)
    for pid in children():
        os.kill(pid, signal.SIGKILL)
    until(lambda: not children(), "the decoder did not end")
    assert len(decode_recording(recorded(), maximum_seconds=10.0)) == SAMPLE_RATE


def test_decoding_is_broken_off_for_a_stop() -> None:
    with pytest.raises(Interrupted):
        decode_recording(long_silence(1800.0), maximum_seconds=2000.0, must_stop=lambda: True)
    assert len(decode_recording(recorded(), maximum_seconds=10.0)) == SAMPLE_RATE
