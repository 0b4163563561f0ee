"""Which frames go to the voice activity detector."""

from __future__ import annotations

import numpy as np

from appliance.audio.energy_gate import HANGOVER_FRAMES, EnergyGate
from appliance.protocols import FRAME_SAMPLES

random = np.random.default_rng(4)


def noise(loudness: float, constant: float = 0.0) -> np.ndarray:
    sound = loudness * random.standard_normal(FRAME_SAMPLES) + constant
    return sound.astype(np.float32)


def open_frames(gate: EnergyGate, frames: list[np.ndarray]) -> int:
    return sum([gate.feed(frame) for frame in frames])


def test_steady_noise_closes_the_gate() -> None:
    gate = EnergyGate()
    open_frames(gate, [noise(0.01) for _ in range(100)])

    assert open_frames(gate, [noise(0.01) for _ in range(1000)]) == 0


def test_a_sound_above_the_noise_floor_opens_the_gate_at_once_and_for_the_hangover() -> None:
    gate = EnergyGate()
    open_frames(gate, [noise(0.01) for _ in range(100)])

    assert gate.feed(noise(0.02))
    assert open_frames(gate, [noise(0.01) for _ in range(100)]) == HANGOVER_FRAMES - 1


def test_digital_silence_closes_the_gate_and_a_whisper_after_it_opens_it() -> None:
    gate = EnergyGate()
    silence = [noise(0.0) for _ in range(100)]

    assert open_frames(gate, silence) < HANGOVER_FRAMES
    assert gate.feed(noise(0.0005))


def test_a_constant_on_every_sample_does_not_open_the_gate() -> None:
    gate = EnergyGate()
    open_frames(gate, [noise(0.001, constant=0.3) for _ in range(100)])

    assert not gate.feed(noise(0.001, constant=0.3))
    assert gate.feed(noise(0.003, constant=0.3))


def test_the_gate_closes_within_half_a_minute_after_a_fan_starts() -> None:
    gate = EnergyGate()
    open_frames(gate, [noise(0.002) for _ in range(100)])
    assert gate.feed(noise(0.02))
    open_frames(gate, [noise(0.02) for _ in range(30 * 31)])

    assert open_frames(gate, [noise(0.02) for _ in range(100)]) == 0
