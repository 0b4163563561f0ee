"""Models on disk: complete, missing, truncated, changed, and verified before."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from support.model_sources import CONFIG, WEIGHTS, lay_down, small_model

from appliance.errors import ModelDamaged, ModelMissing
from appliance.models import catalogue
from appliance.models.store import VERIFIED_FILE, ModelState, Store

if TYPE_CHECKING:
    from pathlib import Path

MODEL = small_model()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store whose catalogue has only the small model."""
    monkeypatch.setattr(catalogue, "models", lambda: {MODEL.name: MODEL})
    return Store(tmp_path / "models")


def test_an_engine_gets_the_folder_of_a_complete_model(store: Store) -> None:
    folder = lay_down(MODEL, store.directory)
    assert store.path_of("small") == folder


def test_a_missing_model_is_an_error_with_the_command_that_fetches_it(store: Store) -> None:
    with pytest.raises(ModelMissing, match=r"not in .*models; run: appliance models pull small"):
        store.path_of("small")


def test_the_error_for_a_truncated_file_has_both_sizes(store: Store) -> None:
    (lay_down(MODEL, store.directory) / "model.bin").write_bytes(WEIGHTS[:1000])
    with pytest.raises(ModelDamaged, match=r"model.bin has 1000 bytes instead of 1024000"):
        store.path_of("small")


def test_the_error_for_a_flipped_bit_names_the_file(store: Store) -> None:
    folder = lay_down(MODEL, store.directory)
    (folder / "model.bin").write_bytes(WEIGHTS[:-1] + bytes([WEIGHTS[-1] ^ 1]))
    with pytest.raises(ModelDamaged, match=r"model.bin has the sha256 .*models pull small"):
        store.path_of("small")


def test_the_error_for_a_deleted_file_names_it(store: Store) -> None:
    (lay_down(MODEL, store.directory) / "config.json").unlink()
    with pytest.raises(ModelDamaged, match=r"config.json is missing"):
        store.path_of("small")


def test_a_file_that_changed_after_verification_is_found_though_its_time_is_set_back(
    store: Store,
) -> None:
    weights = lay_down(MODEL, store.directory) / "model.bin"
    before = weights.stat()
    assert store.inspect(MODEL).state is ModelState.READY
    weights.write_bytes(bytes(len(WEIGHTS)))
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.inspect(MODEL).state is ModelState.DAMAGED


def test_a_verified_file_is_read_again_only_by_a_full_inspection(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_down(MODEL, store.directory)
    store.inspect(MODEL)
    read: list[object] = []
    digest = catalogue_digest(read)
    monkeypatch.setattr("appliance.models.store.hashlib.file_digest", digest)
    assert store.inspect(MODEL).state is ModelState.READY
    assert read == []
    store.inspect(MODEL, full=True)
    assert len(read) == 2


def catalogue_digest(read: list[object]) -> object:
    """hashlib.file_digest, counting the files that it reads."""
    import hashlib  # noqa: PLC0415 (the real one, before it is replaced)

    real = hashlib.file_digest

    def digest(stream: object, kind: str) -> object:
        read.append(stream)
        return real(stream, kind)  # type: ignore[arg-type]

    return digest


@pytest.mark.parametrize("nonsense", [b"", b"{", b"[1]", b'{"model.bin": 7}', b"\xff\xfe"])
def test_a_damaged_list_of_verified_files_costs_only_a_second_reading(
    store: Store, nonsense: bytes
) -> None:
    folder = lay_down(MODEL, store.directory)
    (folder / VERIFIED_FILE).write_bytes(nonsense)
    assert store.inspect(MODEL).state is ModelState.READY
    (folder / "model.bin").write_bytes(bytes(len(WEIGHTS)))
    assert store.inspect(MODEL).state is ModelState.DAMAGED


def test_a_model_in_a_read_only_folder_can_be_used(store: Store) -> None:
    folder = lay_down(MODEL, store.directory)
    (folder / VERIFIED_FILE).mkdir()  # what even root cannot replace by a file
    assert store.path_of("small") == folder
    assert sorted(path.name for path in folder.iterdir()) == [
        *(VERIFIED_FILE, "config.json", "model.bin")
    ]


def test_an_owner_s_model_is_found_by_its_path(store: Store, tmp_path: Path) -> None:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(CONFIG)
    assert store.path_of(str(mine)) == mine


def test_a_missing_owner_s_model_is_an_error(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"no model at .*mine.gguf; correct its path"):
        store.path_of(str(tmp_path / "mine.gguf"))


def test_removing_returns_the_bytes_that_it_freed(store: Store) -> None:
    folder = lay_down(MODEL, store.directory)
    assert store.remove(MODEL) == MODEL.bytes
    assert not folder.exists()
    assert store.remove(MODEL) == 0


def test_the_pulled_models_are_the_published_ones(models_directory: Path) -> None:
    found = Store(models_directory).inspect(catalogue.models()["whisper-tiny.en"], full=True)
    assert found.problems == {}
