"""Models on disk: whole, missing, truncated, tampered with, and remembered as verified."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from support.model_sources import CONFIG, WEIGHTS, lay_down, small_model

from appliance.errors import ModelDamaged, ModelMissing
from appliance.models import catalogue
from appliance.models.store import REMEMBERED, ModelState, Store

if TYPE_CHECKING:
    from pathlib import Path

MODEL = small_model()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store whose catalogue holds the small model alone."""
    monkeypatch.setattr(catalogue, "models", lambda: {MODEL.name: MODEL})
    return Store(tmp_path / "models")


def test_an_engine_is_given_the_folder_of_a_whole_model(store: Store) -> None:
    folder = lay_down(MODEL, store.directory)
    assert store.path_of("small") == folder


def test_a_missing_model_is_answered_with_the_command_that_fetches_it(store: Store) -> None:
    with pytest.raises(ModelMissing, match=r"not in .*models; run: appliance models pull small"):
        store.path_of("small")


def test_a_truncated_file_is_named_with_both_sizes(store: Store) -> None:
    (lay_down(MODEL, store.directory) / "model.bin").write_bytes(WEIGHTS[:1000])
    with pytest.raises(ModelDamaged, match=r"model.bin is 1000 bytes long in place of 1024000"):
        store.path_of("small")


def test_a_file_of_the_right_size_with_one_bit_turned_is_named(store: Store) -> None:
    folder = lay_down(MODEL, store.directory)
    (folder / "model.bin").write_bytes(WEIGHTS[:-1] + bytes([WEIGHTS[-1] ^ 1]))
    with pytest.raises(ModelDamaged, match=r"model.bin has the sha256 .*models pull small"):
        store.path_of("small")


def test_a_file_that_was_deleted_is_named(store: Store) -> None:
    (lay_down(MODEL, store.directory) / "config.json").unlink()
    with pytest.raises(ModelDamaged, match=r"config.json is not there"):
        store.path_of("small")


def test_a_file_changed_after_it_was_verified_is_found_though_its_time_is_set_back(
    store: Store,
) -> None:
    weights = lay_down(MODEL, store.directory) / "model.bin"
    before = weights.stat()
    assert store.look(MODEL).state is ModelState.READY
    weights.write_bytes(bytes(len(WEIGHTS)))
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.look(MODEL).state is ModelState.DAMAGED


def test_a_verified_file_is_not_read_again_but_thoroughly_it_is(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_down(MODEL, store.directory)
    store.look(MODEL)
    read: list[object] = []
    digest = catalogue_digest(read)
    monkeypatch.setattr("appliance.models.store.hashlib.file_digest", digest)
    assert store.look(MODEL).state is ModelState.READY
    assert read == []
    store.look(MODEL, thoroughly=True)
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
def test_a_spoilt_memory_of_what_was_verified_costs_a_reading_and_no_more(
    store: Store, nonsense: bytes
) -> None:
    folder = lay_down(MODEL, store.directory)
    (folder / REMEMBERED).write_bytes(nonsense)
    assert store.look(MODEL).state is ModelState.READY
    (folder / "model.bin").write_bytes(bytes(len(WEIGHTS)))
    assert store.look(MODEL).state is ModelState.DAMAGED


def test_a_model_in_a_folder_that_we_may_not_write_can_be_used(store: Store) -> None:
    folder = lay_down(MODEL, store.directory)
    (folder / REMEMBERED).mkdir()  # what even root cannot replace by a file
    assert store.path_of("small") == folder
    assert sorted(path.name for path in folder.iterdir()) == [
        *(REMEMBERED, "config.json", "model.bin")
    ]


def test_the_owners_own_model_is_taken_by_its_path(store: Store, tmp_path: Path) -> None:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(CONFIG)
    assert store.path_of(str(mine)) == mine


def test_the_owners_own_model_must_be_there(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"no model at .*mine.gguf; correct its path"):
        store.path_of(str(tmp_path / "mine.gguf"))


def test_removing_tells_the_bytes_that_it_freed(store: Store) -> None:
    folder = lay_down(MODEL, store.directory)
    assert store.remove(MODEL) == MODEL.bytes
    assert not folder.exists()
    assert store.remove(MODEL) == 0


def test_the_models_that_set_up_pulled_are_the_published_ones(models_directory: Path) -> None:
    found = Store(models_directory).look(catalogue.find("whisper-tiny.en"), thoroughly=True)
    assert found.problems == {}
