"""Encoded silence is cached on disk, for the weights that it was computed with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from appliance.engines.disk_cache import KEPT
from appliance.engines.whisper.encoded_silence_cache import cached_or_computed

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SILENCE = np.arange(12, dtype=np.float32).reshape(1, 3, 4)


class CountedComputation:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> NDArray[np.float32]:
        self.times += 1
        return SILENCE


@pytest.fixture(name="weights")
def _weights(tmp_path: Path) -> Path:
    file = tmp_path / "model.bin"
    file.write_bytes(bytes(range(256)) * 64)
    return file


def test_the_second_start_does_not_compute_again(tmp_path: Path, weights: Path) -> None:
    compute = CountedComputation()
    first = cached_or_computed(tmp_path / "cache", weights, "int8", compute)
    second = cached_or_computed(tmp_path / "cache", weights, "int8", compute)
    assert compute.times == 1
    assert np.array_equal(first, SILENCE)
    assert np.array_equal(second, SILENCE)
    assert second.dtype == np.float32


def test_other_weights_or_another_compute_type_are_computed_again(
    tmp_path: Path, weights: Path
) -> None:
    compute = CountedComputation()
    cached_or_computed(tmp_path / "cache", weights, "int8", compute)
    cached_or_computed(tmp_path / "cache", weights, "float32", compute)
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    cached_or_computed(tmp_path / "cache", weights, "float32", compute)
    assert compute.times == 3


def test_weights_that_differ_in_the_middle_are_distinguished(tmp_path: Path, weights: Path) -> None:
    compute = CountedComputation()
    weights.write_bytes(bytes(8 << 20))
    cached_or_computed(tmp_path / "cache", weights, "int8", compute)
    data = bytearray(8 << 20)
    data[3 << 20 : 4 << 20] = b"x" * (1 << 20)
    weights.write_bytes(data)
    cached_or_computed(tmp_path / "cache", weights, "int8", compute)
    assert compute.times == 2


def test_two_models_are_cached_at_once_and_old_ones_are_deleted(
    tmp_path: Path, weights: Path
) -> None:
    compute = CountedComputation()
    for version in ["one", "two", "one", "two"]:
        cached_or_computed(tmp_path / "cache", weights, version, compute)
    assert compute.times == 2
    for version in "abcdefgh":
        cached_or_computed(tmp_path / "cache", weights, version, compute)
    assert len(list((tmp_path / "cache").iterdir())) == KEPT


@pytest.mark.parametrize("left", [0, 20, 100])
def test_a_file_that_was_cut_off_is_computed_again(
    tmp_path: Path, weights: Path, left: int
) -> None:
    compute = CountedComputation()
    cached_or_computed(tmp_path / "cache", weights, "int8", compute)
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(file.read_bytes()[:left])
    assert np.array_equal(cached_or_computed(tmp_path / "cache", weights, "int8", compute), SILENCE)
    assert compute.times == 2


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path, weights: Path) -> None:
    compute = CountedComputation()
    (tmp_path / "cache").write_text("a file in place of the folder")
    assert np.array_equal(cached_or_computed(tmp_path / "cache", weights, "int8", compute), SILENCE)
