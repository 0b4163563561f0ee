"""Sentence files: folders that cannot be read, circles, hidden files, and ranges."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from appliance.errors import SentencesError
from appliance.sentences.file_watch import FileWatch
from appliance.sentences.sentence_set import load

SENTENCE = "intents:\n  A:\n    data:\n      - sentences:\n          - {sentence!r}\n"


def block(sentence: str, rest: str = "") -> str:
    return SENTENCE.format(sentence=sentence) + rest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            block("go {l}", "lists:\n  l:\n    values: ['x {l}', y]\n"),
            "a.yaml:7: a list contains itself: {l} → {l}",
        ),
        (
            block("<x>", "expansion_rules:\n  x: a {l}\nlists:\n  l:\n    values: [b <x>]\n"),
            "a.yaml:7: a rule contains itself: <x> → {l} → <x>",
        ),
        (
            block("go {l}", "        lists:\n          l:\n            values: ['x {l}', y]\n"),
            "a.yaml:7: a list contains itself: {l} → {l}",
        ),
        (  # only the block's own list makes it a circle
            block(
                "<x>",
                "        lists:\n          l:\n            values: ['b <x>']\n"
                "expansion_rules:\n  x: a {l}\nlists:\n  l:\n    values: [c]\n",
            ),
            "a.yaml:7: a list contains itself: {l} → <x> → {l}",
        ),
    ],
)
def test_a_list_or_rule_that_contains_itself_is_reported_with_its_place(
    tmp_path: Path, text: str, expected: str
) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(SentencesError) as error:
        load(tmp_path, "en")
    assert error.value.problems == (f"{tmp_path}/{expected}",)


@pytest.mark.parametrize("locked", ["home", "home/en", "home/en/rooms"])
def test_if_one_folder_cannot_be_read_nothing_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locked: str
) -> None:
    (tmp_path / "home/en/rooms").mkdir(parents=True)
    (tmp_path / "home/en/a.yaml").write_text(block("lamp on"))
    place = str(tmp_path / locked)
    scandir, stat = os.scandir, Path.stat

    def listed(path: str) -> Any:  # as root, who may read everything
        if str(path) == place:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    def looked_at(path: Path, **how: Any) -> Any:
        if str(path.parent) == place:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, **how)

    monkeypatch.setattr(os, "scandir", listed)
    monkeypatch.setattr(Path, "stat", looked_at)
    with pytest.raises(SentencesError, match=rf"{place}\S*: cannot be read: Permission denied"):
        load(tmp_path / "home", "en")


def test_hidden_files_of_editors_and_macs_are_not_sentence_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(block("lamp on"))
    watch = FileWatch(tmp_path)
    (tmp_path / "._a.yaml").write_bytes(b"\x00\x05\x16\x07\xff")
    (tmp_path / ".#a.yaml").symlink_to("owner@desk.1")
    (tmp_path / ".trash").mkdir()
    (tmp_path / ".trash/b.yml").write_text("no: sentences")
    assert load(tmp_path, "en").parse("lamp on") is not None
    assert not any(watch.has_changed() for _ in range(3))
    (tmp_path / "b.yml").write_text(block("lamp off"))
    assert any(watch.has_changed() for _ in range(2))


SHARED = """
intents:
  Volume:
    data:
      - sentences: ["up by {up:step}"]
      - sentences: ["down by {down:step}"]
lists:
  up: {range: {from: 0, to: LAST}}
  down: {range: {from: 0, to: LAST, multiplier: -1}}
"""

OWN = """
intents:
  Volume:
    data:
      - {sentences: ["up by {step}"], lists: {step: {range: {from: 0, to: LAST}}}}
      - sentences: ["down by {step}"]
        lists: {step: {range: {from: 0, to: LAST, multiplier: -1}}}
"""


@pytest.mark.parametrize("ways", [("up", "down"), ("down", "up")])
@pytest.mark.parametrize("files", [SHARED, OWN])
def test_a_range_does_not_take_the_numbers_of_another(
    tmp_path: Path, files: str, ways: tuple[str, str]
) -> None:
    # A range of its own for each test: hassil remembers them for the whole process.
    last = 30 + 2 * (files == OWN) + (ways[0] == "down")
    (tmp_path / "a.yaml").write_text(files.replace("LAST", str(last)))
    loaded = load(tmp_path, "en")
    meant = {"up": 20, "down": -20}
    for way in ways:
        for number in ("20", "twenty"):
            intent = loaded.parse(f"{way} by {number}")
            assert intent is not None
            assert intent.slots == {"step": meant[way]}


@pytest.mark.parametrize("text", ["die Lampe ein", "das Licht in der Küche ein"])
def test_of_two_sentences_that_fit_the_one_with_fewer_letters_in_slots_wins(
    tmp_path: Path, text: str
) -> None:
    # "ein" is 1, too, and a brightness.
    names = "{in: Lampe, out: Lampe, context: {domain: light}}"
    lists = f"lists:\n  area: {{values: [Küche]}}\n  name: {{values: [{names}]}}\n"
    (tmp_path / "a.yaml").write_text(lists, "utf-8")
    intent = load(tmp_path, "de", builtin=True).parse(text)
    assert intent is not None
    assert intent.name == "HassTurnOn"
