"""A library with CPU variants opens the right one; one without is left as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from appliance.engines.llama_variants import open_variants

if TYPE_CHECKING:
    from pathlib import Path


def library(folder: Path, *names: str) -> Path:
    for name in ("libllama.so", "libggml.so", "libggml-base.so", *names):
        (folder / name).touch()
    return folder


def test_a_library_with_variants_looks_for_the_one_of_this_cpu(tmp_path: Path) -> None:
    folder = library(tmp_path, "libggml-cpu-armv8.0_1.so", "libggml-cpu-armv8.2_2.so")
    opened: list[bytes] = []
    assert open_variants(folder, opened.append)
    assert opened == [bytes(folder)]


@pytest.mark.parametrize("linked", [[], ["libggml-cpu.so", "libggml-cpu.so.0"]])
def test_a_library_for_one_cpu_is_left_alone(tmp_path: Path, linked: list[str]) -> None:
    opened: list[bytes] = []
    assert not open_variants(library(tmp_path, *linked), opened.append)
    assert opened == []
