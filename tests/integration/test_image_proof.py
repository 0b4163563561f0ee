"""The recorded proof of the image's parts is valid only for the files that it was made with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from builder import proof

if TYPE_CHECKING:
    from pathlib import Path


digest = proof.digest


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "FILE", tmp_path / "proof.json")
    monkeypatch.setattr(proof, "digest", lambda: "these files")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("image-build/builder", "systemd", "script"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("image-build/builder/a.py", "systemd/appliance.service", *LOCKS):
        (tmp_path / name).write_text("as it was")
    monkeypatch.setattr(proof, "REPOSITORY", tmp_path)
    return tmp_path


LOCKS = ("script/requirements.lock", "script/llama-cpp-python.lock", "script/build.lock")


@pytest.mark.parametrize(
    "changed", ["image-build/builder/a.py", "systemd/appliance.service", *LOCKS]
)
def test_a_change_of_what_the_image_is_made_of_outdates_the_proof(
    repository: Path, changed: str
) -> None:
    before = digest()
    assert digest() == before
    (repository / changed).write_text("another")
    assert digest() != before


def test_a_new_file_of_the_image_outdates_the_proof_too(repository: Path) -> None:
    before = digest()
    (repository / "image-build/builder/new.py").touch()
    assert digest() != before


def test_what_is_written_about_the_image_does_not(repository: Path) -> None:
    before = digest()
    for name in ("proof.json", "README.md", "builder/__pycache__/a.pyc", "builder/b.pyc"):
        place = repository / "image-build" / name
        place.parent.mkdir(exist_ok=True)
        place.write_text("anything")
    assert digest() == before


def test_nothing_is_proven_if_there_is_no_record() -> None:
    assert proof.state()[0] == 1


def test_parts_are_added_until_all_were_right() -> None:
    proof.record({"boot": {"seconds": 1}})
    status, sentence = proof.state()
    assert status == 69
    assert "update" in sentence
    assert "boot" not in sentence
    proof.record({name: {} for name in proof.PARTS if name != "boot"})
    assert proof.state()[0] == 0


def test_other_files_have_to_be_proven_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    proof.record({name: {} for name in proof.PARTS})
    monkeypatch.setattr(proof, "digest", lambda: "other files")
    assert proof.state()[0] == 1
    proof.record({"boot": {}})
    assert proof.state()[0] == 69
