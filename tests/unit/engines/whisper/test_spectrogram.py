"""The spectrogram of audio, and what is cut off before."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.engines.whisper.spectrogram import LONGEST_S, log_mel, pieces, without_silence
from appliance.values import SAMPLE_RATE


def tone(seconds: float, hertz: float = 440.0) -> np.ndarray:
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


@pytest.mark.parametrize("samples", [1600, 16_000, 16_001, 41_603])
def test_there_is_a_frame_each_ten_milliseconds_and_their_number_is_even(samples: int) -> None:
    spectrogram = log_mel(np.zeros(samples, np.float32), 80)
    assert spectrogram.shape[0] == 80
    assert spectrogram.shape[1] % 2 == 0
    assert 0 <= spectrogram.shape[1] * 160 - samples < 320
    assert spectrogram.dtype == np.float32


def test_a_tone_is_loud_only_in_its_band() -> None:
    spectrogram = log_mel(tone(1.0, 1000.0), 80)
    brightest = spectrogram[:, 10:-10].mean(axis=1).argmax()
    # Up to 1 kHz a band is 15 mels / 81 bands of 200/3 Hz wide: the 1 kHz band is number 26.
    assert brightest in (25, 26, 27)


def test_the_range_ends_eight_decades_below_the_loudest() -> None:
    spectrogram = log_mel(tone(1.0), 80)
    assert spectrogram.max() - spectrogram.min() == pytest.approx(2.0)


def test_silence_at_either_end_is_cut_off_up_to_a_margin() -> None:
    quiet = np.full(3 * SAMPLE_RATE, 1e-4, np.float32)
    kept = without_silence(np.concatenate([quiet, tone(1.0), quiet]))
    assert 1.4 < len(kept) / SAMPLE_RATE < 1.8


def test_audio_that_is_loud_throughout_is_kept() -> None:
    assert len(without_silence(tone(2.0))) == 2 * SAMPLE_RATE
    assert len(without_silence(np.zeros(0, np.float32))) == 0


def test_long_audio_is_cut_in_its_pauses_and_nothing_is_lost() -> None:
    pause = np.zeros(SAMPLE_RATE // 2, np.float32)
    long = np.concatenate([tone(20.0), pause, tone(20.0), pause, tone(3.0)])
    found = pieces(long)
    assert np.array_equal(np.concatenate(found), long)
    assert all(len(piece) <= LONGEST_S * SAMPLE_RATE for piece in found)
    assert len(found[0]) == pytest.approx(20.25 * SAMPLE_RATE, abs=0.3 * SAMPLE_RATE)
