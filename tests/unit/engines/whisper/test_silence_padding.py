"""What is kept between starts is what was made, for these weights alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from appliance.engines.whisper.silence_padding import KEPT, kept_or_made

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MADE = np.arange(12, dtype=np.float32).reshape(1, 3, 4)


class _Work:
    def __init__(self) -> None:
        self.done = 0

    def __call__(self) -> NDArray[np.float32]:
        self.done += 1
        return MADE


@pytest.fixture(name="weights")
def _weights(tmp_path: Path) -> Path:
    file = tmp_path / "model.bin"
    file.write_bytes(bytes(range(256)) * 64)
    return file


def test_the_second_start_does_not_work_it_out_again(tmp_path: Path, weights: Path) -> None:
    work = _Work()
    first = kept_or_made(tmp_path / "kept", weights, "int8", work)
    second = kept_or_made(tmp_path / "kept", weights, "int8", work)
    assert work.done == 1
    assert np.array_equal(first, MADE)
    assert np.array_equal(second, MADE)
    assert second.dtype == np.float32


def test_other_weights_or_another_arithmetic_are_worked_out_anew(
    tmp_path: Path, weights: Path
) -> None:
    work = _Work()
    kept_or_made(tmp_path / "kept", weights, "int8", work)
    kept_or_made(tmp_path / "kept", weights, "float32", work)
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    kept_or_made(tmp_path / "kept", weights, "float32", work)
    assert work.done == 3


def test_another_training_is_told_by_the_middle_of_its_weights(
    tmp_path: Path, weights: Path
) -> None:
    work = _Work()
    weights.write_bytes(bytes(8 << 20))
    kept_or_made(tmp_path / "kept", weights, "int8", work)
    data = bytearray(8 << 20)
    data[3 << 20 : 4 << 20] = b"x" * (1 << 20)
    weights.write_bytes(data)
    kept_or_made(tmp_path / "kept", weights, "int8", work)
    assert work.done == 2


def test_two_models_are_kept_beside_each_other_and_old_ones_go(
    tmp_path: Path, weights: Path
) -> None:
    work = _Work()
    for made_by in ["one", "two", "one", "two"]:
        kept_or_made(tmp_path / "kept", weights, made_by, work)
    assert work.done == 2
    for made_by in "abcdefgh":
        kept_or_made(tmp_path / "kept", weights, made_by, work)
    assert len(list((tmp_path / "kept").iterdir())) == KEPT


@pytest.mark.parametrize("left", [0, 20, 100])
def test_a_file_that_was_cut_off_is_worked_out_anew(
    tmp_path: Path, weights: Path, left: int
) -> None:
    work = _Work()
    kept_or_made(tmp_path / "kept", weights, "int8", work)
    (file,) = (tmp_path / "kept").iterdir()
    file.write_bytes(file.read_bytes()[:left])
    assert np.array_equal(kept_or_made(tmp_path / "kept", weights, "int8", work), MADE)
    assert work.done == 2


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path, weights: Path) -> None:
    work = _Work()
    (tmp_path / "kept").write_text("a file stands where the folder would be")
    assert np.array_equal(kept_or_made(tmp_path / "kept", weights, "int8", work), MADE)
