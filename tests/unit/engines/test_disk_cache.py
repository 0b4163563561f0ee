"""The disk cache returns only what it saved, and keeps few files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from appliance.engines.disk_cache import KEPT, DiskCache

if TYPE_CHECKING:
    from pathlib import Path


def test_saved_data_is_loaded_again(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path / "cache", "{}.kind")
    assert cache.load("a") is None
    cache.save("a", b"data")
    assert (cache.load("a"), cache.load("b")) == (b"data", None)


@pytest.mark.parametrize("left", [0, 5, 22, 25])
def test_a_file_that_was_cut_off_is_not_loaded(tmp_path: Path, left: int) -> None:
    cache = DiskCache(tmp_path, "{}.kind")
    cache.save("a", b"data")
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:left])
    assert cache.load("a") is None


def test_the_least_recently_used_files_are_deleted(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, "{}.kind")
    for number in range(KEPT):
        cache.save(str(number), b"data")
        os.utime(tmp_path / f"{number}.kind", (number, number))
    assert cache.load("0") == b"data"
    cache.save("new", b"data")
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["0", "2", "3", "new"]
