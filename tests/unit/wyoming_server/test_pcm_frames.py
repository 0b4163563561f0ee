"""Sound of any rate and in any pieces becomes frames of 16 kHz."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.protocols import FRAME_SAMPLES
from appliance.values import SAMPLE_RATE, Samples
from appliance.wyoming_server.pcm_frames import PcmFrames, pcm_of


def tone(rate: int, seconds: float = 1.0, hertz: float = 440.0) -> Samples:
    time = np.arange(round(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def joined(frames: PcmFrames, pcm: bytes, piece: int) -> Samples:
    found = [one for i in range(0, len(pcm), piece) for one in frames.feed(pcm[i : i + piece])]
    return np.concatenate([*found, frames.rest()])


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_tone_keeps_its_length_pitch_and_level(rate: int, channels: int) -> None:
    pcm = pcm_of(np.repeat(tone(rate), channels))
    heard = joined(PcmFrames(rate, channels), pcm, piece=1_000)
    middle = heard[4_000:12_000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert abs(len(heard) - SAMPLE_RATE) <= 2 * FRAME_SAMPLES
    assert abs(np.argmax(spectrum) * SAMPLE_RATE / len(middle) - 440) < 3
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("piece", [1, 2, 3, 1_023, 1_024, 4_096, 100_000])
def test_it_does_not_matter_where_the_pieces_are_cut(piece: int) -> None:
    pcm = pcm_of(tone(16_000, 0.2))
    assert np.array_equal(
        joined(PcmFrames(16_000, 1), pcm, piece), joined(PcmFrames(16_000, 1), pcm, len(pcm))
    )


def test_two_channels_become_their_mean() -> None:
    pcm = pcm_of(np.tile(np.array([0.5, -0.5], dtype=np.float32), FRAME_SAMPLES))
    (frame,) = PcmFrames(16_000, 2).feed(pcm)
    assert not frame.any()


def test_sound_beyond_full_scale_is_clipped() -> None:
    assert pcm_of(np.array([2.0, -2.0], dtype=np.float32)) == b"\xff\x7f\x00\x80"
