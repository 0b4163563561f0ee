"""The recorded proof of the image's parts is valid only for the files that it was made with."""

from __future__ import annotations

from pathlib import Path

import pytest
from builder import proof

digest = proof.IMAGE.digest


@pytest.fixture(autouse=True)
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


def test_the_build_from_nothing_is_outdated_by_what_its_stages_are_made_of(
    repository: Path,
) -> None:
    before = proof.FROM_NOTHING.digest()
    (repository / "systemd/appliance.service").write_text("another")
    (repository / "image-build/builder/a.py").write_text("another")  # of a later stage
    assert proof.FROM_NOTHING.digest() == before
    (repository / "image-build/builder/tools.py").write_text("another")
    assert proof.FROM_NOTHING.digest() != before


def test_all_that_a_proof_depends_on_is_in_the_repository() -> None:
    here = Path(__file__).parents[2]
    for one in (proof.IMAGE, proof.FROM_NOTHING):
        assert [name for name in one.inputs if not (here / name).exists()] == []


def test_nothing_is_proven_if_there_is_no_record() -> None:
    status, sentence = proof.IMAGE.state()
    assert status == 1
    assert "has not been proven yet. Run: sudo image-build/test --record" in sentence


PROOFS = pytest.mark.parametrize("one", [proof.IMAGE, proof.FROM_NOTHING])


@PROOFS
def test_parts_are_added_until_all_were_right(repository: Path, one: proof.Proof) -> None:
    first, *others = one.parts
    one.record({first: {"seconds": 1}})
    status, sentence = one.state()
    assert status == 69
    assert others[-1] in sentence
    assert first not in sentence
    one.record({name: {} for name in others})
    assert one.state()[0] == 0


@PROOFS
def test_other_files_have_to_be_proven_anew(repository: Path, one: proof.Proof) -> None:
    one.record({name: {} for name in one.parts})
    (repository / "image-build/builder/tools.py").write_text("another")
    assert one.state()[0] == 1
    one.record({one.parts[0]: {}})
    assert one.state()[0] == 69
