"""When the speech detector is worth asking."""

from __future__ import annotations

import numpy as np

from appliance.audio.energy_gate import HANG, EnergyGate
from appliance.protocols import FRAME_SAMPLES

random = np.random.default_rng(4)


def noise(loudness: float, constant: float = 0.0) -> np.ndarray:
    sound = loudness * random.standard_normal(FRAME_SAMPLES) + constant
    return sound.astype(np.float32)


def opened(gate: EnergyGate, frames: list[np.ndarray]) -> int:
    return sum([gate.feed(frame) for frame in frames])


def test_a_steady_room_closes_it() -> None:
    gate = EnergyGate()
    opened(gate, [noise(0.01) for _ in range(100)])

    assert opened(gate, [noise(0.01) for _ in range(1000)]) == 0


def test_a_sound_somewhat_louder_than_the_room_opens_it_at_once_and_for_a_while() -> None:
    gate = EnergyGate()
    opened(gate, [noise(0.01) for _ in range(100)])

    assert gate.feed(noise(0.02))
    assert opened(gate, [noise(0.01) for _ in range(100)]) == HANG - 1


def test_digital_silence_closes_it_and_a_whisper_after_it_opens_it() -> None:
    gate = EnergyGate()
    silence = [noise(0.0) for _ in range(100)]

    assert opened(gate, silence) < HANG
    assert gate.feed(noise(0.0005))


def test_a_constant_on_every_sample_is_no_sound() -> None:
    gate = EnergyGate()
    opened(gate, [noise(0.001, constant=0.3) for _ in range(100)])

    assert not gate.feed(noise(0.001, constant=0.3))
    assert gate.feed(noise(0.003, constant=0.3))


def test_a_fan_that_was_switched_on_is_learned_within_half_a_minute() -> None:
    gate = EnergyGate()
    opened(gate, [noise(0.002) for _ in range(100)])
    assert gate.feed(noise(0.02))
    opened(gate, [noise(0.02) for _ in range(30 * 31)])

    assert opened(gate, [noise(0.02) for _ in range(100)]) == 0
