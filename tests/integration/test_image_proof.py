"""What is written down of the image's parts counts for the files that it was seen with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from builder import proof

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "FILE", tmp_path / "proof.json")
    monkeypatch.setattr(proof, "digest", lambda: "these files")


def test_nothing_is_proven_where_nothing_is_written() -> None:
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
