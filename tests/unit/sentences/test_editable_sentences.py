"""The owner's sentence files are edited only where they are, and what they held is kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.errors import EditRefused, SentencesError
from appliance.sentences import sentence_set
from appliance.sentences.editable_sentences import EditableSentences
from appliance.system.kept_versions import MOST, KeptVersions

GATE = "intents:\n  OpenGate:\n    data:\n      - sentences: [open the gate]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sentences" / "en").mkdir(parents=True)
    (tmp_path / "sentences" / "en" / "gate.yaml").write_text(GATE)
    return tmp_path / "sentences"


def files(folder: Path | None, state: Path) -> EditableSentences:
    own = state / "sentences"
    return EditableSentences(folder, "en", own_folder=own, state_directory=state)


def test_a_file_is_saved_with_its_permissions_and_put_back(folder: Path, tmp_path: Path) -> None:
    path = folder / "en" / "gate.yaml"
    path.chmod(0o640)
    edited = files(folder, tmp_path / "state")
    opened = edited.read("en/gate.yaml")
    digest = edited.save("en/gate.yaml", GATE.replace("open", "close"), opened.digest)
    assert path.read_text() == GATE.replace("open", "close")
    assert path.stat().st_mode & 0o777 == 0o640
    assert digest == edited.read("en/gate.yaml").digest
    assert [one.content for one in edited.versions("en/gate.yaml")] == [GATE.encode()]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_a_file_of_another_user_stays_that_users(folder: Path, tmp_path: Path) -> None:
    path = folder / "en" / "gate.yaml"
    os.chown(path, 12345, 12346)
    edited = files(folder, tmp_path / "state")
    edited.save("en/gate.yaml", "# changed\n", edited.read("en/gate.yaml").digest)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


def test_a_file_that_somebody_else_has_changed_is_not_overwritten(
    folder: Path, tmp_path: Path
) -> None:
    edited = files(folder, tmp_path / "state")
    opened = edited.read("en/gate.yaml")
    (folder / "en" / "gate.yaml").write_text("# by an editor\n")
    with pytest.raises(EditRefused, match="changed elsewhere"):
        edited.save("en/gate.yaml", GATE, opened.digest)
    with pytest.raises(EditRefused, match="changed elsewhere"):
        edited.save("en/gate.yaml", GATE, "")
    assert (folder / "en" / "gate.yaml").read_text() == "# by an editor\n"


@pytest.mark.parametrize(
    "name",
    [
        *("../config.toml", "/etc/passwd", "en/../../x.yaml", "other/x.yaml", "en/.x.yaml"),
        *("en/x.txt", "x.yaml", "en/x.yaml\n", ""),
    ],
)
def test_a_name_leads_nowhere_else(folder: Path, tmp_path: Path, name: str) -> None:
    edited = files(folder, tmp_path / "state")
    with pytest.raises(EditRefused):
        edited.save(name, GATE, "")
    with pytest.raises(EditRefused), edited.edited(name, GATE):
        pass
    with pytest.raises(EditRefused):
        edited.read(name)


def test_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text(GATE)
    (folder / "en" / "link.yaml").symlink_to(outside)
    edited = files(folder, tmp_path / "state")
    opened = edited.read("en/link.yaml")
    with pytest.raises(EditRefused, match="is a link"):
        edited.save("en/link.yaml", "# changed\n", opened.digest)
    assert outside.read_text() == GATE


@pytest.mark.parametrize("name", ["", "..", "a/b", "ä", "x" * 70, ".hidden", "gate"])
def test_a_new_file_has_a_plain_name_of_its_own(folder: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(EditRefused):
        files(folder, tmp_path / "state").named(name)


def test_an_edit_is_tried_beside_the_other_files_and_changes_none(
    folder: Path, tmp_path: Path
) -> None:
    edited = files(folder, tmp_path / "state")
    fence = GATE.replace("OpenGate", "PaintFence").replace("open the gate", "paint the fence")
    with edited.edited("en/fence.yaml", fence) as place:
        tried = sentence_set.load(place, "en")
        assert tried.parse("paint the fence") is not None
        assert tried.parse("open the gate") is not None
    assert not place.exists()
    assert edited.names() == ["en/gate.yaml"]


def test_the_first_save_makes_the_starter_set_the_owners(tmp_path: Path) -> None:
    edited = files(None, tmp_path / "state")
    shipped = edited.names()
    assert not edited.why_read_only()
    edited.save("en/gate.yaml", GATE, "")
    assert edited.names() == sorted([*shipped, "en/gate.yaml"])
    assert edited.folder == tmp_path / "state" / "sentences"
    again = files(edited.folder, tmp_path / "state")
    assert again.read("en/gate.yaml").text == GATE
    assert [one.content for one in again.versions("en/gate.yaml")] == [None]


def test_the_sentences_of_a_bundle_are_only_looked_at(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "fleet" / "bundles" / "3" / "sentences"
    folder.mkdir(parents=True)
    (folder / "gate.yaml").write_text(GATE)
    edited = files(folder, tmp_path / "state")
    assert "bundle" in edited.why_read_only()
    with pytest.raises(EditRefused, match="bundle"):
        edited.save("gate.yaml", "# changed\n", edited.read("gate.yaml").digest)


def test_a_removed_file_can_be_put_back(folder: Path, tmp_path: Path) -> None:
    edited = files(folder, tmp_path / "state")
    assert edited.save("en/gate.yaml", None, edited.read("en/gate.yaml").digest) == ""
    assert not (folder / "en" / "gate.yaml").exists()
    (version,) = edited.versions("en/gate.yaml")
    assert version.content is not None
    edited.save("en/gate.yaml", version.content.decode(), "")
    assert (folder / "en" / "gate.yaml").read_text() == GATE


def test_a_bounded_number_of_versions_is_kept_for_each_file(tmp_path: Path) -> None:
    versions = KeptVersions(tmp_path / "versions")
    for number in range(MOST + 5):
        versions.keep("a", str(number).encode())
    versions.keep("b", None)
    assert [one.content for one in versions.of("a")] == [
        str(number).encode() for number in reversed(range(5, MOST + 5))
    ]
    assert [one.content for one in versions.of("b")] == [None]


def test_a_rule_without_a_name_is_a_mistake_and_no_crash(folder: Path) -> None:
    text = GATE.replace("open the gate", '"<opn> the gate"')
    (folder / "en" / "gate.yaml").write_text(f"{text}expansion_rules:\n  ~: open\n  5: open\n")
    with pytest.raises(SentencesError, match="rule <opn> does not exist"):
        sentence_set.load(folder, "en")
