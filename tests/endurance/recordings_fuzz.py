"""Damaged recordings of every container that is read: each is decoded or refused, within limits.

    PYTHONPATH=.:tests python -m endurance.recordings_fuzz [--minutes 1] [--seed 1] [--keep FOLDER]

Seeds are made by FFmpeg's own encoders, one for each container and codec that the decoder's allow
list has; each is then damaged at random: bytes, numbers, lengths, order. Exit status 1 if a
recording ends this process's own calm: another error than AudioError, or memory that grows. A crash
of the decoder's process is counted and its recording kept.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import json
import random
import struct
import sys
import time
from pathlib import Path

import av
import numpy as np
import psutil

from appliance.audio.decoder_process import DecodingLimits, decode_recording
from appliance.errors import AudioError

MAXIMUM_S = 20.0
"""Of one recording, as with requests.maximum_audio_s = 20."""

MUXERS = {
    "wav": ("pcm_s16le", "pcm_u8", "pcm_f32le", "adpcm_ima_wav", "adpcm_ms", "pcm_alaw"),
    "w64": ("pcm_s16le",),
    "flac": ("flac",),
    "ogg": ("libopus", "libvorbis", "flac"),
    "mp3": ("libmp3lame",),
    "mov": ("aac", "pcm_s16be", "alac"),
    "ipod": ("aac", "alac"),
    "3gp": ("aac", "amr_nb"),
    "matroska": ("pcm_s16le", "flac", "libopus", "aac", "ac3", "mp2"),
    "webm": ("libopus", "libvorbis"),
    "adts": ("aac",),
    "aiff": ("pcm_s16be",),
    "au": ("pcm_mulaw", "pcm_s16be"),
    "caf": ("pcm_s16le", "alac"),
    "amr": ("amr_nb",),
    "wv": ("wavpack",),
    "asf": ("wmav2", "wmav1"),
    "ac3": ("ac3",),
    "tta": ("tta",),
}
"""By the name of FFmpeg's muxer: the codecs that it is tried with."""

NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)

NEAR_THE_BEGINNING = 0.7
"""Share of the faults that are in the header, where most numbers are."""

LEAK_MB = 40.0
"""Growth of this process above which its memory is not flat."""


def encoded(container: str, codec: str, rate: int, channels: int) -> bytes | None:
    """A second of noise and tone; None if this FFmpeg cannot write it."""
    layout = "mono" if channels == 1 else "stereo"
    time_s = np.arange(rate) / rate
    sound = 0.4 * np.sin(2 * np.pi * 440 * time_s) + 0.05 * np.random.default_rng(1).normal(
        size=rate
    )
    file = io.BytesIO()
    try:
        with av.open(file, mode="w", format=container) as writer:
            stream = writer.add_stream(codec, rate=rate, layout=layout)
            assert isinstance(stream, av.AudioStream)
            planes = np.repeat(sound[None, :].astype(np.float32), channels, axis=0)
            frame = av.AudioFrame.from_ndarray(planes, "fltp", layout)
            frame.rate = rate
            resampler = av.AudioResampler(stream.format, layout, rate, stream.frame_size or 4096)
            for piece in [*resampler.resample(frame), *resampler.resample(None)]:
                writer.mux(stream.encode(piece))
            writer.mux(stream.encode(None))
    except (av.error.FFmpegError, ValueError, LookupError, TypeError):
        return None
    return file.getvalue()


def seeds() -> dict[str, bytes]:
    """By container, codec, rate and channels."""
    found: dict[str, bytes] = {}
    for container, codecs in MUXERS.items():
        for codec in codecs:
            for rate, channels in ((8_000, 1), (16_000, 1), (48_000, 2)):
                recording = encoded(container, codec, rate, channels)
                if recording:
                    found[f"{container}/{codec}/{rate}/{channels}"] = recording
    return found


def damaged(recording: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """A recording with one to eight faults, most of them in its first kilobyte."""
    data = bytearray(recording)
    for _ in range(chance.randrange(1, 9)):
        if data:
            near = chance.random() < NEAR_THE_BEGINNING
            end = min(len(data), 1024) if near else len(data)
            chance.choice(FAULTS)(data, chance.randrange(end), others, chance)
    return bytes(data)


def _flip(data: bytearray, at: int, _others: list[bytes], chance: random.Random) -> None:
    data[at] ^= 1 << chance.randrange(8)


def _change_number(data: bytearray, at: int, _others: list[bytes], chance: random.Random) -> None:
    form = chance.choice(("<H", ">H", "<I", ">I", "<d", ">d", ">f"))
    number = chance.choice(NUMBERS)
    packed = struct.pack(form, number & 0xFFFF if "H" in form else number)
    data[at : at + len(packed)] = packed


def _remove(data: bytearray, at: int, _others: list[bytes], chance: random.Random) -> None:
    del data[at : at + chance.choice((1, 2, 4, 64, 4096))]


def _repeat(data: bytearray, at: int, _others: list[bytes], chance: random.Random) -> None:
    data[at:at] = data[at : at + chance.randrange(1, 512)] * chance.randrange(1, 20)


def _insert(data: bytearray, at: int, _others: list[bytes], chance: random.Random) -> None:
    data[at:at] = chance.randbytes(chance.randrange(1, 64))


def _splice(data: bytearray, at: int, others: list[bytes], chance: random.Random) -> None:
    other = chance.choice(others)
    start = chance.randrange(len(other))
    data[at : at + 256] = other[start : start + 256]


def _truncate(data: bytearray, at: int, _others: list[bytes], _chance: random.Random) -> None:
    del data[at + 1 :]


FAULTS = (_flip, _change_number, _remove, _repeat, _insert, _splice, _truncate)


class Fuzzing:
    """Decodes damaged recordings, and keeps what became of them."""

    def __init__(self, seed: int, keep: Path | None) -> None:
        self._chance = random.Random(seed)  # noqa: S311 (no secret)
        self._good = seeds()
        self._others = list(self._good.values())
        self._keep = keep
        self._came: collections.Counter[str] = collections.Counter()
        self.crashes: list[str] = []
        self._slowest_s = self._most_mb = 0.0
        self._me = psutil.Process()
        for recording in self._others:
            decode_recording(recording, maximum_seconds=MAXIMUM_S)
        self._before_mb = self._me.memory_info().rss / 1e6

    @property
    def grown_mb(self) -> float:
        """How much more memory this process has now."""
        return round(self._me.memory_info().rss / 1e6 - self._before_mb, 1)

    def turn(self) -> None:
        """Damage and decode one."""
        name = self._chance.choice(list(self._good))
        recording = damaged(self._good[name], self._others, self._chance)
        began = time.monotonic()
        try:
            decode_recording(recording, maximum_seconds=MAXIMUM_S)
            self._came["decoded"] += 1
        except AudioError as error:
            self._came["refused"] += 1
            self._note(name, recording, str(error))
        self._slowest_s = max(self._slowest_s, time.monotonic() - began)
        for child in self._me.children():
            with contextlib.suppress(psutil.Error):
                self._most_mb = max(self._most_mb, child.memory_info().rss / 1e6)

    def _note(self, name: str, recording: bytes, error: str) -> None:
        if "memory" in error or " MB to be decoded" in error:
            self._came["of these, for memory"] += 1
        if "its decoder ended" not in error and "takes more than" not in error:
            return
        self.crashes.append(f"{name}: {error}")
        if self._keep is not None:
            self._keep.mkdir(parents=True, exist_ok=True)
            path = self._keep / f"{len(self.crashes)}-{name.replace('/', '-')}"
            path.write_bytes(recording)

    def summary(self) -> dict[str, object]:
        """As JSON."""
        limits = DecodingLimits.of(max(map(len, self._others)), MAXIMUM_S)
        return {
            "seeds": len(self._good),
            "containers": sorted({name.partition("/")[0] for name in self._good}),
            **self._came,
            "crashes of the decoder's process": self.crashes,
            "slowest_s": round(self._slowest_s, 2),
            "decoder_most_mb": round(self._most_mb, 1),
            "decoder_limit_mb": round(limits.memory_bytes / 1e6),
            "own_growth_mb": self.grown_mb,
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for recordings that crashed the decoder")
    arguments = parser.parse_args()
    fuzzing = Fuzzing(arguments.seed, arguments.keep)
    end = time.monotonic() + arguments.minutes * 60
    while time.monotonic() < end:
        fuzzing.turn()
    print(json.dumps(fuzzing.summary(), indent=1))
    return 1 if fuzzing.grown_mb > LEAK_MB or fuzzing.crashes else 0


if __name__ == "__main__":
    sys.exit(main())
